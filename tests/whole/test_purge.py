"""A purge reads its filter as a query does."""

from __future__ import annotations

import pytest

from tests.asgi_client import Client

ENTITIES = "/ngsi-ld/v1/entities"


@pytest.mark.clause("CIM009 5.6.21")
async def test_purge_expands_the_values_that_a_query_expands(client: Client) -> None:
    for number, kind in enumerate(("oak", "beech"), 1):
        entity = {"id": f"urn:x:{number}", "type": "Tree", "kind": {"type": "VocabProperty", "vocab": kind}}
        assert (await client.ask("POST", ENTITIES, body=entity)).status == 201
    chosen = {"type": "Tree", "q": 'kind=="oak"', "expandValues": "kind"}
    assert [one["id"] for one in (await client.ask("GET", ENTITIES, query=chosen)).json] == ["urn:x:1"]
    assert (await client.ask("DELETE", ENTITIES, query=chosen)).status == 204
    left = await client.ask("GET", ENTITIES, query={"type": "Tree"})
    assert [one["id"] for one in left.json] == ["urn:x:2"]
