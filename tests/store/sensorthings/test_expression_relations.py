"""Paths across relations, lambdas and variables: over constant rows, and over what is stored under a Grant."""

from __future__ import annotations

import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.model.sensorthings import TYPES
from stadtkern.query.odata import tree
from stadtkern.query.odata.expression import parse_orderby
from tests.store.sensorthings.constant_rows import Rows, encode, keys, matches

ROWS: Rows = {
    "Thing": [
        {"n": 1, "name": "Rathaus", "properties": encode({"floor": 1})},
        {"n": 2, "name": "Museum", "properties": encode({"floor": 2})},
        {"n": 3, "name": "Leer"},
    ],
    "Location": [
        {"n": 21, "thing": 1, "name": "Mitte", "location": encode({"type": "Point", "coordinates": [9.5, 53.5]})},
        {"n": 22, "thing": 2, "name": "Nord", "location": encode({"type": "Feature", "geometry": None})},
        {"n": 23, "thing": 2, "name": "Mitte", "location": '"Hauptstraße 1"'},
    ],
    "Datastream": [
        {"n": 11, "thing": 1, "name": "NO2", "properties": encode({"limit": 5})},
        {"n": 12, "thing": 1, "name": "PM10", "properties": encode({"limit": 50})},
        {"n": 13, "thing": 2, "name": "NO2"},
    ],
    "Observation": [
        {"n": 101, "stream": 11, "start": 1, "num": 4.0},
        {"n": 102, "stream": 11, "start": 2, "num": 6.0},
        {"n": 103, "stream": 12, "start": 3, "num": 40.0},
        {"n": 104, "stream": 13, "start": 4, "value": '"hoch"'},
        {"n": 105, "stream": None, "start": 5, "num": 1.0},
        {"n": 106, "stream": 13, "start": 6, "value": "null"},
        {"n": 107, "stream": 13, "start": 7, "value": "true"},
    ],
}
OBSERVATIONS = [
    ("Datastream/name eq 'NO2'", [101, 102, 104, 106, 107]),
    ("not (Datastream/name eq 'NO2')", [103]),
    ("Datastream/name ne 'NO2'", [103]),
    ("Datastream/Thing/name eq 'Rathaus'", [101, 102, 103]),
    ("Datastream/id eq 11 or Datastream/Thing/id eq 2", [101, 102, 104, 106, 107]),
    ("result gt Datastream/properties/limit", [102]),
    ("not (result gt Datastream/properties/limit)", [101, 103]),
    ("Datastream eq null", [105]),
    ("Datastream ne null and result gt 5", [102, 103]),
    ("Datastream/name eq null", [105]),
    ("Datastream/properties/limit eq null", [104, 105, 106, 107]),
    ("Datastream/properties/limit ne null", [101, 102, 103]),
    ("concat(Datastream/Thing/name, Datastream/name) eq 'RathausPM10'", [103]),
    ("(result gt Datastream/properties/limit) eq (Datastream/name eq 'NO2')", [102, 103]),
    ("Datastream/Thing/Locations/name eq 'Nord'", [104, 106, 107]),
    ("Datastream/Thing/Datastreams/any(d: d/name eq 'PM10')", [101, 102, 103]),
    ("Datastream/Thing/Datastreams/any(d: d/name ne $it/Datastream/name)", [101, 102, 103]),
    ("result eq null", [106]),
    ("result eq true", [107]),
    ("result eq 'hoch'", [104]),
    ("result ne 'hoch'", []),
    ("startswith(result, 'ho')", [104]),
    ("result in (4, 40, 7)", [101, 103]),
]
THINGS = [
    ("Datastreams/any(d: d/name eq 'NO2')", [1, 2]),
    ("not Datastreams/any(d: d/name eq 'NO2')", [3]),
    ("Datastreams/any()", [1, 2]),
    ("Datastreams/name eq 'PM10'", [1]),
    ("Datastreams/Observations/result gt 5", [1]),
    ("Datastreams/Observations/any(o: o/result gt 5 and o/Datastream/name eq 'NO2')", [1]),
    ("Datastreams/any(d: d/Observations/any(o: o/result gt d/properties/limit))", [1]),
    ("Datastreams/any(d: d/Observations/any(o: o/result gt 4 mul $it/properties/floor))", [1]),
    ("Datastreams/any(d: d/Observations/any(o: o/result gt 40 mul $it/properties/floor))", []),
    ("Datastreams/any(d: d/Thing/name eq 'Museum')", [2]),
    ("Datastreams/any(d: not (d/name eq 'NO2'))", [1]),
    ("Datastreams/any(d: d/properties/limit gt 1) eq false", [2, 3]),
    ("Locations/name eq 'Mitte' and Locations/name eq 'Nord'", [2]),
    ("Locations/any(l: l/name eq 'Mitte' and l/name eq 'Nord')", []),
    ("Locations/location/type eq 'Point' or Locations/location/geometry/type eq 'Point'", [1]),
    ("Locations/location/coordinates[1] eq 53.5", [1]),
    ("Locations/location eq 'Hauptstraße 1'", [2]),
    ("properties/floor in (2, 3) or id in (3)", [2, 3]),
]


@pytest.mark.parametrize(("type", "table"), [("Observation", OBSERVATIONS), ("Thing", THINGS)])
async def test_filter_across_relations(tenant: OpenTenant, type: str, table: list[tuple[str, list[int]]]) -> None:
    found = [(text, await matches(tenant.database, ROWS, type, text)) for text, _ in table]
    assert [pair for pair, wanted in zip(found, table, strict=True) if pair != wanted] == []


async def test_order_keys_keep_each_kind_of_a_result_together(tenant: OpenTenant) -> None:
    (order,) = parse_orderby("result", TYPES["Observation"])
    found = await keys(tenant.database, ROWS, "Observation", order.expression)
    assert [row for row in found if row[0] in {101, 104, 106, 107}] == [
        (101, None, 4.0, None),
        (104, None, None, "hoch"),
        (106, None, None, None),
        (107, 1, None, None),
    ]


ORDERS = [
    ("Datastream/name", [(101, "NO2"), (103, "PM10"), (105, None)]),
    ("Datastream/Thing/id", [(101, 1), (103, 1), (105, None)]),
    ("phenomenonTime", [(101, 1), (103, 3), (105, 5)]),
    ("phenomenonTime add duration'PT1S'", [(101, 1_000_001), (103, 1_000_003), (105, 1_000_005)]),
    ("length(Datastream/name)", [(101, 3), (103, 4), (105, None)]),
    ("id mod 2", [(101, 1), (103, 1), (105, 1)]),
    ("result gt 10", [(101, 0), (103, 1), (105, 0)]),
]


async def test_order_keys_are_values(tenant: OpenTenant) -> None:
    for text, wanted in ORDERS:
        (order,) = parse_orderby(text, TYPES["Observation"])
        found = await keys(tenant.database, ROWS, "Observation", order.expression)
        assert (text, [row for row in found if row[0] in {101, 103, 105}]) == (text, wanted)


async def test_long_chains_and_high_trees_are_compiled(tenant: OpenTenant) -> None:
    chain = " or ".join(f"id eq {number}" for number in range(490))
    assert await matches(tenant.database, ROWS, "Thing", chain) == [1, 2, 3]
    high = "1" + "".join(f" add (1 mul (id sub {number}" for number in range(24)) + "))" * 24
    assert await matches(tenant.database, ROWS, "Thing", f"{high} lt 1e9") == [1, 2, 3]
    negated: tree.Expression = tree.Literal("boolean", value=True)
    for _ in range(98):
        negated = tree.Unary("not", negated)
    assert await matches(tenant.database, ROWS, "Thing", negated) == [1, 2, 3]
