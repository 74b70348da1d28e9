"""Long texts are cut by the encoder's own tokens; nothing is lost, nothing is too long."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.formats.passages import (
    LAST_LOOK,
    Offsets,
    Passage,
    cut,
    cut_document,
    encoder_tokenizer,
)
from studio.records import StudioError


def words(text: str) -> list[tuple[int, int]]:
    """A tokenizer that a reader can follow: words, marks and single Chinese characters."""
    return [found.span() for found in re.finditer(r"[一-龥]|[^\W一-龥]+|[^\w\s]", text)]


def pieces(text: str) -> list[tuple[int, int]]:
    """As a subword tokenizer: words in pieces of four letters, and a long word is one unknown."""
    spans = []
    for start, end in words(text):
        step = 4 if end - start <= 20 else end - start
        spans += [(at, min(at + step, end)) for at in range(start, end, step)]
    return spans


def byte_level(text: str) -> list[tuple[int, int]]:
    """As byte-level BPE without merges: each byte a token, several at one character."""
    return [(at, at + 1) for at, letter in enumerate(text) for _ in letter.encode()]


@pytest.fixture(scope="module")
def wordpiece(tmp_path_factory: pytest.TempPathFactory) -> Offsets:
    """A real WordPiece tokenizer, as an encoder's folder holds it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    letters = [chr(code) for code in range(97, 123)]
    vocabulary = ["[UNK]", "the", "tea", "##s", *letters, *(f"##{one}" for one in letters), "."]
    tokenizer = Tokenizer(
        models.WordPiece({w: n for n, w in enumerate(vocabulary)}, unk_token="[UNK]")
    )
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.enable_truncation(8)
    folder = tmp_path_factory.mktemp("encoder")
    tokenizer.save(str(folder / "tokenizer.json"))
    return encoder_tokenizer(folder)


def test_a_text_that_fits_stays_as_it_is() -> None:
    assert cut("  Tea is good. ", words, 10) == [Passage("  Tea is good. ", 0, 15)]


def test_a_blank_text_has_no_passage() -> None:
    assert cut(" \n ", words, 10) == []
    assert cut(" " * 1000, words, 4) == []


def test_passages_end_with_sentences_where_they_can() -> None:
    text = "One two three. Four five six seven. Eight nine ten."
    assert [passage.text for passage in cut(text, words, 10)] == [
        "One two three. Four five six seven.",
        "Eight nine ten.",
    ]


def test_chinese_sentences_end_without_a_blank() -> None:
    text = "消费者可以退货。商家应当还款。期限是七日。"
    assert [passage.text for passage in cut(text, words, 16)] == [
        "消费者可以退货。商家应当还款。",
        "期限是七日。",
    ]


def test_a_text_without_sentences_is_cut_between_words() -> None:
    passages = cut("alpha beta gamma delta epsilon", words, 2)
    assert [passage.text for passage in passages] == ["alpha beta", "gamma delta", "epsilon"]


def test_neighbours_share_whole_sentences() -> None:
    text = "One two three. Four five six. Seven eight nine. Ten eleven twelve."
    assert [passage.text for passage in cut(text, words, 8, overlap=4)] == [
        "One two three. Four five six.",
        "Four five six. Seven eight nine.",
        "Seven eight nine. Ten eleven twelve.",
    ]


def test_a_word_longer_than_a_passage_is_cut_inside() -> None:
    passages = cut("a" * 18 + "b" * 2, pieces, 3)
    assert "".join(passage.text for passage in passages) == "a" * 18 + "b" * 2
    assert all(len(pieces(passage.text)) <= 3 for passage in passages)


def test_a_blob_that_is_one_unknown_token_is_cut_all_the_same() -> None:
    passages = cut("x" * 10_000, words, 16)
    assert max(len(passage.text) for passage in passages) <= 16 * LAST_LOOK


def test_the_title_leaves_less_room() -> None:
    text = "One two three four. Five six seven eight."
    assert len(cut_document("", text, words, 10)) == 1
    assert [passage.text for passage in cut_document("A title of five", text, words, 10)] == [
        "One two three four.",
        "Five six seven eight.",
    ]
    assert all(len(words(one.text)) <= 5 for one in cut_document("long " * 50, text, words, 10, 9))


@pytest.mark.parametrize("overlap", [-1, 10, 11])
def test_an_overlap_that_cannot_be_is_refused(overlap: int) -> None:
    with pytest.raises(StudioError, match="does not go with passages of 10"):
        cut("text", words, 10, overlap)


def test_an_encoder_folder_gives_its_tokens_uncut(wordpiece: Offsets) -> None:
    assert wordpiece("The teas") == [(0, 3), (4, 7), (7, 8)]
    assert len(wordpiece("tea " * 100)) == 100


def test_a_folder_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudioError, match=r"has no tokenizer\.json"):
        encoder_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(StudioError, match="is not a tokenizer that can be read"):
        encoder_tokenizer(tmp_path)


def test_a_book_is_cut_in_time_that_grows_with_its_length() -> None:
    passages = cut("The quick fox runs on and on. " * 20_000, words, 200, overlap=20)
    assert all(len(words(passage.text)) <= 200 for passage in passages)
    assert len(passages) < 1200


PARTS = ["The tea is hot. ", "退货。", "word ", "a" * 30, "x" * 300, "\n\n", " \t ", "e.g. ", "!"]
SENTENCES = st.sampled_from([*PARTS, "😀", "ﷺ", "\u00ad"])
TEXTS = st.lists(SENTENCES | st.text(st.characters(exclude_categories=["Cs"])), max_size=30)


def check(text: str, tokens: Offsets, limit: int, overlap: int) -> None:
    """What must hold for every text, tokenizer, limit and overlap."""
    passages = cut(text, tokens, limit, overlap)
    covered = bytearray(len(text))
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text
        assert passage.text.strip()
        assert len(tokens(passage.text)) <= limit or len(passage.text) == 1
        covered[passage.start : passage.end] = b"\1" * (passage.end - passage.start)
    assert all(covered[at] or letter.isspace() for at, letter in enumerate(text))
    starts = [passage.start for passage in passages]
    assert starts == sorted(set(starts))


@given(
    parts=TEXTS,
    tokens=st.sampled_from([words, pieces, byte_level]),
    limit=st.integers(4, 40),
    overlap=st.integers(0, 39),
)
def test_passages_cover_the_text_under_the_limit_with_true_offsets(
    parts: list[str], tokens: Offsets, limit: int, overlap: int
) -> None:
    check("".join(parts), tokens, limit, min(overlap, limit - 1))


@given(parts=TEXTS, limit=st.integers(4, 40), overlap=st.integers(0, 39))
def test_the_same_holds_for_a_real_tokenizer(
    wordpiece: Offsets, parts: list[str], limit: int, overlap: int
) -> None:
    check("".join(parts), wordpiece, limit, min(overlap, limit - 1))
