"""What a job found, in words: the gain in a line, all of it as aligned tables. No Textual here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.cells import cell_len

from studio.evaluation import systems, wordings
from studio.evaluation.measures import OF_ANSWERS, gain_lines, judged_line, measure_name
from studio.llm.money import dollars, untold
from studio.plurals import so_many
from studio.runs import Job
from studio.safe_text import one_line, padded

METRICS: Final = ("ndcg@10", "recall@100", "mrr@10")
SIGNIFICANT: Final = 0.05
"""A p below it is called a difference."""


def headline(found: dict[str, Any]) -> str:
    """What came of it, such as ``trained .567 vs base .520 nDCG@10, +.047, p = .001: better``.

    Empty for a result without a trained model's scores.
    """
    duel = _duel(found)
    if duel is None:
        return ""
    other = _short(duel.score - duel.gain)
    measure = measure_name(measures_of(found["scores"])[0])
    line = f"{duel.new} {_short(duel.score)} vs {duel.against} {other} {measure}"
    line += f", {_short(duel.gain, sign=True)}"
    if duel.p_value is None:
        return line
    said = f"p = {_short(duel.p_value)}" if duel.p_value >= 0.001 else "p < .001"
    return f"{line}, {said}: {duel.word}"


def gain(found: dict[str, Any]) -> str:
    """The same in very few words, such as ``better, +.047``."""
    duel = _duel(found)
    return f"{duel.word}, {_short(duel.gain, sign=True)}" if duel is not None else ""


def made(found: dict[str, Any]) -> str:
    """Such as ``26 queries generated``, ``14 kept`` or ``8 documents, 6 gold queries``."""
    labels = _titles(found)
    for key in ("kept", "generated", "exported"):
        if isinstance(found.get(key), int):
            dropped = _dropped(found) if key == "kept" else ""
            return so_many(found[key], labels[key]) + dropped
    if isinstance(found.get("documents"), int):
        return _brought_in(found)
    if told := _losses(found) or wordings.in_short(found):
        return told
    rounds = found.get("rounds")
    if isinstance(rounds, list) and rounds:
        return f"round {rounds[-1]['round']} on {so_many(rounds[-1]['records'], 'records')}"
    return ""


def _losses(found: dict[str, Any]) -> str:
    """Of a tuned LLM: such as ``loss on gold 2.413 → 2.349, on 120 instructions``."""
    losses, records = found.get("validation_loss"), found.get("pairs")
    if not isinstance(losses, dict) or not isinstance(records, int):
        return ""
    before, after = (losses.get(name) for name in systems.BEFORE_AFTER)
    known = isinstance(before, float) and isinstance(after, float)
    said = f"loss on gold {before:.3f} → {after:.3f}, " if known else ""
    return f"{said}tuned on {so_many(records, 'instructions')}"


def _brought_in(found: dict[str, Any]) -> str:
    """Such as ``8 documents, 6 gold queries``."""
    labels, gold = _titles(found), found.get("gold")
    counts = {
        labels["documents"]: found["documents"],
        "gold queries": sum(gold.values()) if isinstance(gold, dict) else 0,
        labels["examples"]: found.get("examples"),
        labels["records"]: found.get("records"),
    }
    told = [f"{n:,} {label}" for label, n in counts.items() if isinstance(n, int) and n]
    return ", ".join(told) or f"0 {labels['documents']}"


def _dropped(found: dict[str, Any]) -> str:
    """Such as ``, 47 dropped: 30 round-trip, 17 copied``."""
    # Filters tell of their own run; what was dropped before is none of it.
    reasons = [*_by_reason(found.get("dropped_now", found.get("dropped")) or {})]
    if not reasons:
        return ""
    told = ", ".join(f"{count:,} {one_line(reason, 30)}" for reason, count in reasons)
    return f", {sum(count for _, count in reasons):,} dropped: {told}"


@dataclass(frozen=True, slots=True)
class _Duel:
    """The trained model's score against the base's, or the next one's that was scored."""

    new: str
    score: float
    against: str
    gain: float
    p_value: float | None

    @property
    def word(self) -> str:
        """What it means."""
        if self.p_value is None:
            return "not tested"
        if self.p_value >= SIGNIFICANT:
            return "no clear difference"
        return "better" if self.gain > 0 else "worse"


def _duel(found: dict[str, Any]) -> _Duel | None:
    scores, tested = found.get("scores"), found.get("p_value")
    for new, old in systems.pairs([*scores]) if isinstance(scores, dict) else ():
        ours, theirs = _mean(scores, new), _mean(scores, old)
        if ours is not None and theirs is not None:
            key = systems.pair_key(new, old)
            p_value = tested.get(key) if isinstance(tested, dict) else None
            known = p_value if isinstance(p_value, int | float) else None
            new, old = (one_line(systems.label_of(name, _labels(found)), 24) for name in (new, old))
            return _Duel(new, ours, old, ours - theirs, known)
    return None


def _labels(found: dict[str, Any]) -> dict[str, str]:
    """System → label, as far as the job told them."""
    told = found.get("systems")
    return told if isinstance(told, dict) else {}


def _mean(scores: Any, system: str) -> float | None:
    means = scores.get(system) if isinstance(scores, dict) else None
    found = _named(means, measures_of(scores)[0]) if isinstance(means, dict) else None
    return found if isinstance(found, int | float) else None


def measures_of(scores: dict[str, Any]) -> tuple[str, ...]:
    """What the systems were scored by; the first one decides."""
    first: Any = next(iter(scores.values()), None)
    of_answers = isinstance(first, dict) and not OF_ANSWERS.keys().isdisjoint(first)
    return tuple(OF_ANSWERS) if of_answers else METRICS


def _short(number: float, *, sign: bool = False) -> str:
    """Three decimals without the zero in front, as papers print scores."""
    text = f"{number:+.3f}" if sign else f"{number:.3f}"
    return text.replace("0.", ".", 1) if abs(number) < 1 else text


def result_text(job: Job) -> str:
    """All that the job found: scores first, then counts, then time."""
    found = job.result
    parts = [
        "\n".join(scores_table(found)),
        "\n".join(wordings.lines(found)),
        "\n".join(_tests(found) if "tests" not in found else _tests_of_answers(found)),
        "\n".join(map(one_line, gain_lines(found.get("gain_by_type") or []))),
        "\n".join(_counts(found)),
        "\n".join(_links(found)),
        "\n".join(_seconds(found)),
    ]
    return "\n\n".join(part for part in parts if part)


def scores_table(found: dict[str, Any]) -> Iterator[str]:
    """A line for each system, with 95% intervals beneath each other."""
    scores, intervals = found.get("scores"), found.get("intervals", {})
    if not isinstance(scores, dict) or not scores:
        return
    labels = {name: systems.label_of(name, _labels(found)) for name in systems.in_order(scores)}
    wide = systems_width(labels.values())
    measures = measures_of(scores)
    yield f"{'':{wide}}" + "".join(f"{measure_name(name):<22}" for name in measures)
    for system, label in labels.items():
        cells = [_score(scores[system], intervals.get(system, {}), name) for name in measures]
        yield padded(label, wide) + "".join(f"{cell:<22}" for cell in cells).rstrip()
    if found.get("gold"):
        yield f"on {found['gold']}; in brackets 95% intervals"


def systems_width(labels: Iterable[str]) -> int:
    """Cells of a table's first column, which holds systems: no label touches its scores."""
    return min(max(9, *(cell_len(label) + 2 for label in labels)), 26)


def _score(means: dict[str, Any], intervals: dict[str, Any], name: str) -> str:
    mean = _named(means, name)
    if mean is None:
        return "—"
    between = _named(intervals, name)
    bounds = f" [{between[0]:.3f}–{between[1]:.3f}]" if between else ""
    return f"{mean:.4f}{bounds}"


def _named(table: dict[str, Any], name: str) -> Any:
    return next((item for key, item in table.items() if key.lower() == name), None)


def _tests(found: dict[str, Any]) -> Iterator[str]:
    for name, p_value in (found.get("p_value") or {}).items():
        new, old = (systems.label_of(one, _labels(found)) for one in systems.of_pair_key(name))
        line = f"{one_line(new)} − {padded(old, max(5, cell_len(one_line(old))))}"
        if difference := (found.get("difference") or {}).get(name):
            mean, low, high = difference
            line += f" {mean:+.4f} [{low:+.4f} … {high:+.4f}]"
        line += f"  p = {p_value:.4f}"
        line += "  significant" if p_value < SIGNIFICANT else "  not significant"
        if wins := (found.get("wins") or {}).get(name):
            line += f"  {wins['won']} won, {wins['lost']} lost, {wins['tied']} tied"
        yield line


def _tests_of_answers(found: dict[str, Any]) -> Iterator[str]:
    """What an LLM gained by each measure, and what a judge said of it."""
    for tests in (found.get("tests") or {}).values():
        for measure, one in tests.items():
            mean, low, high = one["difference"]
            p_value = one["p_value"]
            said = "significant" if p_value < SIGNIFICANT else "not significant"
            yield (
                f"{measure_name(measure):<8} {mean:+.4f} [{low:+.4f} … {high:+.4f}]"
                f"  p = {p_value:.4f}  {said}"
            )
    if judged := found.get("judged"):
        yield one_line(judged_line(judged))


def _links(found: dict[str, Any]) -> Iterator[str]:
    """A line for each filter: how many it judged and kept, and what it does."""
    for link in found.get("chain") or []:
        if isinstance(link, dict) and isinstance(link.get("judged"), int):
            name, what = one_line(str(link["filter"]), 16), one_line(str(link["label"]), 200)
            yield f"{padded(name, 16)}{link['judged']:>8,} → {link['kept']:<8,} {what}"


COUNTED: Final = (
    ("documents", "documents"),
    ("requests", "requests"),
    ("generated", "queries generated"),
    ("reused", "answers reused"),
    ("kept", "kept"),
    ("exported", "records written"),
    ("duplicates", "duplicates"),
    ("renamed", "renamed"),
    ("examples", "examples"),
    ("records", "records brought in"),
)


def _titles(found: dict[str, Any]) -> dict[str, str]:
    """Key → words; runs of older studios made queries, as far as their rows say."""
    name = "noun" if found.get("generated") == 1 else "nouns"
    nouns = one_line(str(found.get(name) or "queries"), 20)
    return {**dict(COUNTED), "generated": f"{nouns} generated"}


def _counts(found: dict[str, Any]) -> Iterator[str]:
    if losses := _losses(found):
        yield losses
    for key, label in _titles(found).items():
        of_documents = key in ("documents", "duplicates", "renamed")
        if isinstance(found.get(key), int) and (found[key] or not of_documents):
            yield f"{label:<24} {found[key]:>8,}"
    for key, label in (
        ("generation_drops", "dropped" if found.get("nouns") else "no query"),
        ("dropped", "dropped"),
        ("skipped", "skipped"),
    ):
        for reason, count in _by_reason(found.get(key) or {}):
            yield f"{f'{label}: {reason}':<24} {count:>8,}"
    for name, one in (found.get("query_types") or {}).items():
        share = f"{one['kept']:,} of {one['judged']:,}, {one['share']:.0%}"
        yield f"{one_line(str(name), 24):<24} {share}"
    for sample in (found.get("skipped_samples") or [])[:5]:
        yield f"  {sample.get('where', '')}: {sample.get('reason', '')}"
    yield from found.get("notes") or ()
    yield from _spent(found.get("spent") or {})


def _by_reason(found: dict[str, Any]) -> Iterator[tuple[str, int]]:
    """(reason, how many); a run of rounds tells its reasons round by round."""
    for name, count in found.items():
        if isinstance(count, dict):
            yield from ((f"round {name}, {reason}", many) for reason, many in count.items())
        else:
            yield name, count


def _spent(spent: dict[str, Any]) -> Iterator[str]:
    if spent.get("calls"):
        cost = spent.get("cost")
        price = "price unknown" if cost is None else dollars(cost)
        price += untold(spent.get("untold_calls") or 0)
        tokens_in, tokens_out = spent.get("prompt_tokens") or 0, spent.get("completion_tokens") or 0
        calls, read = so_many(spent["calls"], "calls"), so_many(tokens_in, "tokens")
        yield f"{calls}, {read} in, {tokens_out:,} out, {price}"


def _seconds(found: dict[str, Any]) -> Iterator[str]:
    seconds = found.get("seconds")
    if isinstance(seconds, dict) and seconds:
        yield "  ".join(f"{stage} {value:.1f} s" for stage, value in seconds.items())
