"""Which words of a document are those of the query."""

from __future__ import annotations

import time

from studio.tui.records.marks import marks
from tests.support.work_time import slowness


def marked(text: str, query: str) -> list[str]:
    return [text[start:end] for start, end in marks(text, query)]


def test_words_are_found_whatever_their_case_and_ending() -> None:
    text = "Rooms used for paid work are deductible; a Room that was deducted once is not."
    assert marked(text, "can i deduct the room") == ["Rooms", "deductible", "Room", "deducted"]


def test_words_that_say_nothing_are_left_out() -> None:
    assert marked("what is it that you do with the tax", "what is the tax") == ["tax"]


def test_chinese_is_compared_by_pairs_of_characters() -> None:
    text = "网购商品七日内可以无理由退货，但定制商品除外。"
    assert marked(text, "网购的衣服可以无理由退货吗") == ["网购", "可以无理由退货"]
    assert marked("退", "退货") == []


def test_japanese_and_thai_too() -> None:
    assert marked("敷金は退去後に返還される", "敷金の返還") == ["敷金", "返還"]
    assert "ภาษี" in "".join(marked("ภาษีเงินได้บุคคล", "เสียภาษี"))


def test_numbers_and_accents_are_words() -> None:
    assert marked("The café paid 1500 in 2024", "CAFÉ 2024") == ["café", "2024"]


def test_a_text_without_words_has_no_marks() -> None:
    assert marks("🍜 🧾 …", "🍜") == []
    assert marks("text", "") == []


def test_long_texts_are_quick() -> None:
    began, slow = time.thread_time(), slowness()
    marks("the room that is used for work " * 700, "can i deduct the room")
    assert time.thread_time() - began < 1 * slow
