"""S3's idea carried to retrievers: queries that miss their document are extrapolated.

None of the reference systems has this. An error is a gold validation query whose right document is
not among the first k of the round's model. The LLM writes another query that would be missed in the
same way, for the right document, and one for each of its hard negatives (the wrong documents that
came first), so that the model learns to tell them apart; those also become hard negatives of the
training. The seed are the project's kept queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from studio.calls import Answer
from studio.methods.protocol import Ask, Draft, Feedback, Made, Method, Missed, Plan
from studio.methods.s3 import ABOUT, FORM, PAPER, given_of, request_for
from studio.methods.written_text import read_text
from studio.params import Params, option
from studio.prompting.staged import rendered_part, stage_messages
from studio.prompting.words import one_line
from studio.records import QUERY, Document, RecordType


@dataclass(frozen=True, slots=True)
class RetrievalSettings(Params):
    """What a person can set of S3 for retrievers."""

    hard_negatives: int = option(
        1,
        "Hard negatives",
        "wrong documents that came first, for which a query is written too",
        least=0,
        older=("confusers",),
    )


@dataclass(frozen=True, slots=True)
class MissedQueries:
    """For each missed query one more for its document, and one for each hard negative."""

    makes: RecordType = QUERY
    feedback: Feedback = "errors"
    name: str = "extrapolation"
    words: str = "extrapolations"
    distinct: bool = True

    def ask(self, plan: Plan, batch: int, made: Made) -> Iterator[Ask]:
        """The right document first; a document that is gone is left out."""
        each = 1 + plan.settings.hard_negatives
        for number, missed in enumerate(made.errors):
            relevant = missed.gold.relevant
            if not relevant:
                continue
            # Of a document that was cut, the passage that came nearest.
            best = max(relevant, key=lambda row: relevant[row])
            right = missed.error.detail.get("right", best) if missed.gold.named else best
            others = missed.error.hard_negatives[: plan.settings.hard_negatives]
            documents = plan.corpus.many([right, *others])
            for place, row in enumerate((right, *others)):
                if row in documents:
                    place_in_batch = number * each + place
                    yield self._one(plan, documents[row], missed, batch, place, place_in_batch)

    def _one(
        self, plan: Plan, document: Document, missed: Missed, batch: int, nth: int, place: int
    ) -> Ask:
        """nth: 0 for the right document, from 1 on for hard negatives."""
        template, text = plan.template, missed.gold.text
        part, answer = ("seed", "text") if nth else (self.name, "similar")
        shots = []
        for one in template.demonstrations:
            if one.get(answer):
                values = given_of(one) if nth else given_of(one) | {"text": one["text"]}
                asked = rendered_part(template, part, values)
                shots.append((asked, one_line(one[answer])))
        values = {"context": document.full_text, "text": text}
        messages = stage_messages(template, part, values, style=plan.chosen_style, shots=shots)
        # Whether it is for a hard negative, and not for which one, has always stood in the name.
        name = f"{document.id}/{batch}/{int(bool(nth))}/{text}"
        request = request_for(plan, messages, "extrapolation", name, draw=batch, document=document)
        return Ask(
            request, document=document, error_id=missed.error.id, unlike=(text,), place=place
        )

    def read(self, plan: Plan, ask: Ask, answer: Answer) -> Iterable[Draft]:
        """The query in an answer."""
        return [read_text(plan, self.makes, ask, answer)]


METHOD = Method(
    name="s3",
    paper=f"{PAPER}, carried to retrievers",
    about=ABOUT,
    tasks=("retrieval",),
    stages=(MissedQueries(),),
    form=FORM,
    settings=RetrievalSettings,
)
