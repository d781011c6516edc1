"""Links of an answer lead to what they name, as they are printed: by whatever means the tenant was chosen."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest

from tests.asgi_client import Answer, Client

ENTITIES = "/ngsi-ld/v1/entities"
TERMS = {"Car": "https://cars.example/Car", "speed": "https://cars.example/speed"}


def linked(answer: Answer, relation: str) -> str:
    """The address with a relation, without scheme and host."""
    link = {name.lower(): value for name, value in answer.headers.items()}["link"]
    [target] = re.findall(rf'<([^>]*)>; *rel="{re.escape(relation)}"', link)
    return urlsplit(target)._replace(scheme="", netloc="").geturl()


async def follow(client: Client, address: str) -> Answer:
    path, _, query = address.partition("?")
    return await client.ask("GET", path, query=query)


@pytest.mark.clause("CIM009 5.13.1")
@pytest.mark.parametrize(
    ("prefix", "headers"),
    [("", {}), ("", {"ngsild-tenant": "north"}), ("/t/north", {}), ("", {"ngsild-tenant": "default"})],
)
async def test_links_can_be_followed_as_printed(client: Client, prefix: str, headers: dict[str, str]) -> None:
    sent = {"content-type": "application/ld+json", **headers}
    for number in (1, 2):
        entity = {"id": f"urn:x:{number}", "type": "Car", "speed": {"value": number}, "@context": TERMS}
        made = await client.ask("POST", prefix + ENTITIES, headers=sent, body=entity)
        assert made.status == 201
        assert (await follow(client, urlsplit(made.headers["location"]).path)).json["id"] == entity["id"]
    body = {"type": "Query", "entities": [{"type": "Car"}], "@context": TERMS}
    found = await client.ask("POST", f"{prefix}/ngsi-ld/v1/entityOperations/query", headers=sent, body=body)
    assert [entity["speed"]["value"] for entity in found.json] == [1, 2]
    terms = await follow(client, linked(found, "http://www.w3.org/ns/json-ld#context"))
    assert terms.status == 200
    assert terms.json["@context"] in (TERMS, [TERMS])
    page = await client.ask("GET", prefix + ENTITIES, query={"type": TERMS["Car"], "limit": "1"}, headers=headers)
    following = await follow(client, linked(page, "next"))
    assert [entity["id"] for entity in following.json] == ["urn:x:2"]


async def test_hosted_contexts_are_listed_by_addresses_that_can_be_followed(client: Client) -> None:
    headers = {"ngsild-tenant": "north"}
    made = await client.ask("POST", "/ngsi-ld/v1/jsonldContexts", headers=headers, body={"@context": TERMS})
    assert (await follow(client, made.headers["Location"])).json == {"@context": TERMS}
    listed = await client.ask("GET", "/ngsi-ld/v1/jsonldContexts", query={"kind": "Hosted"}, headers=headers)
    [address] = listed.json
    assert (await follow(client, urlsplit(address).path)).json == {"@context": TERMS}
    entity = {"id": "urn:x:1", "type": "Car", "@context": address}
    sent = {**headers, "content-type": "application/ld+json"}
    assert (await client.ask("POST", ENTITIES, headers=sent, body=entity)).status == 201
    found = await client.ask("GET", ENTITIES, query={"type": TERMS["Car"]}, headers=headers)
    assert [one["id"] for one in found.json] == ["urn:x:1"]
