"""The language filter: ranking and matching."""

from __future__ import annotations

import pytest

from stadtkern.errors import BadRequestData
from stadtkern.views.ngsild.render_language import parse_lang


@pytest.mark.clause("CIM009 4.15")
@pytest.mark.parametrize(
    ("wish", "languages", "chosen"),
    [
        ("fr", "fr nl", "fr"),
        ("FR", "fr nl", "fr"),
        ("fr-CH,fr", "fr nl", "fr"),
        ("fr;q=0.2,nl;q=0.9", "fr nl", "nl"),
        ("fr;q=0.2 , nl ; q=0.9", "fr nl", "nl"),
        ("nl-BE", "fr nl", "nl"),
        ("zh-Hant-TW", "fr zh-Hant", "zh-Hant"),
        ("en", "de en-US", "en-US"),
        ("*", "fr nl", "fr"),
        ("pt", "fr nl", "fr"),
        ("pt", "fr @none", "@none"),
        ("nl;q=0,fr;q=0.1", "nl fr", "fr"),
        ("pt,*;q=0.5,nl;q=0.1", "fr nl", "fr"),
        ("@none", "fr @none", "@none"),
        ("fr", "", None),
    ],
)
def test_choose_language(wish: str, languages: str, chosen: str | None) -> None:
    assert parse_lang(wish).choose(dict.fromkeys(languages.split(), "")) == chosen


@pytest.mark.parametrize(
    "wish", ["", "fr;q=2", "fr;q=x", "fr,,nl", "fr;level=1", "ü", "x" * 200, ",".join(["fr"] * 51)]
)
def test_parse_lang_refuses(wish: str) -> None:
    with pytest.raises(BadRequestData):
        parse_lang(wish)
