"""Ids: what is refused, and how it is quoted."""

from __future__ import annotations

import pytest

from stadtkern.errors import BadRequestData, quoted
from stadtkern.model.ids import MAX_URI_BYTES, parse_entity_id


def test_quoted_shows_that_a_text_is_cut() -> None:
    assert quoted("urn:x:1") == "'urn:x:1'"
    assert quoted("a" * 81) == f"'{'a' * 80}'… (81 characters)"
    assert quoted([12345], 3) == "'[12'… (7 characters)"


@pytest.mark.parametrize("character", ["x", "ä"])
def test_id_that_is_too_long_is_refused_as_such(character: str) -> None:
    room = (MAX_URI_BYTES - len("urn:x:")) // len(character.encode())
    assert parse_entity_id("urn:x:" + character * room)
    with pytest.raises(BadRequestData, match=r"… \(\d+ characters\) is longer than 1000 bytes"):
        parse_entity_id("urn:x:" + character * (room + 1))
    with pytest.raises(BadRequestData, match="'no uri' is not a URI"):
        parse_entity_id("no uri")
    with pytest.raises(BadRequestData, match="is not a URI"):
        parse_entity_id(5)
