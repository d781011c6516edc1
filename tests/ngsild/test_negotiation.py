"""Which @context a request means and which representation its answer takes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, NotAcceptable, UnsupportedMediaType
from stadtkern.views.ngsild.negotiation import (
    COMMON,
    GEO_JSON,
    JSON,
    LD_JSON,
    WITH_GEOJSON,
    negotiate,
    parse_content_type,
    parse_context_link,
    prefers_plain_geojson,
    request_context_ref,
    response_context_headers,
)

CITY = "https://city.example/context.jsonld"
LINK = f'<{CITY}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'


@pytest.mark.clause("CIM009 6.3.4")
@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/ld+json", LD_JSON),
        ("Application/LD+JSON", LD_JSON),
        ("application/ld+json, application/json", JSON),
        ("application/geo+json, application/json", JSON),
        ("application/geo+json", GEO_JSON),
        ("application/json;q=0.1, application/ld+json;q=0.9", LD_JSON),
        ("application/json;q=0, */*", LD_JSON),
        ("application/json;q=0, application/ld+json", LD_JSON),
        ("*/*;q=0.9, application/ld+json;q=0.8", JSON),
        ("application/ld+json;q=notanumber", LD_JSON),
        ('application/ld+json;profile="x";q=0.5, application/json;q=0.4', LD_JSON),
        ("text/html, application/xhtml+xml, */*;q=0.8", JSON),
    ],
)
def test_negotiate_takes_the_best_weight_then_the_order_of_the_standard(accept: str | None, expected: str) -> None:
    assert negotiate(accept, WITH_GEOJSON) == expected


@pytest.mark.parametrize("accept", ["application/xml", "text/*", "application/geo+json", "*/*;q=0", ";;;", ","])
def test_negotiate_refuses_what_the_operation_cannot_give(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="application/ld"):
        negotiate(accept)


def test_negotiate_skips_geojson_where_it_is_not_on_offer() -> None:
    assert negotiate("application/geo+json;q=0.9, application/ld+json;q=0.1", COMMON) == LD_JSON


@pytest.mark.parametrize("header", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_parse_content_type_ignores_parameters_and_case(header: str) -> None:
    assert parse_content_type(header) == JSON


def test_parse_content_type_takes_merge_patch_for_patches_only() -> None:
    assert parse_content_type("application/merge-patch+json", patch=True) == "application/merge-patch+json"
    for header in ("application/merge-patch+json", "application/xml", "", None):
        with pytest.raises(UnsupportedMediaType):
            parse_content_type(header)


@pytest.mark.clause("CIM009 6.3.5")
@pytest.mark.parametrize(
    ("headers", "content_type", "body", "expected"),
    [
        ({}, None, None, None),
        ({"link": LINK}, None, None, CITY),
        ({"link": LINK}, JSON, {"id": "urn:x:1"}, CITY),
        ({}, JSON, {"id": "urn:x:1"}, None),
        ({"link": LINK}, "application/merge-patch+json", {}, CITY),
        ({}, LD_JSON, {"@context": [CITY]}, [CITY]),
        ({}, LD_JSON, {"@context": {"a": "https://a.example/"}}, {"a": "https://a.example/"}),
        ({}, LD_JSON, [{"@context": CITY}], None),
        ({"link": '<https://city.example/next>; rel="next"'}, LD_JSON, {"@context": CITY}, CITY),
    ],
)
def test_request_context_ref_finds_the_context(
    headers: dict[str, str], content_type: str | None, body: Any, expected: Any
) -> None:
    assert request_context_ref(headers, content_type, body) == expected


@pytest.mark.clause("CIM009 6.3.5")
@pytest.mark.parametrize(
    ("headers", "content_type", "body"),
    [
        ({"link": LINK}, LD_JSON, {"@context": CITY}),
        ({"link": LINK}, LD_JSON, {}),
        ({}, LD_JSON, {}),
        ({}, LD_JSON, "text"),
        ({}, JSON, {"@context": CITY}),
        ({"link": LINK}, JSON, {"@context": CITY}),
        ({}, JSON, [{"id": "urn:x:1"}, {"@context": CITY}]),
    ],
)
def test_request_context_ref_refuses_mixed_or_missing_contexts(
    headers: dict[str, str], content_type: str, body: Any
) -> None:
    with pytest.raises(BadRequestData):
        request_context_ref(headers, content_type, body)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        (LINK, CITY),
        (f"<{CITY}>;rel=http://www.w3.org/ns/json-ld#context", CITY),
        (f'<https://a.example/1,2;3>; rel="next"; title="a, b; <c>", {LINK}', CITY),
        (f'<{CITY}>; REL="next http://www.w3.org/ns/json-ld#context"', CITY),
        ('</ngsi-ld/v1/jsonldContexts/1>; rel="http://www.w3.org/ns/json-ld#context"', "/ngsi-ld/v1/jsonldContexts/1"),
        (f'<{CITY}>; rel="alternate"', None),
        (f"<{CITY}>", None),
    ],
)
def test_parse_context_link_reads_the_header(header: str | None, expected: str | None) -> None:
    assert parse_context_link(header) == expected


@pytest.mark.parametrize("header", [f"{LINK}, {LINK}", CITY, "<" + CITY, LINK.replace(CITY, ""), "x" * 9000])
def test_parse_context_link_refuses_what_is_not_clear(header: str) -> None:
    with pytest.raises(BadRequestData):
        parse_context_link(header)


@given(st.text(alphabet='<>;,"= relqh/*.', max_size=40))
def test_headers_are_read_or_refused_but_never_break(header: str) -> None:
    for read, refusals in ((parse_context_link, BadRequestData), (negotiate, NotAcceptable)):
        try:
            read(header)
        except refusals:
            continue


def test_response_headers_carry_the_context_where_the_body_does_not() -> None:
    assert response_context_headers(JSON, CITY) == [("Content-Type", JSON), ("Link", LINK)]
    assert response_context_headers(LD_JSON, CITY) == [("Content-Type", LD_JSON)]
    assert response_context_headers(GEO_JSON, CITY) == [("Content-Type", GEO_JSON)]
    assert response_context_headers(GEO_JSON, CITY, plain=True) == [("Content-Type", GEO_JSON), ("Link", LINK)]


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [
        (None, False),
        ("body=json", True),
        ('body="json"', True),
        ("respond-async, body=json", True),
        ("body=ld+json", False),
    ],
)
def test_prefers_plain_geojson(prefer: str | None, expected: bool) -> None:
    assert prefers_plain_geojson(prefer) is expected
