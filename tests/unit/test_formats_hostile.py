"""Files that are small on the disk and huge in memory, and links that lead out of a folder."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from studio.formats import parquet
from studio.formats.gold import has_gold, read_gold
from studio.formats.parquet import BATCH_BYTES, BATCH_ROWS
from studio.formats.reading import read_corpus
from studio.formats.rows import RawDocument
from studio.records import StudioError

ROWS = 300
LONG = "word and word " * 300_000
"""4 MB."""


def test_a_text_that_a_file_holds_once_is_in_memory_once(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * ROWS, pa.int32()), pa.array([LONG]))
    table = pa.table({"_id": [str(n) for n in range(ROWS)], "text": texts})
    pq.write_table(table, path, compression="zstd")
    del texts, table
    assert path.stat().st_size < 100_000
    pool = pa.default_memory_pool()
    before, most, count = pool.bytes_allocated(), 0, 0
    for row in parquet.read(path, parquet.FieldMap()):
        assert isinstance(row, RawDocument)
        assert row.text == LONG
        most, count = max(most, pool.bytes_allocated() - before), count + 1
    assert count == ROWS
    assert most < 10 * len(LONG), "a batch would take 1.2 GB"


def test_a_column_that_unpacks_to_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    table = pa.table({"_id": [str(n) for n in range(70)], "text": [LONG] * 70})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    with pytest.raises(StudioError, match=r"would unpack to .* MB and more .* of text\. Write it"):
        next(parquet.read(path, parquet.FieldMap()))


def test_the_rows_of_a_batch_are_as_many_as_fit(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    rows = [f"{n} " + LONG for n in range(20)]
    pq.write_table(
        pa.table({"text": rows, "left": rows}), path, compression=None, use_dictionary=False
    )
    with pq.ParquetFile(path) as file:
        size = parquet._batch_size(file, 0, ["text"], path)
    assert 1 < size < BATCH_ROWS
    assert size * len(LONG) <= BATCH_BYTES
    read = [row.text for row in parquet.read(path, parquet.FieldMap()) if hasattr(row, "text")]
    assert read == rows


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "a", "text": "A document."}\n')
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "which one"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\ta\t1\n")
    return folder


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "qrels"])
def test_a_link_in_a_beir_folder_is_not_followed(beir: Path, tmp_path: Path, name: str) -> None:
    assert has_gold(beir)
    assert len(list(read_corpus(beir))) == 1
    outside = tmp_path / "outside"
    (beir / name).rename(outside)
    (beir / name).symlink_to(outside)
    with pytest.raises(StudioError, match="is a link, and links in a folder are not followed"):
        _ = list(read_corpus(beir)), list(read_gold(beir))


def test_a_folder_that_a_person_names_by_a_link_is_read(beir: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(beir)
    assert len(list(read_corpus(tmp_path / "link"))) == 1
    assert len(list(read_gold(tmp_path / "link"))) == 1
