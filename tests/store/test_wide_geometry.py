"""Geometries over half the Earth and more: PostGIS makes no geography of some of them, and all the same they are found.

The evaluator decides about each; here it is seen that both engines bring them before it.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from stadtkern.app import running
from stadtkern.broker.consumption import Consumption
from stadtkern.model.entity import Instance
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.query.filter import Geo
from stadtkern.query.request import EntityQuery
from stadtkern.settings import Settings
from stadtkern.store import migrate as migrate_module
from stadtkern.store.document import Document
from stadtkern.store.migrate import migrate, migrations
from tests.asgi_client import Client
from tests.store.stores import GRANT, LOCATION, ROOM, make_engine, open_tenants

WORLD = {"type": "Polygon", "coordinates": [[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]}
OPPOSITE = {"type": "LineString", "coordinates": [[-80, 10], [100, -10]]}
POLES = {"type": "MultiLineString", "coordinates": [[[20, -90], [20, 90]]]}
ROUND = {"type": "LineString", "coordinates": [[-170, 0], [170, 0]]}
CROSSED = {"type": "Polygon", "coordinates": [[[-95, 60], [95, -60], [95, 60], [-95, -60], [-95, 60]]]}
BELT = {"type": "Polygon", "coordinates": [[[-180, -80], [180, -80], [180, 80], [-180, 80], [-180, -80]]]}
TOWN = {"type": "Point", "coordinates": [10.4, 51.1]}
ISLAND = {"type": "Point", "coordinates": [175, 0.01]}
SHAPES = {
    "world": WORLD,
    "opposite": OPPOSITE,
    "poles": POLES,
    "round": ROUND,
    "crossed": CROSSED,
    "belt": BELT,
    "town": TOWN,
}
ALL = set(SHAPES)


@pytest.fixture
async def client(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    async with running(Settings(data=tmp_path, database_url=database_url, anonymous="write")) as application:
        yield Client(application)


def thing(name: str, geometry: Any) -> dict[str, Any]:
    return {"id": f"urn:x:{name}", "type": "Thing", "location": {"type": "GeoProperty", "value": geometry}}


async def fill(client: Client) -> None:
    body = [thing(name, geometry) for name, geometry in SHAPES.items()]
    answer = await client.ask("POST", "/ngsi-ld/v1/entityOperations/create", body=body)
    assert answer.status == 201, answer.text


async def found(client: Client, georel: str, geometry: Any) -> set[str]:
    query = {
        "type": "Thing",
        "georel": georel,
        "geometry": geometry["type"],
        "coordinates": json.dumps(geometry["coordinates"]),
    }
    answer = await client.ask("GET", "/ngsi-ld/v1/entities", query=query)
    assert answer.status == 200, answer.text
    return {entity["id"].removeprefix("urn:x:") for entity in answer.json}


@pytest.mark.parametrize("name", SHAPES)
async def test_wide_geometry_is_created_shown_updated_and_deleted(client: Client, name: str) -> None:
    path = f"/ngsi-ld/v1/entities/urn:x:{name}"
    assert (await client.ask("POST", "/ngsi-ld/v1/entities", body=thing(name, SHAPES[name]))).status == 201
    assert (await client.ask("GET", path)).json["location"]["value"] == SHAPES[name]
    assert await found(client, "intersects", WORLD) == {name}
    moved = {"location": {"type": "GeoProperty", "value": TOWN}}
    assert (await client.ask("PATCH", f"{path}/attrs", body=moved)).status == 204
    assert await found(client, "near;maxDistance==10", TOWN) == {name}
    back = {"location": {"type": "GeoProperty", "value": SHAPES[name]}}
    assert (await client.ask("PATCH", f"{path}/attrs", body=back)).status == 204
    assert (await client.ask("GET", path)).json["location"]["value"] == SHAPES[name]
    assert await found(client, "equals", SHAPES[name]) == {name}
    assert (await client.ask("DELETE", path)).status == 204
    assert await found(client, "near;maxDistance==10", TOWN) == set()


@pytest.mark.clause("CIM009 4.10")
@pytest.mark.parametrize(
    ("georel", "geometry", "expected"),
    [
        ("near;maxDistance==1000", TOWN, {"world", "belt", "town"}),
        ("near;maxDistance==2000", ISLAND, {"world", "belt", "round"}),
        ("near;maxDistance==1000", {"type": "Point", "coordinates": [20, 40]}, {"world", "belt", "poles"}),
        ("near;maxDistance==15000000", TOWN, ALL),
        ("near;minDistance==1000", TOWN, ALL - {"world", "belt", "town"}),
        ("near;maxDistance==1000", OPPOSITE, ALL - {"town"}),
        ("within", WORLD, ALL),
        ("contains", TOWN, {"world", "belt", "town"}),
        ("intersects", TOWN, {"world", "belt", "town"}),
        ("intersects", POLES, ALL - {"town"}),
        ("intersects", OPPOSITE, ALL - {"town"}),
        ("equals", WORLD, {"world"}),
        ("disjoint", TOWN, ALL - {"world", "belt", "town"}),
        ("disjoint", WORLD, set()),
        ("overlaps", {"type": "Polygon", "coordinates": [[[-99, 0], [0, 0], [0, 5], [-99, 0]]]}, {"crossed"}),
    ],
)
async def test_query_finds_wide_geometries_and_those_beside_them(
    client: Client, georel: str, geometry: Any, expected: set[str]
) -> None:
    await fill(client)
    assert await found(client, georel, geometry) == expected


@pytest.mark.parametrize("name", ["round", "crossed", "belt", "town"])
async def test_migrate_keeps_geometries_of_the_first_schema_findable(
    database_url: str, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = migrations("tenant")[:1]
    with monkeypatch.context() as patched:
        patched.setattr(
            migrate_module, "migrations", lambda family: first if family == "tenant" else migrations(family)
        )
        await fill_first_schema(database_url, tmp_path, SHAPES[name])
    async with open_tenants(database_url, tmp_path) as tenants:
        tenant = await tenants.get("default")
        assert {row[0] for row in await tenant.database.fetch("SELECT number FROM migration")} >= {1, 2}
        beside = {"round": ISLAND, "crossed": {"type": "Point", "coordinates": [94, 0]}}.get(name, TOWN)
        for reference in (beside, SHAPES[name]):
            near = Geo(LOCATION, "near", json.dumps(reference), max_distance=2_000.0)
            page = await Consumption(tenants).query_entities(GRANT, EntityQuery(filter=near))
            assert [entity.id for entity in page.entities] == ["urn:x:old"]


async def fill_first_schema(database_url: str, folder: Path, geometry: Any) -> None:
    """Write an entity with a place as the first version did: with the box of its positions, without a mark."""
    engine = make_engine(database_url, folder)
    await engine.start()
    database = await engine.open("default", create=True)
    assert database is not None
    await migrate(database, "tenant")
    place = Instance(kind="GeoProperty", value=msgspec.Raw(json.dumps(geometry)))
    document = Document([ROOM], [], {LOCATION: [place]}, Instant(1))
    text, shape = msgspec.json.encode(document).decode(), json.dumps(geometry)
    made = "ST_Force2D(ST_MakeValid(ST_SetSRID(ST_GeomFromGeoJSON($2::text), 4326)))" if database_url else "$2"
    async with database.transaction() as transaction:
        run = transaction.execute
        await run(
            "INSERT INTO entity (n, id, version, state, created_at, modified_at) VALUES (1, $1, 1, 0, 1, 1)",
            str(EntityId("urn:x:old")),
        )
        await run("INSERT INTO doc (n, doc) VALUES (1, $1)", text)
        await run("INSERT INTO entity_type (type, n) VALUES ($1, 1)", str(ROOM))
        await run(f"INSERT INTO geo (n, attribute, dataset_id, geom) VALUES (1, $1, '', {made})", str(LOCATION), shape)
        if not database_url:
            west, east = box_of(geometry)
            await run(
                "INSERT INTO geo_box (id, west, south, east, north) SELECT id, $1, -90, $2, 90 FROM geo", west, east
            )
    await database.close()
    await engine.stop()


def box_of(geometry: Any) -> tuple[float, float]:
    """The most western and the most eastern longitude."""
    numbers: list[float] = []
    stack: list[Any] = [geometry["coordinates"]]
    while stack:
        node = stack.pop()
        if isinstance(node[0], int | float):
            numbers.append(node[0])
        else:
            stack.extend(node)
    return min(numbers), max(numbers)
