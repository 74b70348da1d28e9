"""The table of all actions: what can be done, by which keys, in which words. No logic here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Scope = Literal[
    "app",
    "list",
    "field",
    "recall",
    "text",
    "home",
    "examples",
    "prompt",
    "generate",
    "review",
    "rounds",
    "train",
    "search",
    "jobs",
]

SCOPES: Final[dict[Scope, str]] = {
    "app": "Everywhere",
    "list": "In a list",
    "field": "In a text field",
    "recall": "In a field that searches",
    "text": "In a text to read",
    "home": "Home",
    "examples": "Examples",
    "prompt": "Prompt",
    "generate": "Generate",
    "review": "Review",
    "rounds": "Rounds",
    "train": "Train",
    "search": "Search",
    "jobs": "Jobs",
}
"""Scope → the heading a person reads."""

PANES: Final[tuple[Scope, ...]] = tuple(
    scope for scope in SCOPES if scope not in ("app", "list", "field", "recall", "text")
)
"""The scopes that are a whole screen; each is a mode of the program by the same name."""


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do with a key."""

    id: str
    """``scope.verb``: the name in the keymap and, with ``_`` for ``-``, of the method."""
    keys: tuple[str, ...]
    """Keys as Textual names them; none: from the palette only."""
    label: str
    """One or two words for the footer."""
    help: str
    """One line for help, palette and README."""
    footer: bool = False
    """Whether the footer shows it."""
    priority: bool = False
    """Whether it comes before the field that has the focus."""

    @property
    def scope(self) -> Scope:
        """Where it can be done."""
        scope = self.id.partition(".")[0]
        return next(known for known in SCOPES if known == scope)

    @property
    def method(self) -> str:
        """The name behind ``action_`` of the method that does it."""
        return self.id.partition(".")[2].replace("-", "_")


ACTIONS: Final = (
    Action("app.home", ("0",), "Home", "recent projects, a new project"),
    Action("app.examples", ("1",), "Examples", "write and edit the few-shot examples"),
    Action("app.prompt", ("2",), "Prompt", "edit the template, watch generations live"),
    Action("app.generate", ("3",), "Generate", "plan a run, watch it, change it under way"),
    Action("app.review", ("4",), "Review", "accept, reject and edit records by single keys"),
    Action(
        "app.rounds", ("5",), "Rounds", "what the small model gets wrong, and its extrapolations"
    ),
    Action("app.train", ("6",), "Train", "train a model, see its curves, compare models"),
    Action("app.search", ("7",), "Search", "rankings side by side; mark gold"),
    Action("app.jobs", ("8",), "Jobs", "all that runs or ran, logs, results"),
    Action(
        "app.path",
        ("ctrl+r",),
        "Run the path",
        "run the path: generate → filter → train → evaluate",
        footer=True,
    ),
    Action("app.start-generate", (), "Generate", "start one step: an LLM writes records"),
    Action("app.start-filter", (), "Filter", "start one step: filter the records"),
    Action("app.start-judge", (), "Judge", "start one step: an LLM rates the records"),
    Action("app.start-train", (), "Train", "start one step: train a model"),
    Action("app.start-evaluate", (), "Evaluate", "start one step: score base and trained model"),
    Action(
        "app.palette", ("ctrl+p",), "All actions", "every action with its key", True, priority=True
    ),
    Action("app.help", ("question_mark", "f1"), "Help", "keys for what has the focus", True),
    Action(
        "app.jump",
        ("ctrl+o", "f9"),
        "Jump",
        "a letter on each part of the screen goes there",
        priority=True,
    ),
    Action(
        "app.messages",
        ("f5",),
        "Messages",
        "all that was told in this session, whole",
        priority=True,
    ),
    Action("app.pager", ("f3",), "Pager", "read the text in hand in $PAGER", priority=True),
    Action("app.editor", ("f4",), "Editor", "edit the text in hand in $EDITOR", priority=True),
    Action("app.tour", (), "Tour", "one minute through the panes"),
    Action("app.copy", ("y",), "Copy", "copy the selected text, else what the pane is about"),
    Action("app.copy-to-file", ("Y",), "To file", "write what would be copied to a file"),
    Action("app.export", ("f6",), "Export", "write records as files; in Review what is chosen"),
    Action("app.theme", ("f2",), "Theme", "next theme: dark, light, ANSI, high contrast"),
    Action(
        "app.line-back",
        ("less_than_sign",),
        "Line left",
        "move the line between two parts of the pane left, or up",
    ),
    Action(
        "app.line-on",
        ("greater_than_sign",),
        "Line right",
        "move the line between two parts of the pane right, or down",
    ),
    Action("app.suspend", ("ctrl+z",), "Suspend", "back to the shell; `fg` returns"),
    Action("app.quit", ("q", "ctrl+q"), "Quit", "leave; running jobs go on", footer=True),
    Action("list.down", ("j", "down"), "Down", "next row"),
    Action("list.up", ("k", "up"), "Up", "row before"),
    Action("list.first", ("g", "home"), "First", "first row"),
    Action("list.last", ("G", "end"), "Last", "last row"),
    Action("list.page-down", ("pagedown", "ctrl+d"), "Page down", "one screen down"),
    Action("list.page-up", ("pageup", "ctrl+u"), "Page up", "one screen up"),
    Action("list.left", ("h", "left"), "Left", "the list or text to the left"),
    Action("list.right", ("l", "right"), "Right", "the list or text to the right"),
    Action("list.choose", ("enter",), "Choose", "open or use the row"),
    Action("text.down", ("j", "down"), "Down", "one line down"),
    Action("text.up", ("k", "up"), "Up", "one line up"),
    Action("text.first", ("g", "home"), "Start", "the beginning"),
    Action("text.last", ("G", "end"), "End", "the end"),
    Action("text.half-down", ("ctrl+d", "pagedown"), "Further", "half a screen down"),
    Action("text.half-up", ("ctrl+u", "pageup"), "Back", "half a screen up"),
    Action("text.left", ("h", "left"), "Left", "the list or text to the left"),
    Action("text.right", ("l", "right"), "Right", "the list or text to the right"),
    Action("field.leave", ("escape",), "Leave the field", "back to the list; all is saved", True),
    Action("recall.earlier", ("up",), "Earlier", "what was searched for before", footer=True),
    Action("recall.later", ("down",), "Later", "what was searched for after that"),
    Action("home.open", ("o",), "Open folder", "open a project by its path", footer=True),
    Action("home.new", ("n",), "New project", "make a project from a sample or own files", True),
    Action("home.forget", ("x",), "Forget", "take the project off this list; its files stay", True),
    Action("examples.edit", ("e",), "Edit", "write the selected example", True),
    Action("examples.new", ("n",), "New", "a new example; with a corpus, for its document", True),
    Action("examples.search", ("slash",), "Corpus", "find a document, or else an example", True),
    Action("examples.on-off", ("space",), "On/off", "use the example as a shot, or don't", True),
    Action("examples.delete", ("x", "delete"), "Delete", "take the example off the list", True),
    Action(
        "examples.undo", ("u",), "Undo", "undo the last change here, also after a restart", True
    ),
    Action("examples.redo", ("U",), "Redo", "do again what was undone last"),
    Action("examples.tags", ("t",), "Tags", "edit the tags of the example", footer=True),
    Action("examples.duplicate", ("D",), "Duplicate", "a second example, to be changed", True),
    Action(
        "examples.filter", ("f",), "Filter", "show only examples with some words or #tags", True
    ),
    Action(
        "examples.import", ("i",), "Import", "add the examples of a JSONL, CSV or TSV file", True
    ),
    Action("examples.export", ("w",), "Export", "write the examples shown to a file", footer=True),
    Action("examples.edit-document", ("E",), "Edit last text", "edit its document, or its output"),
    Action("examples.move-down", ("J",), "Move down", "move the example down"),
    Action("examples.move-up", ("K",), "Move up", "move the example up"),
    Action(
        "examples.records", ("r",), "Records", "what it helped to make; enter opens it in Review"
    ),
    Action(
        "examples.compare", ("d",), "Compare", "decide between your unsaved wording and the saved"
    ),
    Action("examples.back", ("escape",), "Back", "back to the examples; there, end the filter"),
    Action("prompt.edit", ("e",), "Edit", "edit the template", footer=True),
    Action(
        "prompt.save", ("w", "ctrl+s"), "Save version", "keep the draft as the next version", True
    ),
    Action(
        "prompt.versions", ("v",), "Versions", "versions with notes and differences, go back", True
    ),
    Action(
        "prompt.compare",
        ("c",),
        "Compare",
        "two columns: another version, endpoint or temperature",
        footer=True,
    ),
    Action("prompt.decide", ("d",), "Two drafts", "decide between your draft and another one's"),
    Action("prompt.more", ("m",), "More", "ask 5 further requests for the score", True),
    Action("prompt.live", ("p",), "Live on/off", "stream generations as you type, or stop", True),
    Action("prompt.again", ("r",), "Draw again", "another answer for each column", True),
    Action("prompt.documents", ("n",), "Next three", "preview the next three requests", True),
    Action("prompt.stage", ("s",), "Stage", "preview the next stage, or template of a set", True),
    Action("prompt.improve", ("i",), "Improve", "let an LLM propose other wordings, and try them"),
    Action("prompt.template", ("t",), "Templates", "start again from a bundled template", True),
    Action("prompt.search", ("slash",), "Pick document", "preview a document found by its words"),
    Action(
        "prompt.next-remark",
        ("right_square_bracket", "f8"),
        "Next remark",
        "to the line of the template's next remark; f8 also while writing",
    ),
    Action("prompt.next-document", ("l", "right"), "Next column", "go to the next column"),
    Action("prompt.previous-document", ("h", "left"), "Column before", "go to the column before"),
    Action(
        "prompt.view", ("z",), "Template/prompt", "on a small screen: template or rendered prompt"
    ),
    Action("prompt.endpoint", ("o",), "Endpoint", "choose who generates the preview"),
    Action("generate.start", ("s", "ctrl+g"), "Start", "start the run as planned", True),
    Action("generate.endpoint", ("o",), "Endpoint", "choose who generates, from a list", True),
    Action("generate.test", ("t",), "Test", "ask the endpoint for a few tokens", True),
    Action("generate.pause", ("p",), "Pause", "send nothing new for now, or go on", True),
    Action("generate.faster", ("plus", "equals_sign"), "More", "more calls at a time", True),
    Action("generate.slower", ("minus",), "Less", "fewer calls at a time", True),
    Action("generate.cancel", ("x", "c"), "Stop it", "stop the run; what is stored stays", True),
    Action("generate.resume", ("r",), "Resume", "go on; no stored answer is paid again", True),
    Action("generate.drops", ("d",), "Dropped", "why answers made no record, with examples", True),
    Action(
        "generate.filter", ("f",), "Filter", "start the next step: filter what was written", True
    ),
    Action("generate.judge", ("i",), "Judge", "start the step after: an LLM rates what is kept"),
    Action("generate.plan", ("n",), "New run", "plan another run", True),
    Action("generate.watch", ("w",), "Watch", "watch the run, or look at the last one", True),
    Action("train.new", ("n",), "New training", "choose data, base and settings, then train", True),
    Action("train.rerank", ("a",), "Reranker", "train a model that orders what a retriever finds"),
    Action("train.won-lost", ("w",), "Won/lost", "what was won and lost; enter opens one", True),
    Action(
        "train.compare", ("c",), "Compare", "mark this model; on another, compare the two", True
    ),
    Action(
        "train.lineage", ("l",), "Lineage", "the data, prompts, filters and models behind it", True
    ),
    Action("train.evaluate", ("e",), "Evaluate", "score base and this model on gold", True),
    Action(
        "train.view", ("v",), "Curves", "back to curves and scores; when narrow, one or the other"
    ),
    Action("train.against", ("b",), "Base/BM25", "won and lost against the base, or BM25"),
    Action("train.alike", ("s",), "Start alike", "a new training that begins with these settings"),
    Action("train.cancel", ("x",), "Stop it", "end the training; its best step is kept", True),
    Action("train.resume", ("r",), "Resume", "go on from the last checkpoint", True),
    Action("train.rename", ("m",), "Rename", "call the model by another name"),
    Action("train.copy-to", ("o",), "Copy to", "copy the model's folder to where you say"),
    Action("train.note", ("t",), "Note", "write a line about the model"),
    Action("review.accept", ("a",), "Accept", "accept the record or the range, go on", True),
    Action("review.reject", ("r",), "Reject", "reject the record or the range, go on", True),
    Action("review.edit", ("e",), "Edit", "edit the record in place; esc finishes", footer=True),
    Action("review.note", ("m",), "Note", "write a note on the record; esc finishes", True),
    Action("review.flag", ("f",), "Flag", "flag the record or the range, or take it off", True),
    Action("review.undo", ("u",), "Undo", "undo the last change, whatever it was", True),
    Action("review.redo", ("U",), "Redo", "redo what was undone last"),
    Action("review.clear", ("c",), "Clear", "clear your decision on the record"),
    Action("review.next-undecided", ("n",), "Next", "go to the next undecided record", True),
    Action("review.previous-undecided", ("N",), "Before", "go to the undecided record before"),
    Action("review.find", ("slash",), "Search", "show records that hold these words", True),
    Action(
        "review.filter", ("d",), "Show only", "by type, label, verdict, reason, prompt, job", True
    ),
    Action("review.sort", ("s",), "Order", "sort the records", footer=True),
    Action("review.threshold", ("t",), "Threshold", "move a filter's threshold, see it live", True),
    Action("review.categories", ("b",), "Categories", "what the records ask for, and what is kept"),
    Action("review.judge", ("i",), "Judge", "have an LLM rate the kept records"),
    Action("review.show-all", ("x",), "Show all", "clear search words and filters"),
    Action("review.mark", ("space",), "Mark", "mark the record for A, R and F"),
    Action("review.range", ("v",), "Range", "begin a range here, move, then a, r or f"),
    Action("review.unselect", ("escape",), "Unselect", "leave the range, else take marks off"),
    Action(
        "review.accept-all",
        ("A",),
        "Accept all",
        "the marked, the range or all shown, once confirmed",
    ),
    Action(
        "review.reject-all",
        ("R",),
        "Reject all",
        "the marked, the range or all shown, once confirmed",
    ),
    Action(
        "review.flag-all", ("F",), "Flag all", "the marked, the range or all shown, once confirmed"
    ),
    Action("review.side", ("z",), "Beside", "record, made by, judged, alike: the next", True),
    Action("review.side-back", ("Z",), "Beside, back", "show what was beside it before"),
    Action("review.side-down", ("J",), "Scroll beside", "scroll what stands beside the table"),
    Action("review.side-up", ("K",), "Scroll back", "scroll what stands beside back up"),
    Action("review.read-again", ("full_stop",), "Read new", "show what others added or changed"),
    Action(
        "search.query", ("slash",), "Query", "type what to look for; answers come as you type", True
    ),
    Action(
        "search.right", ("a",), "Right", "this document answers the query; it becomes gold", True
    ),
    Action("search.wrong", ("r",), "Wrong", "this document does not answer the query", True),
    Action("search.undo", ("u",), "Undo", "take the last mark of this session back", True),
    Action("search.browse", ("b",), "Gold", "list the gold queries; enter runs one", True),
    Action("search.model", ("o",), "Systems", "choose which systems answer side by side", True),
    Action("search.split", ("s",), "Split", "where marks go: validation or test gold", True),
    Action("search.unmark", ("x",), "No mark", "take the mark off this document"),
    Action("search.next-column", ("l", "right", "tab"), "Next column", "the ranking to the right"),
    Action(
        "search.previous-column", ("h", "left", "shift+tab"), "Column before", "the one to the left"
    ),
    Action("search.next-gold", ("n",), "Next gold", "run the next gold query of the list"),
    Action("search.previous-gold", ("N",), "Gold before", "run the gold query before it"),
    Action("search.more", ("plus", "equals_sign"), "More", "more results in each column"),
    Action("search.fewer", ("minus",), "Fewer", "fewer results in each column"),
    Action("search.embed", ("E",), "Embed", "embed the corpus though it takes long"),
    Action("search.restart", ("R",), "Restart", "start the search process again"),
    Action("rounds.start", ("s",), "Start", "plan a run of rounds; there, start it", True),
    Action(
        "rounds.approve-all", ("A",), "Approve all", "approve all extrapolations, train on", True
    ),
    Action("rounds.approve", ("a",), "Approve", "approve the extrapolation, go on", footer=True),
    Action("rounds.reject", ("r",), "Reject", "reject the extrapolation, go on", footer=True),
    Action("rounds.edit", ("e",), "Edit", "edit the extrapolation; esc finishes", footer=True),
    Action("rounds.note", ("m",), "Note", "write a note on the extrapolation; esc finishes"),
    Action("rounds.ask-again", ("n",), "Ask again", "have one more written from this error", True),
    Action("rounds.undo", ("u",), "Undo", "undo the last change, whatever it was", True),
    Action("rounds.redo", ("U",), "Redo", "redo what was undone last"),
    Action("rounds.word-diff", ("w",), "Word diff", "mark the words that differ", footer=True),
    Action("rounds.figures", ("z",), "Figures", "rounds, curve and how near, large", footer=True),
    Action("rounds.how-near", ("d",), "How near", "measure extrapolations beside errors, by a job"),
    Action(
        "rounds.previous-round",
        ("left_square_bracket",),
        "Round before",
        "errors of the one before",
    ),
    Action("rounds.next-round", ("right_square_bracket",), "Next round", "errors of the next one"),
    Action("rounds.choose", ("o",), "Choose", "the run; in the form, what a line can be", True),
    Action(
        "rounds.cancel", ("x", "c"), "Stop/resume", "stop the run's job, or resume it", footer=True
    ),
    Action("jobs.start", ("n",), "Start…", "choose one step to start", footer=True),
    Action("jobs.cancel", ("x", "c"), "Stop it", "stop the job; what is done stays", footer=True),
    Action("jobs.resume", ("r",), "Resume", "go on; no stored answer is paid again", True),
    Action("jobs.pause", ("p",), "Pause", "a run rests: sends nothing new, or goes on", True),
    Action("jobs.filter", ("slash",), "Filter", "only jobs of a kind or state", footer=True),
    Action("jobs.log", ("l",), "Log", "read the log; esc goes back to the list", footer=True),
    Action(
        "jobs.delete",
        ("delete", "D"),
        "Delete files",
        "delete a finished job's files; its row stays",
        True,
    ),
)
"""All actions, in the order in which help and footer show them."""
