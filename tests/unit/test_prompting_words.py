"""Words, tokens, languages and loops in any script."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.prompting.languages import language_score
from studio.prompting.loops import has_loop
from studio.prompting.tokens import count_tokens, exact_counter
from studio.prompting.words import cut_words, normal, word_pattern, words
from studio.records import StudioError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, WORLD-wide 3.5%", ["hello", "world", "wide", "3", "5"]),
        ("增值税VAT怎么算？", ["增", "值", "税", "vat", "怎", "么", "算"]),
        ("コーヒー", ["コ", "ー", "ヒ", "ー"]),
        ("２０２４年", ["2024", "年"]),
        ("हिन्दी में", ["हिन्दी", "में"]),
        ("naïve café", ["naïve", "café"]),
        ("ไม่", ["ไ", "ม่"]),
        ("_ \x00 🙂", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_words_are_those_of_rouge_score(text: str) -> None:
    # It takes seconds to import.
    from rouge_score.tokenizers import DefaultTokenizer

    assert words(text) == DefaultTokenizer(use_stemmer=False).tokenize(text)


@given(st.text(max_size=80), st.integers(0, 12))
def test_a_cut_text_is_a_beginning_with_no_more_words(text: str, limit: int) -> None:
    cut = cut_words(text, limit)
    assert " ".join(text.split()).startswith(cut)
    assert len(word_pattern().findall(cut)) <= limit


def test_a_word_of_ten_million_letters_is_one_word() -> None:
    assert [len(word) for word in words("é" * 10_000_000)] == [10_000_000]


def test_normal_text_forgets_case_and_punctuation() -> None:
    assert normal("What is VAT?") == normal("what is  vat")


def test_the_estimate_is_near_what_tokenizers_count() -> None:
    english = "The boundary layer on a heated flat plate separates at high Mach numbers. " * 10
    assert count_tokens(english) == pytest.approx(160, abs=25)
    assert count_tokens("增值税一般纳税人") == 8
    assert count_tokens("") == 0


def test_an_exact_count_comes_from_the_models_own_tokenizer(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(
        json.dumps(
            {
                "version": "1.0",
                "added_tokens": [],
                "pre_tokenizer": {"type": "Whitespace"},
                "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
            }
        )
    )
    assert exact_counter(file)("three little words") == 3
    file.write_text("{}")
    with pytest.raises(StudioError, match="cannot be read as a tokenizer"):
        exact_counter(file)


@pytest.mark.parametrize(
    ("text", "language", "fits"),
    [
        ("how do i file my taxes", "en", True),
        ("boundary layer flow", "en", True),
        ("Write a poem about a sunny day.", "en", True),
        ("1099", "en", True),
        ("Was ist der Unterschied zwischen den Steuern", "en", False),
        ("¿cómo puedo pagar los impuestos?", "en", False),
        ("Escribe una carta a la biblioteca", "en", False),
        ("什么是增值税", "en", False),
        ("iPhone 15 Pro Max 保修", "zh", True),
        ("什么是增值税", "zh", True),
        ("これは何ですか", "zh", False),
        ("what is vat", "zh", False),
        ("これは何ですか", "ja", True),
        ("как подать декларацию", "ru", True),
        ("как подать декларацию", "en", False),
        ("was sind die Fristen", "de", True),
        ("anything at all", "tlh", True),
    ],
)
def test_languages(text: str, language: str, fits: bool) -> None:
    assert (language_score(text, language) >= 0.3) is fits


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("talented, talented, talented actor", True),
        ("what is the rate what is the rate what is the rate", True),
        ("Journal scanning and current awareness. Journal scanning and current awareness", True),
        ("怎么退货怎么退货怎么退货", True),
        ("哈哈哈哈哈", True),
        ("had had better", False),
        ("the flow over the wing and the flow over the body", False),
        ("消费者投诉消费者", False),
        ("", False),
    ],
)
def test_loops(text: str, loops: bool) -> None:
    assert has_loop(text) is loops


@given(st.text("aZ09 -_.,\n\t"), st.integers(0, 9))
def test_plain_english_is_cut_as_all_other_scripts_are(text: str, limit: int) -> None:
    cut = cut_words(text, limit)
    assert len(words(cut)) == min(limit, len(words(text)))
    # With a letter of another alphabet before it, the pattern for all scripts does it.
    assert cut_words(f"ß {text}", limit + 1).removeprefix("ß").strip() == cut.strip()
