"""Entities as rows: written straight into the tables of each engine, for tests of compiled filters."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Protocol

import apsw
import asyncpg
import msgspec
import pytest

from stadtkern.model.entity import Attributes, Entity
from stadtkern.query.box import index_box
from stadtkern.query.evaluate import matches
from stadtkern.query.filter import Filter
from stadtkern.store.compile import compile_filter, compile_plan
from stadtkern.store.dialect import EngineName, Sql
from stadtkern.store.document import encode_document, encode_instance
from stadtkern.store.migrate import migrations
from stadtkern.store.statements import for_engine, statements
from tests.postgres_server import PostgresServer

NOW = 1_000_000
SCHEMA = "\n".join(migration.text for migration in migrations("tenant"))
TABLES = ("entity", "doc", "entity_type", "entity_scope", "geo", "series")


class Engine(Protocol):
    name: EngineName
    world: list[Entity]

    def fill(self, entities: list[Entity]) -> None: ...
    def fetch(self, sql: Sql) -> list[Any]: ...


def current_rows(n: int, entity: Entity) -> list[tuple[Any, ...]]:
    return [
        (n, str(name), one.dataset_id, 1, 0, encode_instance(one))
        for name, group in entity.attributes.items()
        for one in group
        if one.observed_at is not None
    ]


def geometries(entity: Entity) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (str(name), one.dataset_id, msgspec.json.decode(one.value))
        for name, group in entity.attributes.items()
        for one in group
        if one.kind == "GeoProperty"
    ]


class Sqlite:
    name: EngineName = "sqlite"
    world: list[Entity] = []  # noqa: RUF012 - replaced, never changed

    def __init__(self) -> None:
        self.connection = apsw.Connection(":memory:")
        self.connection.execute(for_engine(SCHEMA, "sqlite"))

    def fill(self, entities: list[Entity]) -> None:
        run = self.connection.execute
        for table in (*TABLES, "geo_box"):
            run(f"DELETE FROM {table}")
        for n, entity in enumerate(entities, 1):
            run("INSERT INTO entity (n, id, version, state, created_at, modified_at, expires_at)"
                " VALUES (?,?,1,0,?,?,?)",
                (n, entity.id, entity.created_at, entity.modified_at, entity.expires_at))  # fmt: skip
            run("INSERT INTO doc VALUES (?, ?)", (n, encode_document(entity)))
            for type_ in entity.types:
                run("INSERT INTO entity_type VALUES (?, ?)", (type_, n))
            for scope in entity.scope:
                run("INSERT INTO entity_scope VALUES (?, ?)", (scope, n))
            for row in current_rows(n, entity):
                run("INSERT INTO series (entity, attribute, dataset_id, observed, created_at, current)"
                    " VALUES (?,?,?,?,?,?)", row)  # fmt: skip
            for name, dataset, geometry in geometries(entity):
                run("INSERT INTO geo (n, attribute, dataset_id, geom) VALUES (?,?,?,?)",
                    (n, name, dataset, json.dumps(geometry)))  # fmt: skip
                west, south, east, north = index_box(geometry)
                run(
                    "INSERT INTO geo_box (id, west, south, east, north) VALUES (last_insert_rowid(), ?, ?, ?, ?)",
                    (west, south, east, north),
                )

    def fetch(self, sql: Sql) -> list[Any]:
        rendered, params = sql.render("sqlite", NOW)
        return [row[0] for row in self.connection.execute(rendered, params)]


class Postgres:
    name: EngineName = "postgres"
    world: list[Entity] = []  # noqa: RUF012 - replaced, never changed

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.connection = self.loop.run_until_complete(asyncpg.connect(url))
        self.run("CREATE SCHEMA tenant; SET search_path TO tenant, public;" + for_engine(SCHEMA, "postgres"))

    def run(self, sql: str, *params: Any) -> None:
        self.loop.run_until_complete(self.connection.execute(sql, *params))

    def run_many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        self.loop.run_until_complete(self.connection.executemany(sql, rows))

    def fill(self, entities: list[Entity]) -> None:
        self.run("TRUNCATE " + ", ".join(TABLES))
        numbered = list(enumerate(entities, 1))
        self.run_many(
            "INSERT INTO entity (n, id, version, state, created_at, modified_at, expires_at)"
            " VALUES ($1,$2,1,0,$3,$4,$5)",
            [(n, one.id, one.created_at, one.modified_at, one.expires_at) for n, one in numbered],
        )
        self.run_many("INSERT INTO doc VALUES ($1, $2)", [(n, encode_document(one)) for n, one in numbered])
        self.run_many("INSERT INTO entity_type VALUES ($1, $2)", [(t, n) for n, one in numbered for t in one.types])
        self.run_many("INSERT INTO entity_scope VALUES ($1, $2)", [(s, n) for n, one in numbered for s in one.scope])
        self.run_many(
            "INSERT INTO series (entity, attribute, dataset_id, observed, created_at, current)"
            " VALUES ($1,$2,$3,$4,$5,$6)",
            [row for n, one in numbered for row in current_rows(n, one)],
        )
        placed = [(n, name, dataset, json.dumps(g)) for n, one in numbered for name, dataset, g in geometries(one)]
        if placed:
            statement = statements("write.sql", "postgres")["insert_geo"]
            self.loop.run_until_complete(self.connection.fetch(statement, *map(list, zip(*placed, strict=True))))

    def fetch(self, sql: Sql) -> list[Any]:
        rendered, params = sql.render("postgres", NOW)
        return [row[0] for row in self.loop.run_until_complete(self.connection.fetch(rendered, *params))]

    def close(self) -> None:
        self.loop.run_until_complete(self.connection.close())
        self.loop.close()


@pytest.fixture(scope="module")
def sqlite() -> Sqlite:
    return Sqlite()


@pytest.fixture(scope="module")
def postgres(postgres_server: PostgresServer) -> Iterator[Postgres]:
    name = postgres_server.create_database()
    engine = Postgres(postgres_server.database_url(name))
    yield engine
    engine.close()
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.getfixturevalue(request.param)


def visible(entity: Entity) -> Entity:
    """What readers see: without instances that have expired."""
    return msgspec.structs.replace(entity, attributes=unexpired(entity.attributes))


def unexpired(attributes: Attributes) -> Attributes:
    """The instances whose time is not over, and of their sub-attributes as well."""
    left = {
        name: [
            msgspec.structs.replace(one, subs=unexpired(one.subs))
            for one in group
            if one.expires_at is None or one.expires_at > NOW
        ]
        for name, group in attributes.items()
    }
    return {name: group for name, group in left.items() if group}


def check(engine: Engine, world: list[Entity], filter_: Filter) -> None:
    """Compare what SQL selects with what the evaluator decides."""
    if engine.world is not world:
        engine.fill(world)
        engine.world = world
    seen = {entity.id: visible(entity) for entity in world}
    expected = {id_ for id_, entity in seen.items() if matches(filter_, entity, linked=seen.get)}
    compiled = compile_filter(filter_, engine.name)
    selected = set(engine.fetch(Sql("SELECT e.id FROM entity e WHERE {}", compiled.sql)))
    assert expected <= selected
    if compiled.exact:
        assert selected == expected
    plan = compile_plan(filter_, engine.name)
    if plan.key.render(engine.name)[0] == "e.n":
        return  # the very same condition
    planned = engine.fetch(Sql("SELECT e.id FROM {} WHERE {} ORDER BY {}", plan.source, plan.where, plan.key))
    assert len(planned) == len(set(planned))
    assert expected <= set(planned)
    if plan.exact:
        assert set(planned) == expected
