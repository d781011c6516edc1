from __future__ import annotations

from typing import Any

import pytest

from stadtkern.model.ids import Iri
from tests.ngsild.provision_services import CONTEXT, DEFAULT, EXAMPLE, LINK, Services, slug, told

ID = "urn:ngsi-ld:Car:1"
CAR = {"id": ID, "type": "Car", "speed": {"value": 5, "unitCode": "KMH"}, "name": {"value": "x"}}
GPS = "urn:ngsi-ld:Dataset:gps"


@pytest.fixture
async def services() -> Services:
    made = Services()
    response = await made.ask("POST", "/entities", CAR)
    assert response.status == 201
    return made


async def test_create_answers_201_with_the_location() -> None:
    services = Services()
    response = await services.ask("POST", "/entities", CAR)
    assert (response.status, response.body) == (201, b"")
    assert dict(response.headers)["location"] == f"https://city.example/ngsi-ld/v1/entities/{ID}"
    assert services.entities[ID].types == [DEFAULT + "Car"]
    assert services.sizes[0] > 50


async def test_create_escapes_the_id_in_the_location() -> None:
    response = await Services().ask("POST", "/entities", {"id": "https://x.org/a?b=ü", "type": "Car"})
    assert dict(response.headers)["location"].endswith("/entities/https:%2F%2Fx.org%2Fa%3Fb=%C3%BC")


async def test_create_answers_409_when_the_entity_exists(services: Services) -> None:
    response = await services.ask("POST", "/entities", CAR)
    assert (response.status, slug(response)) == (409, "AlreadyExists")


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"{", "InvalidRequest"),
        (b"", "InvalidRequest"),
        ([], "InvalidRequest"),
        ({"type": "Car"}, "BadRequestData"),
        ({"id": ID}, "BadRequestData"),
        ({"id": "x", "type": "Car"}, "BadRequestData"),
        ({"id": ID, "type": "Car", "a": "urn:ngsi-ld:null"}, "BadRequestData"),
    ],
)
async def test_create_answers_400_on_a_bad_body(body: Any, problem: str) -> None:
    response = await Services().ask("POST", "/entities", body)
    assert (response.status, slug(response)) == (400, problem)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/entities"),
        ("DELETE", "/entities"),
        ("PUT", f"/entities/{ID}"),
        ("PATCH", f"/entities/{ID}"),
        ("DELETE", f"/entities/{ID}"),
        ("POST", f"/entities/{ID}/attrs"),
        ("PATCH", f"/entities/{ID}/attrs"),
        ("PATCH", f"/entities/{ID}/attrs/speed"),
        ("PUT", f"/entities/{ID}/attrs/speed"),
        ("DELETE", f"/entities/{ID}/attrs/speed"),
        ("POST", "/entityOperations/create"),
        ("POST", "/entityOperations/upsert"),
        ("POST", "/entityOperations/update"),
        ("POST", "/entityOperations/merge"),
        ("POST", "/entityOperations/delete"),
    ],
)
async def test_every_route_refuses_unknown_and_repeated_parameters(method: str, path: str) -> None:
    for query in ("nonsense=1", "local=true&local=true"):
        response = await Services().ask(method, f"{path}?{query}", CAR)
        assert (response.status, slug(response)) == (400, "InvalidRequest")
    response = await Services().ask(method, f"{path}?local=yes", CAR)
    assert (response.status, slug(response)) == (400, "BadRequestData")


@pytest.mark.parametrize(
    ("method", "suffix"),
    [
        ("PUT", ""),
        ("PATCH", ""),
        ("DELETE", ""),
        ("POST", "/attrs"),
        ("PATCH", "/attrs"),
        ("PATCH", "/attrs/speed"),
        ("PUT", "/attrs/speed"),
        ("DELETE", "/attrs/speed"),
    ],
)
@pytest.mark.parametrize(("id", "status"), [("nonsense", 400), ("", 400), ("urn:ngsi-ld:Car:9", 404)])
async def test_routes_of_one_entity_check_its_id(method: str, suffix: str, id: str, status: int) -> None:
    body = {"value": 1} if suffix.endswith("speed") else {"speed": {"value": 1}, "type": "Car"}
    target = f"/entities/{id}{suffix}"
    response = await Services().ask(method, target, body)
    if not id and not suffix and method == "DELETE":
        assert response.status == 400  # this is the purge, and it chooses nothing
    else:
        assert (response.status, slug(response)) == (status, "BadRequestData" if status == 400 else "ResourceNotFound")


async def test_replace_answers_204(services: Services) -> None:
    response = await services.ask("PUT", f"/entities/{ID}", {"type": "Car", "name": {"value": "y"}})
    assert (response.status, response.body) == (204, b"")
    assert services.values(ID) == {"name": "y"}


async def test_replace_answers_400_when_the_id_in_the_body_differs(services: Services) -> None:
    response = await services.ask("PUT", f"/entities/{ID}", {"id": "urn:x:2", "type": "Car"})
    assert (response.status, slug(response)) == (400, "BadRequestData")


async def test_merge_answers_204(services: Services) -> None:
    response = await services.ask("PATCH", f"/entities/{ID}", {"speed": {"value": 6}, "name": "urn:ngsi-ld:null"})
    assert response.status == 204
    assert services.values(ID) == {"speed": 6}
    assert services.entities[ID].attributes[Iri(DEFAULT + "speed")][0].unit_code == "KMH"


@pytest.mark.parametrize("choice", ["options=keyValues", "format=simplified", "format=keyValues&options=normalized"])
async def test_merge_reads_simplified_values(services: Services, choice: str) -> None:
    response = await services.ask("PATCH", f"/entities/{ID}?{choice}", {"speed": 7})
    assert response.status == 204
    assert services.values(ID)["speed"] == 7


async def test_merge_puts_texts_under_the_language() -> None:
    services = Services()
    await services.ask("POST", "/entities", {"id": ID, "type": "Car", "street": {"languageMap": {"en": "a"}}})
    target = f"/entities/{ID}?format=simplified&lang=de"
    assert (await services.ask("PATCH", target, {"street": "b"})).status == 204
    assert services.values(ID) == {"street": {"en": "a", "de": "b"}}


async def test_merge_sets_the_observation_time_of_observed_attributes() -> None:
    services = Services()
    observed = {"id": ID, "type": "Car", "speed": {"value": 1, "observedAt": "2026-01-01T00:00:00Z"}}
    await services.ask("POST", "/entities", observed)
    target = f"/entities/{ID}?observedAt=1970-01-01T00:00:01Z"
    assert (await services.ask("PATCH", target, {"speed": {"value": 2}})).status == 204
    assert services.entities[ID].attributes[Iri(DEFAULT + "speed")][0].observed_at == 1_000_000


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("format=xml", "InvalidRequest"),
        ("options=xml", "InvalidRequest"),
        ("observedAt=now", "BadRequestData"),
        ("lang=a+b", "BadRequestData"),
    ],
)
async def test_merge_answers_400_on_bad_parameters(services: Services, query: str, kind: str) -> None:
    response = await services.ask("PATCH", f"/entities/{ID}?{query}", {"speed": {"value": 6}})
    assert (response.status, slug(response)) == (400, kind)


async def test_merge_reads_merge_patches(services: Services) -> None:
    headers = {"content-type": "application/merge-patch+json"}
    response = await services.ask("PATCH", f"/entities/{ID}", {"speed": {"value": 6}}, headers=headers)
    assert response.status == 204


async def test_delete_answers_204(services: Services) -> None:
    assert (await services.ask("DELETE", f"/entities/{ID}")).status == 204
    assert services.entities == {}


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_type_guards_the_entity(services: Services, method: str) -> None:
    response = await services.ask(method, f"/entities/{ID}?type=Van", {"type": "Car"})
    assert (response.status, slug(response)) == (404, "ResourceNotFound")
    assert ID in services.entities
    assert (await services.ask(method, f"/entities/{ID}?type=Car,Van", {"type": "Car"})).status == 204


async def test_append_answers_204(services: Services) -> None:
    response = await services.ask("POST", f"/entities/{ID}/attrs", {"speed": {"value": 6}, "b": {"value": 1}})
    assert response.status == 204
    assert services.values(ID) == {"speed": 6, "name": "x", "b": 1}


async def test_append_answers_207_when_it_may_not_overwrite(services: Services) -> None:
    target = f"/entities/{ID}/attrs?options=noOverwrite"
    response = await services.ask("POST", target, {"speed": {"value": 6}, "b": {"value": 1}})
    assert response.status == 207
    assert dict(response.headers)["content-type"] == "application/json"
    body = told(response)
    assert body["updated"] == [DEFAULT + "b"]
    assert [note["attributeName"] for note in body["notUpdated"]] == [DEFAULT + "speed"]
    assert body["notUpdated"][0]["reason"]


async def test_append_answers_400_on_an_unknown_option(services: Services) -> None:
    response = await services.ask("POST", f"/entities/{ID}/attrs?options=overwrite", {"speed": {"value": 6}})
    assert (response.status, slug(response)) == (400, "InvalidRequest")


async def test_update_answers_207_for_a_scope_that_is_not_there(services: Services) -> None:
    response = await services.ask("PATCH", f"/entities/{ID}/attrs", {"scope": "/a", "speed": {"value": 6}})
    assert response.status == 207
    assert [note["attributeName"] for note in told(response)["notUpdated"]] == ["scope"]
    assert services.values(ID)["speed"] == 6


async def test_update_deletes_by_null(services: Services) -> None:
    null = {"type": "Property", "value": "urn:ngsi-ld:null"}
    assert (await services.ask("PATCH", f"/entities/{ID}/attrs", {"speed": null})).status == 204
    assert services.values(ID) == {"name": "x"}


async def test_partial_update_answers_204(services: Services) -> None:
    assert (await services.ask("PATCH", f"/entities/{ID}/attrs/speed", {"value": 6})).status == 204
    assert services.values(ID)["speed"] == 6
    assert services.entities[ID].attributes[Iri(DEFAULT + "speed")][0].unit_code == "KMH"


@pytest.mark.parametrize(
    ("attribute", "body", "status"),
    [
        ("speed", {}, 400),
        ("speed", [], 400),
        ("speed", {"type": "Relationship", "object": "urn:a:b"}, 400),
        ("speed", b"[", 400),
        ("scope", {"value": "/a"}, 400),
        ("@speed", {"value": 1}, 400),
        ("other", {"value": 1}, 404),
        ("speed", {"value": 1, "datasetId": GPS}, 404),
    ],
)
async def test_partial_update_fails_on_bad_input(services: Services, attribute: str, body: Any, status: int) -> None:
    assert (await services.ask("PATCH", f"/entities/{ID}/attrs/{attribute}", body)).status == status


async def test_replace_attribute_answers_204(services: Services) -> None:
    body = {"type": "Relationship", "object": "urn:a:b"}
    assert (await services.ask("PUT", f"/entities/{ID}/attrs/speed", body)).status == 204
    assert services.values(ID)["speed"] == "urn:a:b"


@pytest.mark.parametrize("attribute", ["scope", "@speed"])
async def test_replace_attribute_answers_400_for_what_is_none(services: Services, attribute: str) -> None:
    assert (await services.ask("PUT", f"/entities/{ID}/attrs/{attribute}", {"value": 1})).status == 400


async def test_delete_attribute_takes_one_instance_or_all() -> None:
    services = Services()
    two = [{"value": 1}, {"value": 2, "datasetId": GPS}]
    for query, left in (("", [GPS]), (f"?datasetId={GPS}", [""]), ("?datasetId=@none", [GPS]), ("?deleteAll=true", [])):
        await services.ask("POST", "/entities", {"id": ID, "type": "Car", "speed": two})
        assert (await services.ask("DELETE", f"/entities/{ID}/attrs/speed{query}")).status == 204
        kept = services.entities.pop(ID).attributes.get(Iri(DEFAULT + "speed"), [])
        assert [instance.dataset_id for instance in kept] == left


async def test_delete_attribute_removes_the_scope() -> None:
    services = Services()
    await services.ask("POST", "/entities", {"id": ID, "type": "Car", "scope": "/a"})
    assert (await services.ask("DELETE", f"/entities/{ID}/attrs/scope")).status == 204
    assert services.entities[ID].scope == []


@pytest.mark.parametrize("query", ["deleteAll=maybe", "datasetId=x", f"datasetId={GPS}&deleteAll=true"])
async def test_delete_attribute_answers_400_on_bad_parameters(services: Services, query: str) -> None:
    response = await services.ask("DELETE", f"/entities/{ID}/attrs/speed?{query}")
    assert (response.status, slug(response)) == (400, "BadRequestData")


async def make_fleet() -> Services:
    services = Services()
    for number in range(7):
        entity = {"id": f"urn:x:{number}", "type": "Car" if number % 2 else "Van", "a": {"value": number}, "b": 1}
        await services.ask("POST", "/entities", entity)
    return services


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("type=Car", ["0", "2", "4", "6"]),
        ("type=Car,Van", []),
        ("local=true", []),
        ("q=a>=2", ["0", "1"]),
        ("type=Car&q=a>=2", ["0", "1", "2", "4", "6"]),
        ("local=true&id=urn:x:1,urn:x:2", ["0", "3", "4", "5", "6"]),
        ("type=Car,Van&idPattern=[0-3]$", ["4", "5", "6"]),
        ("attrs=b,c", []),
        ("attrs=c", ["0", "1", "2", "3", "4", "5", "6"]),
    ],
)
async def test_purge_deletes_what_matches(query: str, left: list[str]) -> None:
    services = await make_fleet()
    response = await services.ask("DELETE", f"/entities?{query}")
    assert (response.status, response.body) == (204, b"")
    assert sorted(id.removeprefix("urn:x:") for id in services.entities) == left


@pytest.mark.parametrize(("query", "left"), [("drop=a", ["b"]), ("keep=a", ["a"])])
async def test_purge_takes_attributes_only(query: str, left: list[str]) -> None:
    services = await make_fleet()
    assert (await services.ask("DELETE", f"/entities?type=Car,Van&{query}")).status == 204
    assert [list(services.values(id)) for id in services.entities] == [left] * 7


async def test_purge_drops_the_scope_when_it_is_named() -> None:
    services = Services()
    await services.ask("POST", "/entities", {"id": ID, "type": "Car", "scope": "/a", "a": {"value": 1}})
    assert (await services.ask("DELETE", "/entities?type=Car&drop=scope,a")).status == 204
    assert (services.entities[ID].scope, services.values(ID)) == ([], {})


@pytest.mark.parametrize(
    "query",
    ["", "local=false", "drop=a", "type=Car&drop=a&keep=b", "q=(", "type=Car&georel=within", "idPattern=[", "id=x"],
)
async def test_purge_answers_400_on_bad_parameters(query: str) -> None:
    response = await (await make_fleet()).ask("DELETE", f"/entities?{query}")
    assert (response.status, slug(response)) == (400, "BadRequestData")


@pytest.mark.clause("CIM009 5.6.21.4")
@pytest.mark.parametrize(
    "query",
    [
        *("id=urn:x:1", "idPattern=.*", "attrs=createdAt", 'q=modifiedAt>"2020-01-01T00:00:00Z"', "scopeQ=/a"),
        *('type=Car&q=a{b}=="x"', "type=Car&attrs=a{b}"),
    ],
)
async def test_purge_refuses_to_delete_when_too_wide_or_linked(query: str) -> None:
    services = await make_fleet()
    response = await services.ask("DELETE", f"/entities?{query}")
    assert (response.status, slug(response), len(services.entities)) == (400, "BadRequestData", 7)


async def test_names_are_expanded_with_the_linked_context() -> None:
    services = Services()
    assert (await services.ask("POST", "/entities", CAR, headers={"link": LINK})).status == 201
    assert services.entities[ID].types == [EXAMPLE + "Car"]
    assert (await services.ask("DELETE", f"/entities/{ID}/attrs/speed")).status == 404
    assert (await services.ask("DELETE", f"/entities/{ID}/attrs/speed", headers={"link": LINK})).status == 204


async def test_names_are_expanded_with_the_context_in_the_body() -> None:
    services = Services()
    headers = {"content-type": "application/ld+json; charset=utf-8"}
    assert (await services.ask("POST", "/entities", {**CAR, "@context": CONTEXT}, headers=headers)).status == 201
    body = {"value": 6, "@context": [CONTEXT]}
    assert (await services.ask("PATCH", f"/entities/{ID}/attrs/speed", body, headers=headers)).status == 204
    assert services.values(ID)["speed"] == 6


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({**CAR, "@context": CONTEXT}, {}, 400),
        (CAR, {"content-type": "application/ld+json"}, 400),
        ({**CAR, "@context": CONTEXT}, {"content-type": "application/ld+json", "link": LINK}, 400),
        (CAR, {"link": f"{LINK}, {LINK}"}, 400),
        (CAR, {"link": "nonsense"}, 400),
        (CAR, {"link": "<" * 9000}, 400),
        (CAR, {"content-type": "text/plain"}, 415),
        (CAR, {"content-type": "application/merge-patch+json"}, 415),
        (CAR, {"link": LINK.replace("context.jsonld", "missing")}, 504),
        (CAR, {"link": '<https://x.org/>; rel="next"'}, 201),
        (CAR, {"link": f"<https://x.org/>; rel=next, {LINK}"}, 201),
    ],
)
async def test_contexts_must_be_in_their_place(body: Any, headers: dict[str, str], status: int) -> None:
    assert (await Services().ask("POST", "/entities", body, headers=headers)).status == status
