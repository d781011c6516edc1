"""What can be written is read back as it was; what else comes is refused as bad data. Spec: OGC 18-088 9.3.3.5."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, OperationNotSupported, Problem, ResourceNotFound
from stadtkern.model.sensorthings import SETS, TYPES, EntityType
from stadtkern.query.odata.expression import parse_filter, parse_orderby
from stadtkern.query.odata.options import parse_query
from stadtkern.query.odata.target import parse_target
from stadtkern.query.odata.tree import AnyOf, Binary, Call, Expression, Listed, Literal, Member, Unary
from tests.unit.query.odata.printer import write

NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
).map(lambda text: Literal("number", float(text), text))
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20).map(
    lambda text: Literal("text", text)
)
TRUTHS = st.booleans().map(lambda value: Literal("boolean", value))
DURATION = Literal("duration", 86_400_000_000, "P1D")
INSTANT = Literal("instant", 1_767_225_600_000_000, "2026-01-01T01:00:00+01:00")
INTERVAL = Literal("interval", (1_767_225_600_000_000, 1_767_229_200_000_000), "2026-01-01T00:00:00Z/PT1H")
POINT = Literal("geometry", '{"type":"Point","coordinates":[9.0,53.0]}', "POINT (9 53)")
KEYS = st.one_of(st.from_regex(r"[a-zäöß_][A-Za-z0-9_.@:-]{0,8}", fullmatch=True), st.integers(0, 99))
INSIDE = st.lists(KEYS, min_size=1, max_size=4).map(tuple)


def json_of(variable: str | None) -> st.SearchStrategy[Expression]:
    return st.builds(lambda way: Member((), "properties", way, variable), INSIDE)


def numbers(variable: str | None) -> st.SearchStrategy[Expression]:
    leaves = NUMBERS | json_of(variable) | st.just(Member((), "id", (), variable))

    def grow(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        return st.one_of(
            st.builds(Binary, st.sampled_from(["add", "sub", "mul", "div", "mod"]), inner, inner),
            st.builds(lambda one: Unary("-", one), inner),
            st.builds(lambda one: Call("floor", (one,)), inner),
            st.builds(lambda one: Call("length", (one,)), texts(variable)),
        )

    return st.recursive(leaves, grow, max_leaves=4)


def texts(variable: str | None) -> st.SearchStrategy[Expression]:
    return st.one_of(
        TEXTS,
        st.just(Member((), "name", (), variable)),
        st.just(Call("substring", (Member((), "description", (), variable), Literal("number", 1.0, "1")))),
    )


def times(variable: str | None) -> st.SearchStrategy[Expression]:
    leaves: st.SearchStrategy[Expression] = st.sampled_from(
        [INSTANT, INTERVAL, Call("now", ()), Member((), "phenomenonTime", (), variable)]
    )
    return st.one_of(leaves, st.builds(lambda one: Binary("sub", one, DURATION), leaves))


def leaf_conditions(variable: str | None) -> st.SearchStrategy[Expression]:
    operators = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
    sides: list[Callable[[str | None], st.SearchStrategy[Expression]]] = [numbers, texts, times]
    comparisons = [st.builds(Binary, operators, make(variable), make(variable)) for make in sides]
    area = Member((), "observedArea", (), variable)
    return st.one_of(
        *comparisons,
        st.builds(
            lambda one, values: Binary("in", one, Listed(tuple(values))),
            st.just(Member((), "name", (), variable)),
            st.lists(TEXTS, min_size=1, max_size=3),
        ),
        st.just(Call("st_within", (area, POINT))),
        st.just(Binary("eq", Member(("Sensor",), None, (), variable), Literal("null", None))),
        TRUTHS,
    )


def conditions(variable: str | None) -> st.SearchStrategy[Expression]:
    return st.recursive(
        leaf_conditions(variable),
        lambda inner: st.one_of(
            st.builds(Binary, st.sampled_from(["and", "or"]), inner, inner),
            st.builds(lambda one: Unary("not", one), inner),
        ),
        max_leaves=6,
    )


def some(inner: st.SearchStrategy[Expression | None]) -> st.SearchStrategy[Expression]:
    return st.builds(lambda one: AnyOf(("Thing", "Datastreams"), "d", one), inner)


FILTERS = conditions(None) | some(conditions("d") | conditions(None))


def without_places(node: Any) -> Any:
    """Give a tree as plain values, without where its nodes stood."""
    if isinstance(node, tuple):
        return [without_places(one) for one in node]
    if not isinstance(node, msgspec.Struct):
        return node
    return [
        type(node).__name__,
        *(without_places(getattr(node, name)) for name in node.__struct_fields__ if name != "at"),
    ]


@given(FILTERS)
def test_a_filter_that_was_written_is_read_back(filter: Expression) -> None:
    text = write(filter)

    assert without_places(parse_filter(text, TYPES["Datastream"])) == without_places(filter)


@given(FILTERS)
def test_places_point_into_the_text(filter: Expression) -> None:
    text = write(filter)

    found = parse_filter(text, TYPES["Datastream"])

    nodes: list[Any] = [found]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Binary | Unary):
            assert text.startswith(node.operator, node.at)
        elif isinstance(node, Call):
            assert text.startswith(f"{node.name}(", node.at)
        elif isinstance(node, Literal) and node.kind in {"number", "instant", "interval"}:
            assert text.startswith(node.text, node.at)
        nodes += [getattr(node, name) for name in ("left", "right", "operand", "condition") if hasattr(node, name)]


PIECES = st.sampled_from(
    [
        *("name", "id", "@iot.id", "Thing", "Datastreams", "Observations", "properties/x", "result", "$it", "$count"),
        *("/", "(", ")", ",", ":", ";", "[", "]", "[2]", "-", "'", "''", "=", "*", "\u00e4", "\ud800", "\x00"),
        *("and", "or", "not", "eq", "ne", "gt", "in", "add", "mul", "any", "asc", "desc", "any(d: d/", "distinct:"),
        *("null", "true", "5", "1.5", "-3", "1e999", "'x'", "2026-01-01", "2026-01-01T00:00:00Z", "2026-99-01"),
        *("/PT1H", "06:00:00", "duration'P1D'", "duration'P1M'", "geography'POINT(1 2)'", "geography'POINT('"),
        *("now(", "length(", "st_within(", "substringof(", "$expand=", "$filter=", "$top=", "$select=", "$x="),
    ]
)
JUNK = st.one_of(
    st.text(max_size=60), st.lists(PIECES, max_size=25).map(" ".join), st.lists(PIECES, max_size=25).map("".join)
)
SOME_TYPE = st.sampled_from(list(TYPES.values()))


def refusal(act: Callable[[], object], *expected: type[Problem]) -> Problem | None:
    """Give the problem of one of the expected classes that something ends with."""
    try:
        act()
    except expected as error:
        return error
    return None


@given(JUNK, SOME_TYPE)
def test_junk_in_expressions_is_bad_data_with_a_place(text: str, entity_type: EntityType) -> None:
    for parse, option in ((parse_filter, "$filter"), (parse_orderby, "$orderby")):
        problem = refusal(lambda parse=parse: parse(text, entity_type), BadRequestData)
        if problem is not None:
            name, _, place = str(problem.pointer).partition(":")
            assert problem.detail
            assert name == option
            assert 0 <= int(place or 0) <= len(text)


NAMES = st.sampled_from(
    ["$filter", "$select", "$expand", "$orderby", "$top", "$skip", "$count", "$format", "$skiptoken", "$FILTER", "$x"]
)


@given(st.lists(st.tuples(NAMES | JUNK, JUNK), max_size=4), SOME_TYPE)
def test_junk_in_queries_is_bad_data_or_not_supported(pairs: list[tuple[str, str]], entity_type: EntityType) -> None:
    problem = refusal(lambda: parse_query(pairs, entity_type), BadRequestData, OperationNotSupported)

    assert problem is None or (problem.detail and problem.pointer)


STEPS = st.sampled_from(
    [*SETS, "(1)", "('2')", "/", "Thing", "/Thing/", "/$ref", "/$value", "properties", "/properties/", "[1]", "x", "("]
)


@given(st.text(max_size=60) | st.lists(STEPS, max_size=8).map("".join))
def test_junk_in_addresses_leads_nowhere(path: str) -> None:
    problem = refusal(lambda: parse_target(path), ResourceNotFound)

    assert problem is None or (problem.detail and problem.pointer)


@pytest.mark.parametrize("name", list(TYPES))
def test_all_properties_and_relations_can_be_named(name: Any) -> None:
    entity_type = TYPES[name]

    query = parse_query(
        [
            ("$select", ",".join(["id", *entity_type.properties, *entity_type.relations])),
            ("$expand", ",".join(entity_type.relations)),
        ],
        entity_type,
    )

    assert [one.name for one in query.select or ()] == ["id", *entity_type.properties, *entity_type.relations]
    assert [one.relation for one in query.expand] == list(entity_type.relations)
