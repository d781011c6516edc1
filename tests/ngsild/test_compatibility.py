"""Answers in the shape of earlier versions of NGSI-LD (``Prefer: ngsi-ld=1.x``)."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.model.entity import Instance
from stadtkern.model.history import EntityHistory, ScopeInstance, Series
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.json import raw
from stadtkern.views.ngsild.negotiation import preferred_version
from tests.ngsild.consumption_services import LINKED, Histories, ReadingServices, header
from tests.ngsild.entities import CREATED
from tests.ngsild.provision_services import told

CAR: dict[str, Any] = {
    "id": "urn:x:car:1",
    "type": ["Car", "Taxi"],
    "scope": "/Madrid",
    "expiresAt": "2099-01-01T00:00:00Z",
    "speed": [{"type": "Property", "value": 55}, {"type": "Property", "value": 56, "datasetId": "urn:d:1"}],
    "name": {"type": "LanguageProperty", "languageMap": {"en": "car", "de": "Auto"}},
    "state": {"type": "VocabProperty", "vocab": ["Car", "speed"]},
    "plan": {"type": "JsonProperty", "json": {"type": "VocabProperty", "vocab": "x"}},
    "gears": {"type": "ListProperty", "valueList": [1, 2]},
    "parkedAt": {"type": "ListRelationship", "objectList": ["urn:x:lot:1"], "objectType": "Lot"},
    "drivers": {"type": "Relationship", "object": ["urn:x:p:1", "urn:x:p:2"]},
    "load": {"type": "Property", "value": 1, "kind": {"type": "VocabProperty", "vocab": "name"}},
}
PLAIN = {"id": "urn:x:lot:1", "type": "Lot", "load": {"type": "Property", "value": 2}}


@pytest.fixture
async def services() -> ReadingServices:
    found = ReadingServices()
    await found.load(CAR, PLAIN)
    return found


async def ask(services: ReadingServices, target: str, prefer: str, status: int) -> Any:
    response = await services.ask("GET", target, headers={**LINKED, "prefer": prefer})
    assert response.status == status
    assert header(response, "preference-applied") == [prefer]
    return told(response)


@pytest.mark.clause("CIM009 4.3.6.8")
async def test_what_a_version_did_not_have_is_shown_as_the_nearest_it_had(services: ReadingServices) -> None:
    found = await ask(services, "/entities/urn:x:car:1?sysAttrs=true", "ngsi-ld=1.7", 203)
    assert len(found["type"]) == 2
    values = {name.rpartition("/")[2]: one for name, one in found.items() if isinstance(one, dict)}
    kinds = {name: one["type"] for name, one in values.items()}
    assert kinds == {
        "name": "LanguageProperty",
        "state": "Property",
        "plan": "Property",
        "gears": "Property",
        "parkedAt": "Relationship",
        "drivers": "Property",
        "load": "Property",
    }
    assert values["state"]["value"] == ["Car", "speed"]
    assert values["plan"]["value"] == CAR["plan"]["json"]
    assert values["parkedAt"]["object"] == "urn:x:lot:1"
    assert "objectType" not in values["parkedAt"]
    assert values["drivers"]["value"] == CAR["drivers"]["object"]
    [inner] = [one for one in values["load"].values() if isinstance(one, dict)]
    assert (inner["type"], inner["value"]) == ("Property", "name")
    assert "expiresAt" not in found


@pytest.mark.clause("CIM009 4.3.6.8")
@pytest.mark.parametrize(
    ("minor", "types", "scoped", "language", "instances"),
    [(5, 2, True, True, 2), (4, 1, False, True, 2), (3, 1, False, False, 2), (2, 1, False, False, 2), (1, 1, 0, 0, 1)],
)
async def test_each_version_shows_what_it_had(
    services: ReadingServices, minor: int, types: int, scoped: bool, language: bool, instances: int
) -> None:
    found = await ask(services, "/entities/urn:x:car:1", f"ngsi-ld=1.{minor}", 203)
    assert (len(found["type"]) if isinstance(found["type"], list) else 1) == types
    assert ("scope" in found) == bool(scoped)
    assert found["name"]["type"] == ("LanguageProperty" if language else "Property")
    assert (len(found["speed"]) if isinstance(found["speed"], list) else 1) == instances


@pytest.mark.clause("CIM009 6.3.18")
@pytest.mark.parametrize(
    ("target", "prefer"),
    [
        ("/entities/urn:x:car:1", "ngsi-ld=1.9"),
        ("/entities/urn:x:lot:1", "ngsi-ld=1.0"),
        ("/entities/urn:x:car:1?pick=speed", "ngsi-ld=1.2"),
        ("/entities?type=Lot", "ngsi-ld=1.3"),
        ("/entities?type=Lot&join=inline", "ngsi-ld=1.3"),
    ],
)
async def test_an_answer_that_need_not_change_is_200(services: ReadingServices, target: str, prefer: str) -> None:
    plain = told(await services.ask("GET", target, headers=LINKED))
    assert await ask(services, target, prefer, 200) == plain


async def test_pages_and_simplified_values_are_amended(services: ReadingServices) -> None:
    found = await ask(services, "/entities?type=Car&options=keyValues&pick=name,id", "ngsi-ld=1.3", 203)
    assert found == [{"id": "urn:x:car:1", "name": {"en": "car", "de": "Auto"}}]


async def test_linked_entities_are_amended(services: ReadingServices) -> None:
    await services.load(
        {"id": "urn:x:a", "type": "Car", "r": {"type": "Relationship", "object": "urn:x:car:1"}},
    )
    target = "/entities/urn:x:a?join=inline&options=keyValues"
    found = await ask(services, target, "ngsi-ld=1.3", 203)
    [linked] = [one for one in found.values() if isinstance(one, dict)]
    assert linked["name"] == {"en": "car", "de": "Auto"}


async def test_histories_are_amended(services: ReadingServices) -> None:
    instance = Instance(kind="VocabProperty", value=raw("https://example.org/Car"), created_at=CREATED)
    other = Instance(kind="Property", value=raw(1), dataset_id="urn:d:1", created_at=CREATED)
    services.histories = Histories(
        [
            EntityHistory(
                id=EntityId("urn:x:car:1"),
                types=[Iri("https://example.org/Car"), Iri("https://example.org/speed")],
                scopes=[ScopeInstance(scope=["/A"], created_at=CREATED)],
                attributes={
                    Iri("https://example.org/name"): [
                        Series(kind="VocabProperty", instances=[instance]),
                        Series(kind="Property", dataset_id="urn:d:1", instances=[other]),
                    ]
                },
            )
        ]
    )
    assert await ask(services, "/temporal/entities/urn:x:car:1", "ngsi-ld=1.1", 203) == {
        "id": "urn:x:car:1",
        "type": "Car",
        "name": [{"type": "Property", "value": "Car"}],
    }
    found = await ask(services, "/temporal/entities/urn:x:car:1?options=temporalValues", "ngsi-ld=1.7", 203)
    assert [series["type"] for series in found["name"]] == ["Property", "Property"]


@pytest.mark.parametrize(
    ("prefer", "minor"),
    [
        (None, None),
        ("ngsi-ld=1.6", 6),
        ("body=json, NGSI-LD=1.6.1", 6),
        ('return=minimal; ngsi-ld="1.3"', 3),
        ("ngsi-ld=2.0", None),
        ("ngsi-ld=1.10", None),
        ("ngsi-ld=1", None),
        ("xngsi-ld=1.6", None),
        ("ngsi-ld=1.6x", None),
    ],
)
def test_preferred_version_is_read_where_it_exists(prefer: str | None, minor: int | None) -> None:
    assert preferred_version(prefer) == minor


async def test_a_version_that_does_not_exist_yet_changes_nothing(services: ReadingServices) -> None:
    response = await services.ask("GET", "/entities/urn:x:car:1", headers={**LINKED, "prefer": "ngsi-ld=1.10"})
    assert response.status == 200
    assert header(response, "preference-applied") == []
