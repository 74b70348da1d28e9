"""What a person sees of a project, in plain words: for comparing before and after a change.

One function a kind of thing, each reads with the present store. What they return has no names of
the program in it: texts, labels, numbers that people note (of records, models, jobs, runs) and the
ids that documents and gold had where they came from. A migration may put things elsewhere; it must
not change any of this. Records are those that people review: notes of an LLM are none.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from studio.jobs import queue
from studio.project import Project
from studio.records import Record, Split
from studio.runs import Round
from studio.store import Store
from studio.store.review_shapes import Change, View
from studio.store.runs import ErrorRow
from tests.support.verbs import Verbs

Seen = dict[str, Any]

SPLITS: tuple[Split, ...] = ("validation", "test")
VIEWS = ("all", "undecided", "kept", "dropped", "accepted", "rejected", "flagged", "edited")


def everything(project: Project) -> Seen:
    """All kinds of things, as JSON holds them."""
    found = {
        "project": facts(project),
        "documents": documents(project.store),
        "document search": document_search(project.store),
        "examples": examples(project.store),
        "prompts": prompts(project.store),
        "labels": labels(project.store),
        "gold queries": gold_queries(project.store),
        "gold items": gold_items(project.store),
        "records": records(project.store),
        "review": review(project.store),
        "changes": [_change(one) for one in project.store.review.last_changes(1000)],
        "chain": [asdict(link) for link in project.store.verdicts.chain()],
        "calls": calls(project),
        "models": models(project.store),
        "evaluations": evaluations(project),
        "jobs": jobs(project),
        "drafts": drafts(project.store),
        "runs": runs(project),
    }
    return dict(json.loads(json.dumps(found)))


def facts(project: Project) -> Seen:
    """Title and the like."""
    return {"title": project.title, "task": project.task.name, "language": project.language}


# -- what goes in --


def documents(store: Store) -> list[Seen]:
    """The corpus in order."""
    return [
        {
            "id": one.outside_id,
            "title": one.title,
            "text": one.text,
            "of a longer one": one.source_id is not None,
            "position": one.position,
        }
        for one in store.documents.all()
    ]


def document_search(store: Store) -> dict[str, list[str]]:
    """The beginning of every third document → what a search for it finds."""
    asked = [one.text[:8].strip() for one in list(store.documents.all())[::3]]
    return {words: [d.outside_id for d in store.documents.search(words)] for words in asked}


def examples(store: Store) -> list[Seen]:
    """The examples in the person's order, with what came of each."""
    uses = store.examples.uses().by_example
    return [
        {
            "number": one.id,
            "query": one.query,
            "document text": one.document_text,
            "document": _document(store, one.document_id),
            "on": one.enabled,
            "tags": one.tags,
            "records": uses[one.id].records if one.id in uses else 0,
            "kept": uses[one.id].kept if one.id in uses else 0,
            "newest": [record.text for record in store.examples.made(one.id)],
        }
        for one in store.examples.all()
    ]


def prompts(store: Store) -> list[Seen]:
    """The versions, the newest first."""
    return [
        {
            "version": one.version,
            "name": one.name,
            "template": one.template,
            "note": one.note,
            "created": one.created,
        }
        for one in store.prompts.all()
    ]


def labels(store: Store) -> list[Seen]:
    """The classes in order."""
    return [{"name": one.name, "wording": one.wording} for one in store.labels.all()]


def gold_queries(store: Store) -> list[Seen]:
    """The queries of both splits, with what was said of which document."""
    return [
        {
            "id": query.outside_id,
            "text": query.text,
            "split": split,
            "origin": query.origin,
            "marks": [
                {
                    "document": _document(store, mark.document_id),
                    "grade": mark.grade,
                    "origin": mark.origin,
                    "reviewer": mark.reviewer,
                    "marked": mark.marked,
                }
                for mark in store.gold.marks(query.outside_id)
            ],
        }
        for split in SPLITS
        for query in store.gold.all(split)
        if query.type.name == "query"
    ]


def gold_items(store: Store) -> list[Seen]:
    """The labelled items of both splits."""
    return [
        {
            "id": gold.outside_id,
            "split": gold.split,
            "text": gold.text,
            "context": gold.context,
            "label": gold.label,
            "answers": gold.answers,
            "origin": gold.origin,
        }
        for gold in store.gold.all()
        if gold.type.name != "query"
    ]


# -- records --


def records(store: Store) -> list[Seen]:
    """Every record as a line of Review, with all that is told beside it."""
    window = store.review.open(View())
    try:
        return [_record(store, row) for row in window.at(0, window.count())]
    finally:
        window.close()


def _record(store: Store, row: Any) -> Seen:
    told, made = store.review.provenance(row.id), store.records.get(row.id)
    assert made is not None
    return {
        "number": row.id,
        "text": row.text,
        "label": row.label,
        "context": made.context,
        "answer": made.answers[0] if made.answers else "",
        "document": row.document_outside_id,
        "kept": row.kept,
        "reason": row.reason,
        "person": row.word,
        "flagged": row.flagged,
        "edited": row.edited,
        "scores": row.scores,
        "verdicts": [
            {"filter": v.filter, "kept": v.kept, "score": v.score, "reason": v.reason}
            for v in told.verdicts
        ],
        "decisions": [asdict(one) for one in told.decisions],
        "edits": [
            {name: item for name, item in asdict(one).items() if name != "field"}
            for one in told.edits
        ],
        "others of its document": [one.id for one in told.siblings],
        "call": _call(store, told.call),
        "run": made.run_id,
        "round": _round_of(made.stage, made.batch) if made.run_id else None,
        "place": made.place if made.run_id else None,
        "error": _gold_of_error(store, made.error_id),
    }


def _call(store: Store, call: Any) -> Seen | None:
    if call is None:
        return None
    stored = store.generations.get(call.generation_id)
    assert stored is not None
    return {
        "request": stored.request.sha,
        "prompt": call.prompt_name,
        "prompt version": call.prompt_version,
        "endpoint": call.endpoint,
        "model": call.model,
        "decoding": asdict(call.decoding),
        "seed": call.seed,
        "draw": call.draw,
        "shots": [[shot.query, shot.document_text[:40]] for shot in call.shots],
        "answer": call.answer,
        "ended": call.finish_reason,
        "tokens": [call.prompt_tokens, call.completion_tokens],
        "cost": call.cost,
        "latency": call.latency_s,
        "note": call.note,
        "created": call.created,
    }


def review(store: Store) -> Seen:
    """What Review's filters, search, scores and counts say."""
    found = [row["text"][:12].strip() for row in records(store)[::5]]
    texts = [text for text in found if text]
    reviewers = sorted({one.reviewer for one in store.review.last_changes(1000)})
    return {
        "views": {view: _shown(store, View(verdict=view)) for view in VIEWS},
        "by text": _shown(store, View(sort="text")),
        "reasons": store.review.reasons(),
        "search": {text: _shown(store, View(search=text)) for text in texts},
        "scores": [asdict(one) for one in store.review.scores()],
        "histograms": {
            one.filter: [asdict(part) for part in store.review.histogram(one.filter, 5)]
            for one in store.review.scores()
        },
        "reviewers": {name: _tally(store, name) for name in reviewers},
        "agreement": asdict(store.review.agreement()),
        "prompts": [[use.name, use.version, use.calls] for use in store.review.prompts()],
    }


def _shown(store: Store, view: View) -> list[int]:
    window = store.review.open(view)
    try:
        return list(window.ids())
    finally:
        window.close()


def _tally(store: Store, reviewer: str) -> Seen:
    tally = store.review.tally(reviewer)
    return {
        "decided": tally.decided,
        "accepted": tally.accepted,
        "rejected": tally.rejected,
        "edited": tally.edited,
        "left": tally.left,
    }


def _change(one: Change) -> Seen:
    return {
        "words": one.words,
        "count": one.count,
        "kind": one.kind,
        "reviewer": one.reviewer,
        "created": one.created,
        "warning": one.warning,
        "record": one.record_id,
        "undone": one.undone,
        "unfinished": one.unfinished,
    }


def taken_back(store: Store, reviewer: str) -> list[Seen]:
    """What a reviewer's redo, then undo after undo, change. Leaves everything undone."""
    found = []
    before = _stand(store)
    for take in (store.review.redo, *[store.review.undo] * 100):
        change = take(reviewer)
        if change is None and take != store.review.redo:
            break
        after = _stand(store)
        changed = {number: after[number] for number in after if after[number] != before[number]}
        found.append({"words": change and change.words, "changed": changed})
        before = after
    return list(json.loads(json.dumps(found)))


def _stand(store: Store) -> dict[int, list[Any]]:
    window = store.review.open(View())
    try:
        return {
            row.id: [row.text, row.kept, row.reason, row.word, row.flagged, row.edited]
            for row in window.at(0, window.count())
        }
    finally:
        window.close()


# -- what was done --


def calls(project: Project) -> Seen:
    """What all calls and those of each job cost, and the answers that made no record."""
    store = project.store
    return {
        "all": asdict(store.generations.spent()),
        "by job": [
            {
                "job": job.id,
                "spent": asdict(store.generations.spent(job.id)),
                "reasons": store.generations.reasons(job.id),
                "dropped": {
                    reason: [
                        {"document": one.document, "answer": one.answer, "error": one.error}
                        for one in store.generations.dropped(job.id, reason)
                    ]
                    for reason in store.generations.reasons(job.id)
                },
            }
            for job in queue.all_jobs(project)
        ],
    }


def models(store: Store) -> list[Seen]:
    """The trained models, the newest first, with the numbers of their records."""
    notes = store.values.get("model_notes") or {}
    return [
        {
            "number": one.id,
            "name": one.name,
            "path": one.path,
            "base": one.base,
            "parent": one.parent_id,
            "records": store.snapshots.record_ids(one.snapshot_id) if one.snapshot_id else None,
            "job": one.job_id,
            "settings": one.settings,
            "scores": one.scores,
            "note": notes.get(str(one.id), ""),
            "created": one.created,
        }
        for one in store.models.all()
    ]


def evaluations(project: Project) -> list[Seen]:
    """What the jobs measured."""
    return [
        {
            "job": job.id,
            "model": one.model_id,
            "system": one.system,
            "split": one.split,
            "gold": one.gold,
            "metrics": one.metrics,
            "by query": one.per_query,
        }
        for job in queue.all_jobs(project)
        for one in project.store.evaluations.of_job(job.id)
    ]


def jobs(project: Project) -> list[Seen]:
    """All jobs, the newest first, with their curves."""
    return [
        {
            "number": one.id,
            "kind": one.kind,
            "settings": one.params,
            "state": one.state_word,
            "done": one.done,
            "total": one.total,
            "message": one.message,
            "result": one.result,
            "created": one.created,
            "finished": one.finished,
            "calls at once": one.concurrency,
            "deleted": one.deleted,
            "curves": project.store.jobs.points(one.id),
        }
        for one in queue.all_jobs(project)
    ]


def drafts(store: Store) -> Seen:
    """What was typed and is not saved yet."""
    return {
        "all": store.drafts.starting(""),
        "examples": {
            number: [*draft.texts.values()] for number, draft in store.example_drafts.all().items()
        },
    }


# -- runs --


def runs(project: Project) -> list[Seen]:
    """All runs, the newest first, round by round."""
    store = project.store
    return [
        {
            "number": run.id,
            "method": run.method,
            "settings": run.params,
            "created": run.created,
            "rationales": [
                [one.label, one.text] for one in store.records.of_stage(run.id, "rationales")
            ],
            "records": {
                _round_of(stage, batch): {
                    "kept": kept,
                    "dropped": dropped,
                    "reasons": store.records.run_reasons(run.id, stage, batch),
                }
                for (stage, batch), (kept, dropped) in store.records.run_counts(run.id).items()
                if stage != "rationales"
            },
            "kept": [one.id for one in _of_run(store, run.id)],
            "newest": [one.id for one in store.records.newest_of_run(run.id, 5)],
            "rounds": [_round(project, one) for one in store.runs.rounds(run.id)],
        }
        for run in store.runs.all()
    ]


def _round_of(stage: str, batch: int) -> int:
    """The number of the round whose model was the first to be trained on a batch's records."""
    return batch + 1 if stage == "extrapolation" else 0


def _of_run(store: Store, run_id: int) -> list[Record]:
    stages = ("seed", "extrapolation")
    return [one for stage in stages for one in store.records.of_stage(run_id, stage)]


def _round(project: Project, one: Round) -> Seen:
    rows = project.store.runs.error_rows(one.id)
    return {
        "number": one.number,
        "stage": one.stage,
        "records": one.records,
        "errors": one.errors,
        "validation": one.validation,
        "test": one.test,
        "seconds": one.seconds,
        "model": one.model_path,
        "wrong": [_error(project.store, row) for row in rows],
    }


def _error(store: Store, row: ErrorRow) -> Seen:
    detail = dict(row.detail)
    others = detail.pop("confusers", None)
    return {
        "gold": _gold_of_error(store, row.id),
        "text": row.text,
        "right": row.gold,
        "predicted": row.predicted,
        "confidence": row.confidence,
        "detail": detail,
        "taken for": None if others is None else [_document(store, one) for one in others],
        "written": [one.id for one in store.records.of_error(row.id)],
        "kept": row.kept,
        "decisions": store.records.decisions_of_error(row.id),
    }


def _gold_of_error(store: Store, error_id: int | None) -> str | None:
    """The outside id of the gold that a model got wrong."""
    error = store.runs.error(error_id) if error_id else None
    if error is None:
        return None
    gold = store.gold.get(error.gold_id)
    return gold.outside_id if gold is not None else None


def _document(store: Store, document_id: int | None) -> str | None:
    if document_id is None:
        return None
    return store.documents.many([document_id])[document_id].outside_id


# -- verbs --


def verbs(studio: Verbs, project: Project, asked: list[str]) -> dict[str, Any]:
    """What these verbs print with ``--json``; for ``export`` the rows of its file."""
    return {line: _printed(studio, project.path, line) for line in asked}


def _printed(studio: Verbs, path: Path, line: str) -> Any:
    words = line.split()
    if words[0] != "export":
        return studio(*words, "-p", path, "--json").json
    file = next(Path(name) for name in studio(*words, "-p", path, "--json").json["files"])
    return [json.loads(row) for row in file.read_text("utf-8").splitlines()]
