"""What was done to the examples and how to take it back, kept in the file: undo outlives a restart.

Several studios may be open on one project: each takes back its own changes, and those from
before it was started.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.records import content_sha
from studio.store.db import now, write
from studio.store.example_drafts import ExampleDraft, ExampleDrafts, texts_in
from studio.store.examples import Examples
from studio.store.keyvalue import KeyValues

if TYPE_CHECKING:
    from studio.store.db import Database

DONE = "examples.done"
UNDONE = "examples.undone"
MOST = 200
"""Changes that are remembered."""

Step = tuple[str, list[Any]]
"""One way back, as JSON can hold it: its name in :data:`_STEPS` and what that takes."""


def deletion(*example_ids: int) -> Step:
    """Back from new examples."""
    return ("delete", list(example_ids))


def restoration(*example_ids: int) -> Step:
    """Back from a delete."""
    return ("restore", list(example_ids))


def switching(example_id: int, *, on: bool) -> Step:
    """Back from a switch."""
    return ("switch", [example_id, on])


def order(places: Mapping[int, int]) -> Step:
    """Back from a move: example → position, with those that are off the list."""
    return ("order", [list(place) for place in places.items()])


def tagging(example_id: int, *, add: Sequence[str], drop: Sequence[str]) -> Step:
    """Back from other tags."""
    return ("tag", [example_id, list(add), list(drop)])


def rewording(example_id: int, texts: Mapping[str, str], *, over: str) -> Step:
    """Back to another wording, if the present one still has the hash ``over``."""
    return ("word", [example_id, dict(texts), over])


def drafting(draft: ExampleDraft) -> Step:
    """Back from a draft that was dropped."""
    return ("draft", [draft.example_id, dict(draft.texts), draft.session])


def wording_sha(texts: Mapping[str, str]) -> str:
    """The hash that :func:`rewording` compares, of an example's texts in their order."""
    return content_sha(*texts.values())


@dataclass(frozen=True, slots=True)
class Taken:
    """A change that was taken back, or done again."""

    words: str
    """What the change was, such as "switched off"."""
    whole: bool
    """False when a part was left as it is, for another studio has changed it since."""


@dataclass(frozen=True, slots=True)
class ExampleChanges:
    """The latest changes, oldest first."""

    db: Database

    def note(self, session: str, words: str, back: Sequence[Step]) -> None:
        """Remember a change; what the session had undone cannot be done again after it."""
        with write(self.db):
            self._push(DONE, {"session": session, "at": now(), "words": words, "steps": back})
            undone = [change for change in self._all(UNDONE) if change["session"] != session]
            KeyValues(self.db).set(UNDONE, undone)

    def undo(self, session: str, began: str) -> Taken | None:
        """Take back the latest change of the session, else the latest from before it began.

        None when there is nothing to take back.
        """
        with write(self.db):
            own = [change for change in self._all(DONE) if change["session"] == session]
            earlier = [change for change in self._all(DONE) if change["at"] < began]
            mine = own or earlier
            return self._take(mine[-1], session, DONE, UNDONE) if mine else None

    def redo(self, session: str) -> Taken | None:
        """Do again what the session has taken back last; None when there is nothing."""
        with write(self.db):
            own = [change for change in self._all(UNDONE) if change["session"] == session]
            return self._take(own[-1], session, UNDONE, DONE) if own else None

    def _take(self, change: dict[str, Any], session: str, source: str, target: str) -> Taken:
        changes = self._all(source)
        # Equal changes within a millisecond: the last of them is the one that is meant.
        place = max(n for n, one in enumerate(changes) if one == change)
        KeyValues(self.db).set(source, changes[:place] + changes[place + 1 :])
        ways = [_STEPS[name](self.db, argument) for name, argument in change["steps"]]
        steps = [way for way in reversed(ways) if way is not None]
        self._push(target, {**change, "session": session, "at": now(), "steps": steps})
        return Taken(str(change["words"]), whole=len(steps) == len(ways))

    def _push(self, key: str, change: dict[str, Any]) -> None:
        KeyValues(self.db).set(key, [*self._all(key), change][-MOST:])

    def _all(self, key: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = KeyValues(self.db).get(key, [])
        return found


def _delete(db: Database, example_ids: list[int]) -> Step:
    for example_id in example_ids:
        Examples(db).delete(example_id)
    return restoration(*example_ids)


def _restore(db: Database, example_ids: list[int]) -> Step:
    for example_id in example_ids:
        Examples(db).restore(example_id)
    return deletion(*example_ids)


def _switch(db: Database, argument: list[Any]) -> Step:
    example_id, on = argument
    Examples(db).switch(example_id, on=on)
    return switching(example_id, on=not on)


def _order(db: Database, places: list[list[int]]) -> Step:
    before = Examples(db).places()
    Examples(db).put({row[0]: row[1] for row in places})
    return order(before)


def _tag(db: Database, argument: list[Any]) -> Step:
    example_id, add, drop = argument
    Examples(db).tag(example_id, add=add, drop=drop)
    return tagging(example_id, add=drop, drop=add)


def _word(db: Database, argument: list[Any]) -> Step | None:
    example_id, *row, over = argument
    current = Examples(db).get(example_id)
    if current is None or wording_sha(current.texts) != over:
        return None
    written = current.worded(texts_in(row))
    Examples(db).edit(written)
    return rewording(example_id, current.texts, over=wording_sha(written.texts))


def _draft(db: Database, argument: list[Any]) -> Step:
    ExampleDrafts(db).keep(_draft_in(argument))
    return ("undraft", argument)


def _undraft(db: Database, argument: list[Any]) -> Step:
    ExampleDrafts(db).drop(_draft_in(argument))
    return ("draft", argument)


def _draft_in(argument: list[Any]) -> ExampleDraft:
    example_id, *row, session = argument
    return ExampleDraft(example_id, texts_in(row), session)


_STEPS: dict[str, Callable[[Database, list[Any]], Step | None]] = {
    "delete": _delete,
    "restore": _restore,
    "switch": _switch,
    "order": _order,
    "tag": _tag,
    "word": _word,
    "draft": _draft,
    "undraft": _undraft,
}
