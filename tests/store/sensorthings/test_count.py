"""How many entities a relation leads to, in filters and orders. Spec: OData 4.0 URL conventions 5.1.1."""

from __future__ import annotations

import pytest

from stadtkern.broker.tenants import OpenTenant
from stadtkern.model.sensorthings import TYPES
from stadtkern.query.odata.expression import parse_orderby
from tests.store.sensorthings.constant_rows import Rows, keys, matches

ROWS: Rows = {
    "Thing": [{"n": 7, "name": "a"}, {"n": 8, "name": "b"}, {"n": 9, "name": "c"}],
    "Datastream": [{"n": 20, "thing": 7}, {"n": 21, "thing": 7}, {"n": 22, "thing": 8}],
    "Observation": [{"n": n, "stream": stream, "num": 1.0} for n, stream in ((30, 20), (31, 20), (32, 22))],
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Datastreams/$count gt 1", [7]),
        ("Datastreams/$count eq 0", [9]),
        ("not (Datastreams/$count gt 0)", [9]),
        ("Datastreams/$count add id eq 9", [7, 8, 9]),
        ("Datastreams/$count in (1, 2) and name ne 'a'", [8]),
        ("Datastreams/Observations/$count eq 0", [7]),
        ("Datastreams/any(d: d/Observations/$count ge d/Thing/Datastreams/$count)", [7, 8]),
    ],
)
async def test_counts_are_compared(tenant: OpenTenant, text: str, expected: list[int]) -> None:
    assert await matches(tenant.database, ROWS, "Thing", text) == expected


async def test_counts_are_sort_keys(tenant: OpenTenant) -> None:
    (order,) = parse_orderby("Datastreams/$count", TYPES["Thing"])

    assert await keys(tenant.database, ROWS, "Thing", order.expression) == [(7, 2), (8, 1), (9, 0)]
