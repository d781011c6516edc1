"""Both engines answer every expression alike, and none of them fails: random expressions over rows with traps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.query.odata import tree
from tests.postgres_server import PostgresServer
from tests.store.sensorthings.constant_rows import Rows, encode, instant, matches
from tests.store.stores import open_tenants

TRAPS = {
    "text": ["", "a", "Äö ß", "5", "1e400", "'\"\\{}%_$1?1", "\t x ", "2024-02-30T00:00:00Z", "2024-02-29T00:00:00Z"],
    "number": [0, 1, -1, 2.5, -2.5, 0.1, 1e16, 1e300, -1e300, 1e-300, 5e-324, 1.7976931348623157e308, 9007199254740993],
    "other": [True, False, None, [], [1, [2]], {"a": {"b": 1}}, {"@value": 3}],
}
TIMES = [
    "0001-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999Z",
    "2023-12-31T23:59:59.5Z",
    "2024-02-29T12:00:00Z",
    "9999-12-31T23:59:59.999999Z",
]
VALUES = [*TRAPS["text"], *TRAPS["number"], *TRAPS["other"]]
ROWS: Rows = {
    "Thing": [{"n": 1, "name": "Äpfel", "properties": encode({"a": 1})}, {"n": 2, "name": "5"}],
    "Datastream": [
        {"n": 3, "thing": 1, "name": "Straße", "properties": encode({"a": 2, "b": "x"})},
        {"n": 4, "thing": 2, "name": "12.5"},
    ],
    "Observation": [
        {
            "n": 10 + place,
            "stream": (3, 4, None)[place % 3],
            "start": instant(TIMES[place % 5]),
            "stop": instant(TIMES[4]) if place % 4 == 0 else None,
            "result_time": instant(TIMES[(place + 2) % 5]) if place % 3 else None,
            "num": float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None,
            "value": encode(value),
            "parameters": encode({"a": value, "b": VALUES[(place * 7) % len(VALUES)], "c": [value, 2]}),
        }
        for place, value in enumerate(VALUES)
    ],
}

PARTS = ["year", "month", "day", "hour", "minute", "second", "fractionalseconds", "totaloffsetminutes"]
RELATIONS = ["before", "after", "meets", "during", "overlaps", "starts", "finishes"]
COMPARE = ["eq", "ne", "gt", "ge", "lt", "le"]
DURATIONS = [0, 1, 3_600_000_000, -86_400_000_000, 315_537_897_599_999_999]
NUMBERS = [*TRAPS["number"], 12, 13.5, 3]
JSON_PATHS = [
    tree.Member((), "result"),
    tree.Member((), "parameters", ("a",)),
    tree.Member((), "parameters", ("b",)),
    tree.Member((), "parameters", ("c", 0)),
    tree.Member((), "parameters", ("c", 1)),
    tree.Member((), "parameters", ("a", "a", "b")),
    tree.Member(("Datastream",), "properties", ("a",)),
]
LEAVES: dict[str, list[tree.Expression]] = {
    "number": [
        *JSON_PATHS,
        tree.Member((), "id"),
        tree.Member(("Datastream",), None),
        *(tree.Literal("number", float(one), repr(one)) for one in NUMBERS),
    ],
    "text": [
        *JSON_PATHS,
        tree.Member(("Datastream",), "name"),
        tree.Member(("Datastream", "Thing"), "name"),
        *(tree.Literal("text", text) for text in [*TRAPS["text"], "x", "tr", "Ä"]),
    ],
    "time": [
        tree.Member((), "phenomenonTime"),
        tree.Member((), "phenomenonTime"),
        tree.Member((), "resultTime"),
        *(tree.Literal("instant", instant(text)) for text in TIMES),
        tree.Literal("interval", (instant(TIMES[1]), instant(TIMES[3]))),
        *(tree.Call(name, ()) for name in ("now", "mindatetime", "maxdatetime")),
    ],
    "duration": [tree.Literal("duration", micros) for micros in DURATIONS],
    "truth": [tree.Literal("boolean", value=True), tree.Literal("boolean", value=False), JSON_PATHS[0]],
    "null": [tree.Literal("null", None)],
}
# for each kind: names, whether they are operators, and the kinds of the operands
FORMS: dict[str, list[tuple[list[str], bool, tuple[str, ...]]]] = {
    "number": [
        (["add", "sub", "mul", "div", "mod"], True, ("number", "number")),
        (["div"], True, ("duration", "duration")),
        (["round", "floor", "ceiling"], False, ("number",)),
        (["length"], False, ("text",)),
        (["indexof"], False, ("text", "text")),
        (PARTS, False, ("time",)),
    ],
    "text": [
        (["trim", "tolower", "toupper"], False, ("text",)),
        (["concat"], False, ("text", "text")),
        (["substring"], False, ("text", "number")),
        (["substring"], False, ("text", "number", "number")),
    ],
    "time": [(["add", "sub"], True, ("time", "duration")), (["date"], False, ("time",))],
    "duration": [
        (["add", "sub"], True, ("duration", "duration")),
        (["mul", "div"], True, ("duration", "number")),
        (["sub"], True, ("time", "time")),
        (["time"], False, ("time",)),
    ],
    "truth": [
        *((COMPARE, True, (kind, kind)) for kind in ("number", "text", "time", "duration", "any")),
        (["eq", "ne"], True, ("any", "null")),
        (["eq", "ne"], True, ("truth", "truth")),
        (["and", "or"], True, ("truth", "truth")),
        (["not"], True, ("truth",)),
        (["any"], False, ("truth",)),
        (["substringof", "contains", "startswith", "endswith"], False, ("text", "text")),
        (RELATIONS, False, ("time", "time")),
    ],
    "null": [],
}


@st.composite
def expressions(draw: st.DrawFn, kind: str, depth: int) -> tree.Expression:
    if kind == "any":
        kind = draw(st.sampled_from(["number", "text", "time", "duration", "truth"]))
    if depth == 0 or not FORMS[kind] or (kind != "truth" and draw(st.integers(0, 2)) == 0):
        return draw(st.sampled_from(LEAVES[kind]))
    names, is_operator, kinds = draw(st.sampled_from(FORMS[kind]))
    name = draw(st.sampled_from(names))
    operands = tuple(draw(expressions(one, depth - 1)) for one in kinds)
    if name == "any":
        inner = tree.Binary("ne", tree.Member((), "name", (), "d"), tree.Literal("text", "5"))
        operator = draw(st.sampled_from(["and", "or"]))
        return tree.AnyOf(("Datastream", "Thing", "Datastreams"), "d", tree.Binary(operator, operands[0], inner))
    if name == "not":
        return tree.Unary("not", operands[0])
    return tree.Binary(name, *operands) if is_operator else tree.Call(name, operands)


class Engines:
    """One tenant on each engine, driven from tests that are no coroutines."""

    def __init__(self, folder: Path, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.opened = [open_tenants("", folder), open_tenants(url, folder)]
        self.tenants: list[OpenTenant] = [self.loop.run_until_complete(self._open(one)) for one in self.opened]

    @staticmethod
    async def _open(opened: AbstractAsyncContextManager[Tenants]) -> OpenTenant:
        tenants = await opened.__aenter__()
        return await tenants.get("default")

    def matches(self, expression: tree.Expression) -> list[list[int]]:
        now = instant("2024-03-01T12:00:00Z")
        return [
            self.loop.run_until_complete(matches(tenant.database, ROWS, "Observation", expression, now))
            for tenant in self.tenants
        ]

    def close(self) -> None:
        for opened in self.opened:
            self.loop.run_until_complete(opened.__aexit__(None, None, None))
        self.loop.close()


@pytest.fixture(scope="module")
def engines(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    name = postgres_server.create_database()
    both = Engines(tmp_path_factory.mktemp("store"), postgres_server.database_url(name))
    yield both
    both.close()
    postgres_server.drop_database(name)


@settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.too_slow])
@given(condition=expressions("truth", 4))
def test_engines_answer_alike(engines: Engines, condition: tree.Expression) -> None:
    sqlite, postgres = engines.matches(condition)
    assert sqlite == postgres, condition
    negated = engines.matches(tree.Unary("not", condition))
    assert negated[0] == negated[1], condition
    assert set(sqlite).isdisjoint(negated[0])
