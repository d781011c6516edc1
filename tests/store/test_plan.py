"""How filters are run: by which index, in which order, and what may run on the event loop."""

from __future__ import annotations

import time
from importlib import resources

import apsw
import pytest

from stadtkern.model.ids import EntityId, Iri
from stadtkern.query.filter import (
    And,
    AnyOf,
    Exists,
    Filter,
    Geo,
    HasType,
    IdIn,
    IdMatches,
    Is,
    Linked,
    Matches,
    Or,
    Path,
    ScopeMatches,
    number,
    text,
)
from stadtkern.query.q import parse_q
from stadtkern.store.compile import compile_filter, compile_plan, plan_bound
from stadtkern.store.dialect import EngineName, Sql
from stadtkern.store.statements import for_engine
from tests.store.filter_rows import Engine, engine, postgres, sqlite

__all__ = ["engine", "postgres", "sqlite"]  # fixtures

T, U, A = Iri("urn:T"), Iri("urn:U"), Iri("urn:a")
BIG: Filter = AnyOf(Path((A,)), Is(">", number(5)))
PLACE = Geo(A, "within", '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}')


@pytest.fixture(scope="module")
def tables() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    file = resources.files("stadtkern.store").joinpath("migrations", "tenant", "0001_pre_foundation.sql")
    connection.execute(for_engine(file.read_text(), "sqlite"))
    return connection


def explain(tables: apsw.Connection, filter_: Filter) -> str:
    plan = compile_plan(filter_, "sqlite")
    sql = Sql("SELECT e.n FROM {} WHERE {} AND e.state = 0 ORDER BY {} LIMIT 20", plan.source, plan.where, plan.key)
    rendered, params = sql.render("sqlite")
    return "\n".join(row[3] for row in tables.execute("EXPLAIN QUERY PLAN " + rendered, params))


def test_plan_walks_the_index_of_a_type_in_order(tables: apsw.Connection) -> None:
    steps = explain(tables, And((BIG, HasType(T))))
    assert "SEARCH entity_type USING PRIMARY KEY (type=?)" in steps
    assert "SEARCH e USING INTEGER PRIMARY KEY" in steps
    assert "TEMP B-TREE" not in steps


def test_plan_merges_the_indexes_of_several_types_in_order(tables: apsw.Connection) -> None:
    steps = explain(tables, And((BIG, Or((HasType(T), HasType(U))))))
    assert "MERGE (UNION)" in steps
    assert steps.count("SEARCH entity_type USING PRIMARY KEY (type=?)") == 2
    assert "TEMP B-TREE" not in steps


def test_plan_reads_ids_by_key(tables: apsw.Connection) -> None:
    assert "SEARCH e USING INDEX sqlite_autoindex_entity_1 (id=?)" in explain(tables, IdIn((EntityId("urn:x"),)))


def test_plan_reads_scopes_and_areas_by_index(tables: apsw.Connection) -> None:
    assert "SEARCH s USING PRIMARY KEY (scope=?)" in explain(tables, ScopeMatches(("A", "B")))
    assert "SCAN b VIRTUAL TABLE INDEX 2" in explain(tables, PLACE)


@pytest.mark.parametrize(
    ("filter_", "bounded"),
    [
        (HasType(T), True),
        (And((HasType(T),)), True),
        (IdIn((EntityId("urn:x"),)), True),
        (And((IdIn((EntityId("urn:x"),)), BIG)), True),
        (None, True),
        (And((HasType(T), BIG)), False),
        (And((HasType(T), HasType(U))), False),
        (Or((HasType(T), HasType(U))), True),
        (And((Or((HasType(T), HasType(U))), HasType(T))), False),
        (Or(tuple(HasType(Iri(f"urn:{n}")) for n in range(21))), False),
        (Or(()), False),
        (BIG, False),
        (PLACE, False),
        (IdIn(tuple(EntityId(f"urn:{n}") for n in range(1001))), False),
    ],
)
def test_plan_bound_only_for_what_an_index_key_limits(filter_: Filter | None, bounded: bool) -> None:
    assert plan_bound(filter_) is bounded


@pytest.mark.parametrize(
    ("filter_", "narrowed"),
    [
        (HasType(T), True),
        (And((BIG, ScopeMatches(("A",)))), True),
        (Or((HasType(T), PLACE)), True),
        (IdMatches("^urn:x"), True),
        (BIG, False),
        (Or((HasType(T), BIG)), False),
        (IdMatches("x"), False),
        (ScopeMatches(("+", "A")), False),
        (Geo(A, "disjoint", PLACE.geometry), False),
    ],
)
def test_plan_tells_whether_an_index_narrows(filter_: Filter, narrowed: bool) -> None:
    assert compile_plan(filter_, "postgres").narrowed is narrowed


@pytest.mark.parametrize(
    ("filter_", "exact"),
    [
        (BIG, True),
        (Exists(Path((A,))), True),
        (AnyOf(Path((A,)), Matches("x")), False),
        (PLACE, False),
        (Linked(Path((A,)), BIG), False),
        (And((BIG, PLACE)), False),
    ],
)
@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_compile_filter_says_whether_it_is_exact(filter_: Filter, exact: bool, name: EngineName) -> None:
    assert compile_filter(filter_, name).exact is exact


@pytest.mark.parametrize("name", ["sqlite", "postgres"])
def test_compile_filter_binds_everything_that_came_from_outside(name: EngineName) -> None:
    evil = "x'); DROP TABLE entity; --"
    filter_ = And(
        (
            HasType(Iri(evil)),
            IdIn((EntityId(evil),)),
            IdMatches("^" + evil.replace("(", "").replace(")", "")),
            ScopeMatches((evil, "+"), below=False),
            Exists(Path((Iri(evil), Iri(evil)), value=(evil,))),
            AnyOf(Path((Iri(evil),)), Is("==", text(evil))),
            Geo(Iri(evil), "within", PLACE.geometry, dataset_id=evil),
        )
    )
    rendered, params = compile_filter(filter_, name).sql.render(name)
    assert "DROP" not in rendered
    assert any(evil in str(param) for param in params)


def _expand(name: str) -> Iri:
    return Iri("urn:t:" + name)


HARDEST = {
    "terms": "|".join(["a==1"] * 500),
    "unequal": ";".join(['a!="x"'] * 500),
    "nested": "".join(f"a{level}==1{';|'[level % 2]}(" for level in range(60)) + "b" + ")" * 60,
    "names": ".".join("abcdefghijklmnop") + "==1",
    "keys": "a[" + ".".join("abcdefghijklmnop") + "]==1",
    "links": "{".join("a" * 60) + "}" * 59 + "==1",
    "lists": ";".join(["a==" + ",".join(["1", '"x"'] * 20)] * 60),
}


@pytest.mark.parametrize("name", HARDEST)
def test_compile_filter_stays_within_what_engines_can_parse(engine: Engine, name: str) -> None:
    filter_ = parse_q(HARDEST[name], _expand)
    start = time.perf_counter()
    rows = engine.fetch(Sql("SELECT e.id FROM entity e WHERE {}", compile_filter(filter_, engine.name).sql))
    assert rows == []
    assert time.perf_counter() - start < 10
