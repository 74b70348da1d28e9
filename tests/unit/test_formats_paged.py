"""PDF, DOCX and EPUB come in page by page; what is damaged, locked or empty says so."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pypdf import PdfReader, PdfWriter

from studio.formats import zipped
from studio.formats.epub import _Page
from studio.formats.reading import read_corpus
from studio.formats.rows import RawDocument, SkippedRow
from studio.records import StudioError


def pdf(path: Path, *pages: str, title: str = "", password: str = "") -> Path:
    """A file as simple as PDF allows: each line of a page is drawn below the one before."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    kids = []
    for page in pages:
        drawn = " ".join(f"({line}) Tj 0 -14 Td" for line in page.split("\n")) if page else ""
        stream = f"BT /F1 12 Tf 72 720 Td {drawn} ET".encode("latin-1")
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
        kids.append(len(objects) + 1)
        objects.append(
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents %d 0 R"
            b"/Resources<</Font<</F1 3 0 R>>>>>>" % len(objects)
        )
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<</Type/Pages/Kids[{listed}]/Count {len(kids)}>>".encode()
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table)
    out += b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (size, start)
    path.write_bytes(out)
    if title or password:
        writer = PdfWriter(clone_from=PdfReader(path))
        writer.add_metadata({"/Title": title})
        if password:
            writer.encrypt(password, algorithm="RC4-128")
        writer.write(path)
    return path


def epub(path: Path, *chapters: str, spine: str = "", more: str = "") -> Path:
    items = more + "".join(
        f'<item id="c{n}" href="text/c%20{n}.xhtml"/>' for n in range(len(chapters))
    )
    refs = spine or "".join(f'<itemref idref="c{n}"/>' for n in range(len(chapters)))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr(
            "META-INF/container.xml",
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
            '<rootfile full-path="OPS/book.opf"/></rootfiles></container>',
        )
        book.writestr(
            "OPS/book.opf",
            f'<package xmlns="http://www.idpf.org/2007/opf"><manifest>{items}</manifest>'
            f"<spine>{refs}</spine></package>",
        )
        for number, chapter in enumerate(chapters):
            book.writestr(f"OPS/text/c {number}.xhtml", chapter)
    return path


def word(path: Path) -> Path:
    document = docx.Document()
    document.core_properties.title = "Handbook"
    document.add_paragraph("Before any heading.")
    document.add_heading("Opening hours", 1)
    document.add_paragraph("Nine to five.")
    document.add_heading("Sundays", 2)
    document.add_paragraph("Closed.")
    table = document.add_table(1, 2)
    table.cell(0, 0).text, table.cell(0, 1).text = "Fee", "2 euro"
    document.add_heading("Empty", 1)
    document.save(str(path))
    return path


def rows(path: Path) -> list[RawDocument | SkippedRow]:
    return list(read_corpus(path))


def test_each_page_of_a_pdf_is_a_document(tmp_path: Path) -> None:
    path = pdf(
        tmp_path / "fees.pdf",
        "The library clo-\nses at five.\nTwo e-\nBooks.",
        "",
        "Fees",
        title="Rules",
    )
    first, empty, third = rows(path)
    text = "The library closes at five.\nTwo e-\nBooks.\n"
    assert first == RawDocument("fees.pdf#page=1", "Rules", text, "fees.pdf#page=1")
    assert isinstance(empty, SkippedRow)
    assert (empty.where, empty.code) == ("fees.pdf#page=2", "no-text")
    assert isinstance(third, RawDocument)
    assert third.outside_id == "fees.pdf#page=3"


def test_each_part_of_a_word_document_is_a_document(tmp_path: Path) -> None:
    found = rows(word(tmp_path / "a.docx"))
    assert found == [
        RawDocument("a.docx#section=1", "Handbook", "Before any heading.", "a.docx#section=1"),
        RawDocument(
            "a.docx#section=2",
            "Opening hours",
            "Nine to five.\nSundays\nClosed.\nFee\t2 euro",
            "a.docx#section=2",
        ),
    ]


def test_each_chapter_of_a_book_is_a_document(tmp_path: Path) -> None:
    path = epub(
        tmp_path / "b.epub",
        "<html><head><title>Cover</title><style>p {}</style></head><body><img/></body></html>",
        "<html><head><title>x</title></head><body><h1>One &amp;\n two</h1><p>It <b>rai</b>ned.<br/>"
        "A lot.</p><script>alert(1)</script></body></html>",
        "<title/><p>Kein <em>Titel</em>",
    )
    assert rows(path) == [
        RawDocument(
            "b.epub#chapter=2", "One & two", "One & two\nIt rained.\nA lot.", "b.epub#chapter=2"
        ),
        RawDocument("b.epub#chapter=3", "", "Kein Titel", "b.epub#chapter=3"),
    ]


def test_a_folder_may_mix_them_and_a_broken_one_costs_no_other(tmp_path: Path) -> None:
    pdf(tmp_path / "b.PDF", "A page")
    word(tmp_path / "c.docx")
    (tmp_path / "a.txt").write_text("plain")
    (tmp_path / "d.epub").write_bytes(b"no book")
    (tmp_path / "e.jsonl").write_text("{}")
    found = {row.where: row for row in rows(tmp_path)}
    assert [where for where, row in found.items() if isinstance(row, RawDocument)] == [
        "a.txt", "b.PDF#page=1", "c.docx#section=1", "c.docx#section=2",
    ]  # fmt: skip
    assert "is not an EPUB, or is damaged" in str(found["d.epub"])
    assert ".pdf" in str(found["e.jsonl"])


def locked(path: Path) -> None:
    pdf(path, "secret", password="x")


def cut_off(path: Path) -> None:
    path.write_bytes(pdf(path, "A page").read_bytes()[:60])


def entities(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("META-INF/container.xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')


def no_chapters(path: Path) -> None:
    epub(path, "<p>x", spine='<itemref idref="nowhere"/>')


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", bytes(zipped.MOST_BYTES + 1))


def no_pages(path: Path) -> None:
    pdf(path)


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.pdf", locked, "is locked with a password"),
        ("a.pdf", cut_off, "is not a PDF that can be read"),
        ("a.pdf", no_pages, "has no page"),
        ("a.pdf", lambda path: path.write_bytes(b""), "is not a PDF that can be read"),
        ("a.docx", lambda path: path.write_bytes(b"PK\x03\x04 no"), "is not a Word document"),
        ("a.docx", entities, "is not a Word document that can be read"),
        ("a.docx", bomb, "split it"),
        ("a.epub", entities, "its list of chapters cannot be read"),
        ("a.epub", no_chapters, "holds no document"),
    ],
)
def test_what_cannot_be_read_says_so(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    make: Callable[[Path], object],
    said: str,
) -> None:
    monkeypatch.setattr(zipped, "MOST_BYTES", zipped.MOST_BYTES // 64)
    path = tmp_path / name
    make(path)
    with pytest.raises(StudioError, match=said) as told:
        rows(path)
    assert str(path) in str(told.value)


def test_a_missing_chapter_is_named(tmp_path: Path) -> None:
    path = epub(
        tmp_path / "a.epub",
        "<p>here",
        more='<item id="x" href="../../../etc/x"/>',
        spine='<itemref idref="c0"/><itemref idref="x"/>',
    )
    found, gone = rows(path)
    assert isinstance(found, RawDocument)
    assert "'../../etc/x'" in str(gone)


@example("<p>here", "<![0]>there")
@example("", "<![0")
@example("", "<![x[0")
@given(st.text(alphabet=st.sampled_from("<>/&;=\"'!-[]? \nabhp1")), st.text())
def test_any_page_gives_its_text_or_none(markup: str, text: str) -> None:
    page = _Page()
    page.feed(markup + text)
    page.close()
    assert all(line.strip() for line in page.text().split("\n")) or not page.text()
    assert "\n" not in page.heading()
