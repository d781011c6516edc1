from __future__ import annotations

from typing import Any

import pytest

from stadtkern.views.ngsild.parse_node import MAX_BATCH
from tests.ngsild.provision_services import CONTEXT, LINK, Services, slug, told

A, B, C = "urn:x:a", "urn:x:b", "urn:x:c"
LD = {"content-type": "application/ld+json"}


def car(id: str, value: Any = 1, **members: Any) -> dict[str, Any]:
    return {"id": id, "type": "Car", "speed": {"value": value}, **members}


def failed(body: Any) -> list[tuple[str, str, int]]:
    """Which elements failed, by id, kind and status."""
    return [(e["entityId"], e["error"]["type"].rsplit("/", 1)[-1], e["error"]["status"]) for e in body["errors"]]


@pytest.fixture
async def services() -> Services:
    made = Services()
    assert (await made.ask("POST", "/entityOperations/create", [car(A), car(B)])).status == 201
    return made


async def test_create_answers_201_with_the_ids() -> None:
    response = await Services().ask("POST", "/entityOperations/create", [car(A), car(B)])
    assert (response.status, told(response)) == (201, [A, B])


async def test_create_answers_207_and_creates_the_rest() -> None:
    services = Services()
    batch = [car(A), 5, {"type": "Car"}, {"id": "x", "type": "Car"}, car(A), {"id": C}, car(B)]
    response = await services.ask("POST", "/entityOperations/create", batch)
    assert response.status == 207
    body = told(response)
    assert body["success"] == [A, B]
    assert failed(body) == [
        ("", "BadRequestData", 400),
        ("", "BadRequestData", 400),
        ("x", "BadRequestData", 400),
        (A, "AlreadyExists", 409),
        (C, "BadRequestData", 400),
    ]
    assert sorted(services.entities) == [A, B]


async def test_create_points_to_faults_by_their_place_in_the_whole_batch() -> None:
    batch = [car(f"urn:x:{number}") for number in range(150)]
    batch[140]["speed"] = {"value": None}
    response = await Services().ask("POST", "/entityOperations/create", batch)
    assert told(response)["errors"][0]["error"]["pointer"].startswith("/140/speed")
    assert len(told(response)["success"]) == 149


async def test_upsert_answers_201_with_the_new_ids_only(services: Services) -> None:
    response = await services.ask("POST", "/entityOperations/upsert", [car(A, 2), car(C), car(C, 3)])
    assert (response.status, told(response)) == (201, [C])
    assert (services.values(A), services.values(C)) == ({"speed": 2}, {"speed": 3})


@pytest.mark.parametrize(
    ("query", "left"),
    [("", {"name": "x"}), ("?options=replace", {"name": "x"}), ("?options=update", {"speed": 1, "name": "x"})],
)
async def test_upsert_answers_204_and_replaces_or_updates(services: Services, query: str, left: Any) -> None:
    entity = {"id": A, "type": "Car", "name": {"value": "x"}}
    response = await services.ask("POST", f"/entityOperations/upsert{query}", [entity])
    assert (response.status, response.body) == (204, b"")
    assert services.values(A) == left


async def test_upsert_answers_207_when_an_element_fails(services: Services) -> None:
    response = await services.ask("POST", "/entityOperations/upsert", [car(A, 2), {"id": C}, car(B, 3)])
    assert response.status == 207
    assert (told(response)["success"], failed(told(response))) == ([A, B], [(C, "BadRequestData", 400)])


@pytest.mark.parametrize(("options", "kind"), [("nonsense", "InvalidRequest"), ("replace,update", "BadRequestData")])
async def test_upsert_answers_400_on_bad_options(services: Services, options: str, kind: str) -> None:
    response = await services.ask("POST", f"/entityOperations/upsert?options={options}", [car(A)])
    assert (response.status, slug(response)) == (400, kind)


async def test_update_answers_204(services: Services) -> None:
    batch = [{"id": A, "speed": {"value": 2}}, {"id": B, "name": {"value": "x"}, "speed": "urn:ngsi-ld:null"}]
    assert (await services.ask("POST", "/entityOperations/update", batch)).status == 204
    assert (services.values(A), services.values(B)) == ({"speed": 2}, {"name": "x"})


async def test_update_answers_207_for_entities_that_do_not_exist(services: Services) -> None:
    response = await services.ask("POST", "/entityOperations/update", [car(A, 2), car(C)])
    assert response.status == 207
    assert (told(response)["success"], failed(told(response))) == ([A], [(C, "ResourceNotFound", 404)])


async def test_update_answers_207_when_it_may_not_overwrite(services: Services) -> None:
    batch = [car(A, 2, name={"value": "x"}), {"id": B, "name": {"value": "y"}}]
    response = await services.ask("POST", "/entityOperations/update?options=noOverwrite", batch)
    assert response.status == 207
    assert (told(response)["success"], failed(told(response))) == ([B], [(A, "AlreadyExists", 409)])
    assert services.values(A) == {"speed": 1, "name": "x"}


async def test_merge_answers_204(services: Services) -> None:
    batch = [{"id": A, "speed": {"unitCode": "KMH"}}, {"id": B, "speed": "urn:ngsi-ld:null"}]
    assert (await services.ask("POST", "/entityOperations/merge", batch)).status == 204
    assert (services.values(A), services.values(B)) == ({"speed": 1}, {})


async def test_merge_reads_simplified_values(services: Services) -> None:
    response = await services.ask("POST", "/entityOperations/merge?format=simplified", [{"id": A, "speed": 4}])
    assert response.status == 204
    assert services.values(A) == {"speed": 4}


async def test_merge_answers_207_for_each_fault(services: Services) -> None:
    batch = [{"id": A, "speed": {"type": "Relationship", "object": "urn:a:b"}}, car(C), car(B, 5)]
    response = await services.ask("POST", "/entityOperations/merge", batch)
    assert response.status == 207
    assert told(response)["success"] == [B]
    assert failed(told(response)) == [(A, "BadRequestData", 400), (C, "ResourceNotFound", 404)]


async def test_delete_answers_204(services: Services) -> None:
    assert (await services.ask("POST", "/entityOperations/delete", [A, B])).status == 204
    assert services.entities == {}


async def test_delete_answers_207_and_handles_repetitions_in_order(services: Services) -> None:
    response = await services.ask("POST", "/entityOperations/delete", [A, A, "nonsense", 5])
    assert response.status == 207
    assert told(response)["success"] == [A]
    assert failed(told(response)) == [
        (A, "ResourceNotFound", 404),
        ("nonsense", "BadRequestData", 400),
        ("5", "BadRequestData", 400),
    ]


@pytest.mark.parametrize("operation", ["create", "upsert", "update", "merge", "delete"])
@pytest.mark.parametrize(
    ("body", "status", "problem"),
    [
        (b"[", 400, "InvalidRequest"),
        ({}, 400, "InvalidRequest"),
        ([], 400, "BadRequestData"),
        ([0] * (MAX_BATCH + 1), 413, "payloadtoolarge"),
    ],
)
async def test_batches_fail_as_a_whole_on_a_bad_body(operation: str, body: Any, status: int, problem: str) -> None:
    response = await Services().ask("POST", f"/entityOperations/{operation}", body)
    assert (response.status, slug(response).rsplit("#", 1)[-1]) == (status, problem)


async def test_each_element_brings_its_own_context() -> None:
    services = Services()
    missing = "https://x.org/missing"
    batch = [car(A, **{"@context": CONTEXT}), car(B), car(C, **{"@context": missing})]
    response = await services.ask("POST", "/entityOperations/create", batch, headers=LD)
    assert response.status == 207
    assert told(response)["success"] == [A]
    assert failed(told(response)) == [(B, "BadRequestData", 400), (C, "LdContextNotAvailable", 504)]
    assert services.entities[A].types == ["https://example.org/Car"]


async def test_an_element_with_a_context_in_plain_json_fails_alone() -> None:
    batch = [car(A, **{"@context": CONTEXT}), car(B)]
    response = await Services().ask("POST", "/entityOperations/create", batch, headers={"link": LINK})
    assert response.status == 207
    assert (told(response)["success"], failed(told(response))) == ([B], [(A, "BadRequestData", 400)])


async def test_linked_contexts_do_not_go_with_json_ld() -> None:
    batch = [car(A, **{"@context": CONTEXT})]
    response = await Services().ask("POST", "/entityOperations/create", batch, headers={**LD, "link": LINK})
    assert (response.status, slug(response)) == (400, "BadRequestData")


@pytest.mark.parametrize("operation", ["create", "delete"])
async def test_batches_of_other_media_types_are_refused(operation: str) -> None:
    headers = {"content-type": "text/csv"}
    assert (await Services().ask("POST", f"/entityOperations/{operation}", [A], headers=headers)).status == 415
