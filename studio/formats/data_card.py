"""The data card: a README.md that says what the rows are, who made them, and how to load them.

Its front matter names the files and the types of their columns, so that ``load_dataset(folder)``
reads them right however the first rows look.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from studio.formats.rows import CardFacts, ExportRow


@dataclass(frozen=True, slots=True)
class Struct:
    """One object in a column."""

    columns: Mapping[str, Feature]


Feature = str | Mapping[str, "Feature"] | Struct
"""A scalar type such as ``int64``, the columns of a list of objects, or those of one object."""


@dataclass(frozen=True, slots=True)
class DataFile:
    """One table of the export."""

    config: str
    """The name it is loaded by; ``default`` for the main one."""
    splits: dict[str, str]
    """Split → path within the folder."""
    features: dict[str, Feature]
    """Column → type, in the order of the file."""
    tabs: bool = False
    """A TSV file beside JSON Lines: one folder cannot declare both, so it is loaded by its path."""


@dataclass(slots=True)
class ExportCounts:
    """What is counted while rows pass; its size does not grow with them."""

    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    """Reason → rows."""
    sources: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """(model, endpoint, prompt) → kept rows."""
    filters: set[str] = field(default_factory=set)
    """Filters that left a score on some row."""

    @property
    def total(self) -> int:
        """All rows that passed."""
        return self.kept + self.dropped.total()

    def counted(self, rows: Iterable[ExportRow], *, kept_only: bool) -> Iterator[ExportRow]:
        """The rows as they pass, or only the kept ones; all are counted."""
        for row in rows:
            self._add(row)
            if row.kept or not kept_only:
                yield row

    def _add(self, row: ExportRow) -> None:
        self.filters.update(row.scores)
        if not row.kept:
            self.dropped[row.reason or "unknown"] += 1
            return
        self.kept += 1
        version = "" if row.prompt_version is None else f" v{row.prompt_version}"
        prompt = row.prompt_name + version
        if row.origin and not row.model:
            file = row.origin.rpartition(":")[0] or row.origin
            self.sources[f"not told; brought in with {file}", "-", prompt or "-"] += 1
        else:
            self.sources[row.model, row.endpoint, prompt] += 1


def card(facts: CardFacts, counts: ExportCounts, files: Sequence[DataFile], what: str) -> str:
    """The whole README.md; ``what`` says in one sentence what a row is."""
    parts = [_front_matter(facts, counts, files), f"# {_safe(facts.title)}", what]
    parts += [_counts(facts, counts), _origin(counts), _filters(facts, counts), _dropped(counts)]
    parts += [_licence(facts), _safe(facts.notes), _loading(files)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(facts: CardFacts, counts: ExportCounts, files: Sequence[DataFile]) -> str:
    # JSON is YAML, and quotes whatever a project may be called.
    head: dict[str, object] = {"pretty_name": facts.title, "tags": ["synthetic"]}
    if facts.language:
        head["language"] = [facts.language]
    declared = [file for file in files if not file.tabs]
    head["configs"] = [_config(file, first=file is declared[0]) for file in declared]
    head["dataset_info"] = [
        {"config_name": file.config, "features": _features(file.features)} for file in declared
    ]
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    return "\n".join(["---", *lines, "---"])


def _config(file: DataFile, *, first: bool) -> dict[str, object]:
    paths = [{"split": split, "path": path} for split, path in file.splits.items()]
    config: dict[str, object] = {"config_name": file.config, "data_files": paths}
    return {**config, "default": True} if first else config


def _features(features: Mapping[str, Feature]) -> list[dict[str, object]]:
    return [{"name": name, **_feature(kind)} for name, kind in features.items()]


def _feature(kind: Feature) -> dict[str, object]:
    if isinstance(kind, Struct):
        return {"struct": _features(kind.columns)}
    if not isinstance(kind, str):
        return {"list": _features(kind)}
    return {"list": kind.removesuffix("[]")} if kind.endswith("[]") else {"dtype": kind}


def _counts(facts: CardFacts, counts: ExportCounts) -> str:
    rows = [("documents in the corpus", facts.documents)] if facts.documents is not None else []
    rows += [("records", counts.total), ("kept", counts.kept)]
    rows.append(("dropped", counts.dropped.total()))
    return _table(("", "count"), [(name, f"{count:,}") for name, count in rows])


def _origin(counts: ExportCounts) -> str:
    rows = [(*source, f"{count:,}") for source, count in counts.sources.most_common(50)]
    named = [tuple(_safe(cell) or "unknown" for cell in row) for row in rows]
    table = _table(("model", "endpoint", "prompt", "kept"), named)
    return f"## Who wrote the records\n\n{table}" if named else ""


def _filters(facts: CardFacts, counts: ExportCounts) -> str:
    lines = facts.filters or tuple(sorted(counts.filters))
    listed = "\n".join(f"- {_safe(line)}" for line in lines)
    return f"## Filters\n\n{listed or 'None: these are all the records that parsed.'}"


def _dropped(counts: ExportCounts) -> str:
    rows = [(_safe(reason), f"{count:,}") for reason, count in counts.dropped.most_common()]
    return f"## Why records were dropped\n\n{_table(('reason', 'count'), rows)}" if rows else ""


def _licence(facts: CardFacts) -> str:
    note = _safe(facts.licence) or (
        "Nobody has said what may be done with these texts. What comes from the corpus has the "
        "licence of the corpus; the rest was written by the models named above, whose terms may "
        "limit its use. Find out both before you share this."
    )
    return f"## Licence\n\n{note}"


def _loading(files: Sequence[DataFile]) -> str:
    lines = ["from datasets import Features, Value, load_dataset", "", 'folder = "."']
    for file in files:
        lines += _tab_loading(file) if file.tabs else [f'load_dataset(folder, "{file.config}")']
    code = "\n".join(lines)
    return f"## Loading\n\nFrom within this folder:\n\n```python\n{code}\n```"


def _tab_loading(file: DataFile) -> list[str]:
    """Types are given: ids that look like numbers would be read as such."""
    columns = ", ".join(f'"{name}": Value("{kind}")' for name, kind in file.features.items())
    paths = ", ".join(f'"{split}": folder + "/{path}"' for split, path in file.splits.items())
    files, options = f"data_files={{{paths}}}", f"features={file.config}"
    return [
        f"{file.config} = Features({{{columns}}})",
        f'load_dataset("csv", {files}, sep="\\t", {options})',
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def printable_line(text: str) -> str:
    """Text from outside on one line, without controls and marks that reorder what is around."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def _safe(text: str) -> str:
    """Text from outside as Markdown shows it literally, on one line."""
    line = printable_line(text)
    return "".join(f"\\{letter}" if letter in r"\`*_[]<>|#" else letter for letter in line)
