"""Which fields of a record are columns, and from how wide a table on."""

from __future__ import annotations

from studio.records import INSTRUCTION, SENTENCE_PAIR, TRIPLET
from studio.tui.records.words import FROM_WIDTH, GROUP_FROM, field_columns


def test_the_first_field_keeps_room_however_many_there_are() -> None:
    query, positive, group, *others = field_columns(TRIPLET)
    assert (query.from_width, positive.from_width) == (0, FROM_WIDTH)
    assert (positive.width, group.from_width) == (query.width, GROUP_FROM)
    widths = [column.from_width for column in others]
    assert widths == sorted(widths)
    assert widths[0] > 110


def test_two_more_fields_stand_beside_it() -> None:
    for type in (INSTRUCTION, SENTENCE_PAIR):
        assert all(column.from_width <= 100 for column in field_columns(type))
