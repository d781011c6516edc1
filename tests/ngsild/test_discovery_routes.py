"""Types and attributes in use over HTTP."""

from __future__ import annotations

import pytest

from stadtkern.model.discovery import AttributeUse, TypeUse
from stadtkern.model.ids import Iri
from tests.ngsild.consumption_services import LINKED, ReadingServices, header
from tests.ngsild.provision_services import slug, told

CAR = Iri("https://example.org/Car")
SPEED = Iri("https://example.org/speed")
LOCATION = Iri("location")


@pytest.fixture
def services() -> ReadingServices:
    found = ReadingServices()
    speed = AttributeUse(attribute=SPEED, count=3, kinds=["Property"], types=[CAR])
    location = AttributeUse(attribute=LOCATION, count=1, kinds=["GeoProperty"], types=[CAR])
    found.attributes = [speed, location]
    found.types = [TypeUse(type=CAR, count=2, attributes=[speed, location])]
    return found


@pytest.mark.clause("CIM009 5.2.24")
async def test_list_types_gives_names(services: ReadingServices) -> None:
    response = await services.ask("GET", "/types?count=true", headers=LINKED)
    body = told(response)
    assert (body["type"], body["typeList"]) == ("EntityTypeList", ["Car"])
    assert body["id"].startswith("urn:ngsi-ld:EntityTypeList:")
    assert header(response, "ngsild-results-count") == ["1"]
    assert told(await services.ask("GET", "/types"))["typeList"] == [CAR]


@pytest.mark.clause("CIM009 5.2.25")
async def test_list_types_gives_details(services: ReadingServices) -> None:
    response = await services.ask("GET", "/types?details=true", headers=LINKED)
    assert told(response) == [
        {"id": CAR, "type": "EntityType", "typeName": "Car", "attributeNames": ["speed", "location"]}
    ]


@pytest.mark.clause("CIM009 5.2.26")
@pytest.mark.parametrize("name", ["Car", "https%3A%2F%2Fexample.org%2FCar"])
async def test_retrieve_type_gives_info(services: ReadingServices, name: str) -> None:
    response = await services.ask("GET", f"/types/{name}", headers=LINKED)
    assert told(response) == {
        "id": CAR,
        "type": "EntityTypeInfo",
        "typeName": "Car",
        "entityCount": 2,
        "attributeDetails": [
            {"id": SPEED, "type": "Attribute", "attributeName": "speed", "attributeTypes": ["Property"]},
            {
                "id": "https://uri.etsi.org/ngsi-ld/location",
                "type": "Attribute",
                "attributeName": "location",
                "attributeTypes": ["GeoProperty"],
            },
        ],
    }


@pytest.mark.clause("CIM009 5.2.27")
async def test_list_attributes_gives_names(services: ReadingServices) -> None:
    body = told(await services.ask("GET", "/attributes", headers=LINKED))
    assert (body["type"], body["attributeList"]) == ("AttributeList", ["speed", "location"])


@pytest.mark.clause("CIM009 5.2.28")
async def test_list_attributes_gives_details(services: ReadingServices) -> None:
    body = told(await services.ask("GET", "/attributes?details=true", headers=LINKED))
    assert body[0] == {"id": SPEED, "type": "Attribute", "attributeName": "speed", "typeNames": ["Car"]}


@pytest.mark.clause("CIM009 5.2.28")
async def test_retrieve_attribute_gives_info(services: ReadingServices) -> None:
    response = await services.ask("GET", "/attributes/speed", headers={**LINKED, "accept": "application/ld+json"})
    body = told(response)
    assert body.pop("@context")
    assert body == {
        "id": SPEED,
        "type": "Attribute",
        "attributeName": "speed",
        "attributeCount": 3,
        "attributeTypes": ["Property"],
        "typeNames": ["Car"],
    }


@pytest.mark.parametrize(
    ("target", "status", "kind"),
    [
        ("/types/Car", 404, "ResourceNotFound"),
        ("/types/9", 400, "BadRequestData"),
        ("/types/Car?details=true", 400, "InvalidRequest"),
        ("/types?limit=5", 400, "InvalidRequest"),
        ("/types?details=maybe", 400, "BadRequestData"),
        ("/attributes/none", 404, "ResourceNotFound"),
        ("/attributes/id", 404, "ResourceNotFound"),
        ("/attributes/createdAt", 404, "ResourceNotFound"),
        ("/attributes/speed?details=true", 400, "InvalidRequest"),
    ],
)
async def test_discovery_refuses(services: ReadingServices, target: str, status: int, kind: str) -> None:
    response = await services.ask("GET", target)
    assert (response.status, slug(response)) == (status, kind)
