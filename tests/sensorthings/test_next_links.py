"""Whatever was asked, the link to the next page asks the same, and all clients can read it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stadtkern.model.sensorthings import TYPES
from stadtkern.query.odata.options import parse_query
from stadtkern.views.sensorthings.addresses import next_link
from tests.sensorthings.records import ROOT

_TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
_NUMBERS = st.integers(0, 2000).map(str)


def _options(draw: st.DrawFn) -> list[tuple[str, str]]:
    quoted = draw(_TEXTS).replace("'", "''")
    nested = f"Observations($top={draw(_NUMBERS)};$skip={draw(_NUMBERS)};$filter=result eq '{quoted}')"
    every = [
        ("$filter", f"name eq '{quoted}' or substringof('?$top=1&$skip=1',name)"),
        ("$orderby", "name desc,Thing/name"),
        ("$expand", f"Thing,{nested}"),
        ("$select", "name,properties/a"),
        ("$count", draw(st.sampled_from(["true", "false"]))),
        ("$top", draw(_NUMBERS)),
        ("$skip", draw(_NUMBERS)),
        ("$resultFormat", draw(st.sampled_from(["json", "CSV", "GeoJSON"]))),
    ]
    return draw(st.lists(st.sampled_from(every), unique_by=lambda option: option[0]))


@given(st.data(), st.integers(1, 1000), st.none() | _TEXTS.filter(bool))
def test_next_link_asks_the_same_behind_the_page(data: st.DataObject, shown: int, after: str | None) -> None:
    options = data.draw(st.composite(_options)())
    type = TYPES["Datastream"]
    query = parse_query(options, type)
    link = next_link(f"{ROOT}/Datastreams", query, shown, after)
    address, _, text = link.partition("?")
    assert address == f"{ROOT}/Datastreams"
    following = parse_query(parse_qsl(text, keep_blank_values=True), type)
    assert following == replace(query, skip=query.skip + shown, after=after)
    assert link.count("?") == 1
    assert link.isascii()
    top = re.search(r"[$|%24]top=([0-9]+)", link)
    assert (top and int(top[1])) == query.top
    skip = re.search(r"[$|%24]skip=([0-9]+)", link)
    assert skip is not None
    assert int(skip[1]) == query.skip + shown
