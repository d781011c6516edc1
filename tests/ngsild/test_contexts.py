"""The context service and ``/jsonldContexts``, with a store in memory and a web server of our own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from stadtkern.broker import context_documents
from stadtkern.broker.contexts import ContextService
from stadtkern.broker.download import DownloadFailed
from stadtkern.errors import (
    BadRequestData,
    Forbidden,
    InvalidRequest,
    InvalidSettings,
    LdContextNotAvailable,
    NotAcceptable,
    OperationNotSupported,
    ResourceNotFound,
    Unavailable,
    UnsupportedMediaType,
)
from stadtkern.jsonld.context import CORE_CONTEXT
from stadtkern.jsonld.core import CORE_CONTEXT_URL
from stadtkern.model.ids import TenantId
from stadtkern.policy.grant import Grant, make_grant
from stadtkern.views._http.message import Request, Response
from stadtkern.views.ngsild import contexts_routes
from tests.ngsild.context_memory import ContextMemory
from tests.ngsild.context_server import ContextServer, serve_documents

BASE = "https://broker.example"
PATH = "/ngsi-ld/v1/jsonldContexts/"
NORTH = make_grant(TenantId("north"), "test", "write")
SOUTH = make_grant(TenantId("south"), "test", "write")
READER = make_grant(TenantId("north"), "test", "read")
SPEED = {"@context": {"speed": "https://city.example/speed"}}


@pytest.fixture
async def server() -> AsyncIterator[ContextServer]:
    async with serve_documents() as running:
        yield running


@pytest.fixture
def store() -> ContextMemory:
    return ContextMemory()


@pytest.fixture
async def service(store: ContextMemory) -> AsyncIterator[ContextService]:
    async with ContextService(store, allow_private=True) as opened:
        yield opened


def make_request(
    method: str,
    id: str = "",
    *,
    query: list[tuple[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
    body: Any = None,
    grant: Grant = NORTH,
) -> Request:
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Request(
        method=method,
        path="/jsonldContexts/" + quote(id, safe=""),
        segments=["jsonldContexts", id] if id else ["jsonldContexts"],
        query=query or [],
        headers=headers or ({} if body is None else {"content-type": "application/json"}),
        body=raw,
        grant=grant,
        base_url=BASE,
        request_id="1",
    )


async def add(service: ContextService, body: Any, grant: Grant = NORTH) -> str:
    response = await contexts_routes.add_context(make_request("POST", body=body, grant=grant), service)
    assert (response.status, response.body) == (201, b"")
    [(name, location)] = response.headers
    assert name == "Location"
    assert location.startswith(PATH)
    return location.removeprefix(PATH)


async def list_all(service: ContextService, grant: Grant = NORTH, **query: str) -> list[Any]:
    request = make_request("GET", query=list(query.items()), grant=grant)
    return json.loads((await contexts_routes.list_contexts(request, service)).body)


async def describe(service: ContextService, id: str, grant: Grant = NORTH) -> dict[str, Any]:
    request = make_request("GET", id, query=[("details", "true")], grant=grant)
    return json.loads((await contexts_routes.serve_context(request, service)).body)


async def delete(service: ContextService, id: str, grant: Grant = NORTH, **query: str) -> Response:
    request = make_request("DELETE", id, query=list(query.items()), grant=grant)
    return await contexts_routes.delete_context(request, service)


# Resolution


async def test_resolve_needs_no_network_for_core_contexts() -> None:
    async with ContextService(ContextMemory()) as service:
        assert await service.resolve(None, NORTH) is CORE_CONTEXT
        for version in ("", *(f"-v1.{minor}" for minor in range(10))):
            address = f"https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context{version}.jsonld"
            context = await service.resolve([address], NORTH)
            assert context.expand_term("location") == "location"
            assert context.size <= 3  # terms that were given up later


async def test_resolve_downloads_an_address_once_and_remembers_it(
    service: ContextService, server: ContextServer
) -> None:
    server.documents["/c"] = SPEED
    server.delay_s = 0.05
    reference = [server.url + "/c", CORE_CONTEXT_URL]
    found = await asyncio.gather(*(service.resolve(reference, NORTH) for _ in range(20)))
    found.append(await service.resolve(server.url + "/c", SOUTH))

    assert {context.expand_term("speed") for context in found} == {"https://city.example/speed"}
    assert server.asked == {"/c": 1}
    assert await service.resolve(reference, NORTH) is await service.resolve(reference, SOUTH)


async def test_resolve_follows_included_contexts(service: ContextService, server: ContextServer) -> None:
    server.documents |= {
        "/a": {"@context": ["/b", "c", CORE_CONTEXT_URL]},
        "/b": SPEED,
        "/c": {"@context": {"x": "urn:x"}},
    }
    context = await service.resolve([server.url + "/a", {"y": "urn:y"}], NORTH)

    assert [context.expand_term(name) for name in ("speed", "x", "y")] == [
        "https://city.example/speed",
        "urn:x",
        "urn:y",
    ]


async def test_resolve_keeps_inline_contexts_by_content(service: ContextService) -> None:
    one = await service.resolve({"a": "urn:a"}, NORTH)

    assert await service.resolve({"a": "urn:a"}, NORTH) is one
    assert (await service.resolve({"a": "urn:b"}, NORTH)).expand_term("a") == "urn:b"


@pytest.mark.parametrize(
    "document",
    [
        b"<html>not a context</html>",
        b'{"@context": ',
        b'{"no": "context"}',
        b'{"@context": 7}',
        b'{"@context": {"a": 7}}',
        b'{"@context": ["ftp://a.example/"]}',
        b'{"@context": "/c"}',
        b"[" * 100_000,
        b"\xff",
    ],
)
@pytest.mark.clause("CIM009 5.5.6")
async def test_resolve_fails_when_the_address_gives_no_context(
    service: ContextService, server: ContextServer, document: Any
) -> None:
    server.documents["/c"] = document

    for _ in range(2):
        with pytest.raises(BadRequestData):
            await service.resolve(server.url + "/c", NORTH)
    assert server.asked == {"/c": 1}


@pytest.mark.parametrize("answer", [(302, {"Location": "http://169.254.169.254/latest/meta-data"}), (500, {})])
async def test_resolve_fails_when_the_address_gives_nothing(
    service: ContextService, server: ContextServer, answer: Any
) -> None:
    server.documents["/c"] = answer

    with pytest.raises(LdContextNotAvailable):
        await service.resolve(server.url + "/c", NORTH)


async def test_resolve_refuses_private_addresses_unless_allowed(server: ContextServer) -> None:
    server.documents["/c"] = SPEED
    async with ContextService(ContextMemory()) as service:
        with pytest.raises(LdContextNotAvailable, match="private address"):
            await service.resolve(server.url + "/c", NORTH)

    assert not server.asked


async def test_resolve_refuses_a_core_address_that_does_not_exist(service: ContextService, monkeypatch: Any) -> None:
    asked: list[str] = []

    async def download(url: str, _: str) -> Any:
        asked.append(url)
        raise DownloadFailed("no network here")

    monkeypatch.setattr(service._downloader, "download", download)
    address = CORE_CONTEXT_URL.replace("v1.9", "non-existing")
    with pytest.raises(LdContextNotAvailable, match="non-existing"):
        await service.resolve(address, NORTH)

    assert asked == [address]


@pytest.mark.parametrize("reference", [7, [7], "nowhere", "ftp://a.example/", {"a": 7}])
async def test_resolve_refuses_what_is_no_context(service: ContextService, reference: Any) -> None:
    with pytest.raises(BadRequestData):
        await service.resolve(reference, NORTH)


async def test_failure_is_remembered_for_seconds_only_and_never_as_good(
    service: ContextService, server: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url + "/c"
    for _ in range(3):
        with pytest.raises(LdContextNotAvailable):
            await service.resolve(url, NORTH)
    assert server.asked["/c"] == 1

    server.documents["/c"] = SPEED
    moment = time.monotonic()
    monkeypatch.setattr(context_documents.time, "monotonic", lambda: moment + context_documents.FAILURE_S + 1)
    assert (await service.resolve(url, NORTH)).expand_term("speed") == "https://city.example/speed"


async def test_copy_is_renewed_when_old_and_kept_when_that_fails(
    service: ContextService, server: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = server.url + "/c"
    server.documents["/c"] = SPEED
    server.headers = {"Cache-Control": "max-age=300"}
    moment = time.monotonic()
    await service.resolve(url, NORTH)

    server.documents["/c"] = {"@context": {"speed": "https://city.example/v2"}}
    assert (await service.resolve(url, NORTH)).expand_term("speed") == "https://city.example/speed"
    monkeypatch.setattr(time, "monotonic", lambda: moment + 400)
    assert (await service.resolve(url, NORTH)).expand_term("speed") == "https://city.example/v2"

    server.documents.clear()
    monkeypatch.setattr(time, "monotonic", lambda: moment + 1000)
    assert (await service.resolve(url, NORTH)).expand_term("speed") == "https://city.example/v2"


async def test_copy_survives_a_restart_without_the_web(store: ContextMemory, server: ContextServer) -> None:
    server.documents["/c"] = SPEED
    async with ContextService(store, allow_private=True) as service:
        await service.resolve(server.url + "/c", NORTH)
    server.documents.clear()
    async with ContextService(store, allow_private=True) as service:
        context = await service.resolve(server.url + "/c", NORTH)

    assert context.expand_term("speed") == "https://city.example/speed"
    assert server.asked == {"/c": 1}


async def test_one_cancelled_request_does_not_stop_the_download_for_others(
    service: ContextService, server: ContextServer
) -> None:
    server.documents["/c"] = SPEED
    server.delay_s = 0.1
    first = asyncio.create_task(service.resolve(server.url + "/c", NORTH))
    await asyncio.sleep(0.02)
    second = asyncio.create_task(service.resolve(server.url + "/c", NORTH))
    await asyncio.sleep(0.02)
    first.cancel()

    assert (await second).expand_term("speed") == "https://city.example/speed"
    assert server.asked == {"/c": 1}


async def test_context_of_too_many_documents_is_refused(service: ContextService, server: ContextServer) -> None:
    server.documents |= {f"/{number}": {"@context": {}} for number in range(30)}

    assert await service.resolve([f"{server.url}/{number}" for number in range(16)], NORTH)
    with pytest.raises(LdContextNotAvailable, match="16 documents"):
        await service.resolve([f"{server.url}/{number}" for number in range(17)], NORTH)


async def test_reading_goes_on_when_the_store_cannot_be_written(
    service: ContextService, store: ContextMemory, server: ContextServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any) -> None:
        raise Unavailable("The disk is full")

    monkeypatch.setattr(store, "save_context", refuse)
    server.documents["/c"] = SPEED

    assert await service.resolve(server.url + "/c", READER)


async def test_memory_of_contexts_stays_bounded(service: ContextService) -> None:
    for number in range(700):
        await service.resolve({"a": f"urn:{number}"}, NORTH)

    assert len(service._compiled) == 512


# The folder of pre-loaded contexts


async def test_folder_serves_contexts_by_index_and_by_file_name(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text(json.dumps({"https://city.example/a": "a.jsonld"}))
    (tmp_path / "a.jsonld").write_text(json.dumps({"@context": ["https://city.example/b.jsonld", {"a": "urn:a"}]}))
    (tmp_path / quote("https://city.example/b.jsonld", safe="")).write_text(json.dumps({"@context": {"b": "urn:b"}}))
    (tmp_path / (quote("https://city.example/c", safe="") + ".json")).write_text(
        json.dumps({"@context": {"c": "urn:c"}})
    )
    (tmp_path / "notes.txt").write_text("nothing")
    async with ContextService(ContextMemory(), folder=tmp_path) as service:
        context = await service.resolve(["https://city.example/a", "https://city.example/c"], NORTH)
        listed = await list_all(service, kind="Cached")

    assert [context.expand_term(name) for name in "abc"] == ["urn:a", "urn:b", "urn:c"]
    assert {"https://city.example/a", "https://city.example/b.jsonld", "https://city.example/c"} <= set(listed)


@pytest.mark.parametrize("index", ["[]", '{"https://a.example/": "../secret.json"}', "{"])
async def test_folder_with_a_bad_index_stops_the_start(tmp_path: Path, index: str) -> None:
    (tmp_path / "index.json").write_text(index)
    with pytest.raises(InvalidSettings, match="index"):
        async with ContextService(ContextMemory(), folder=tmp_path):
            pass
    with pytest.raises(InvalidSettings, match="does not exist"):
        async with ContextService(ContextMemory(), folder=tmp_path / "missing"):
            pass


async def test_folder_file_that_is_no_context_is_reported(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text('{"https://city.example/a": "a.json", "https://city.example/b": "gone.json"}')
    (tmp_path / "a.json").write_text("{}")
    async with ContextService(ContextMemory(), folder=tmp_path) as service:
        for name, error in ("a", BadRequestData), ("b", LdContextNotAvailable):
            with pytest.raises(error):
                await service.resolve(f"https://city.example/{name}", NORTH)


# Hosted contexts


@pytest.mark.clause("CIM009 5.13.2")
async def test_add_context_hosts_what_the_client_gives(service: ContextService) -> None:
    id = await add(service, {**SPEED, "extra": "is left out"})
    served = await contexts_routes.serve_context(make_request("GET", id), service)

    assert (served.status, json.loads(served.body)) == (200, SPEED)
    assert ("Content-Type", "application/json") in served.headers
    assert await list_all(service, kind="Hosted") == [BASE + PATH + id]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"A1": "urn:a"}, InvalidRequest),
        ([], InvalidRequest),
        (b'{"A1": "urn:a" "A2"}', InvalidRequest),
        ({"@context": 42}, BadRequestData),
        ({"@context": True}, BadRequestData),
        ({"@context": ["https://example.org/ctx.jsonld", 7]}, BadRequestData),
        ({"@context": {"a": {"@id": "urn:a", "@context": {}}}}, BadRequestData),
    ],
)
async def test_add_context_refuses_what_is_no_context(
    service: ContextService, body: Any, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        await contexts_routes.add_context(make_request("POST", body=body), service)
    assert await list_all(service, kind="Hosted") == []


async def test_add_context_does_not_ask_the_web(service: ContextService, server: ContextServer) -> None:
    await add(service, {"@context": [server.url + "/c", {"@import": server.url + "/d", "a": "urn:a"}]})

    assert not server.asked


@pytest.mark.parametrize("written", ["{path}", "{base}{path}"])
async def test_hosted_context_is_used_by_its_own_address(service: ContextService, written: str) -> None:
    id = await add(service, SPEED)
    reference = written.format(base=BASE, path=PATH + id)
    context = await service.resolve([reference], NORTH, BASE)

    assert context.expand_term("speed") == "https://city.example/speed"
    assert context.link_url == BASE + PATH + id
    with pytest.raises(LdContextNotAvailable, match="does not exist here"):
        await service.resolve([reference], SOUTH, BASE)


@pytest.mark.clause("CIM009 5.5.10")
async def test_hosted_context_is_private_to_its_tenant(service: ContextService) -> None:
    id = await add(service, SPEED)

    assert id not in json.dumps(await list_all(service, SOUTH, details="true"))
    for query in ([], [("details", "true")]):
        with pytest.raises(ResourceNotFound):
            await contexts_routes.serve_context(make_request("GET", id, query=query, grant=SOUTH), service)
    with pytest.raises(ResourceNotFound):
        await delete(service, id, SOUTH)
    assert (await delete(service, id)).status == 204


async def test_deleted_context_is_gone_for_requests_too(service: ContextService) -> None:
    id = await add(service, SPEED)
    await service.resolve(BASE + PATH + id, NORTH, BASE)
    await delete(service, id)

    with pytest.raises(LdContextNotAvailable):
        await service.resolve(BASE + PATH + id, NORTH, BASE)
    with pytest.raises(ResourceNotFound):
        await delete(service, id)


async def test_forget_drops_what_another_process_changed(service: ContextService, store: ContextMemory) -> None:
    id = await add(service, SPEED)
    await service.resolve(BASE + PATH + id, NORTH, BASE)
    store.records["north"].clear()
    assert await service.resolve(BASE + PATH + id, NORTH, BASE)
    service.forget(SOUTH.tenant)
    assert await service.resolve(BASE + PATH + id, NORTH, BASE)
    service.forget(NORTH.tenant)
    with pytest.raises(LdContextNotAvailable):
        await service.resolve(BASE + PATH + id, NORTH, BASE)


@pytest.mark.clause("CIM009 5.13.1")
async def test_link_url_hosts_a_context_that_has_no_address(service: ContextService, server: ContextServer) -> None:
    server.documents["/c"] = SPEED
    context = await service.resolve([server.url + "/c", {"a": "urn:a"}], NORTH)
    urls = {await service.link_url(context, READER, BASE) for _ in range(3)}
    [url] = urls
    id = url.removeprefix(BASE + PATH)
    same = await service.resolve(url, NORTH, BASE)

    assert await list_all(service, kind="ImplicitlyCreated") == [url]
    assert (await describe(service, id))["kind"] == "ImplicitlyCreated"
    assert [same.expand_term(name) for name in ("speed", "a")] == ["https://city.example/speed", "urn:a"]
    assert await service.link_url(CORE_CONTEXT, NORTH, BASE) == CORE_CONTEXT_URL


@pytest.mark.parametrize("operation", [contexts_routes.add_context, contexts_routes.delete_context])
async def test_readers_change_nothing(service: ContextService, operation: Any) -> None:
    id = await add(service, SPEED)
    with pytest.raises(Forbidden):
        await operation(make_request("POST", id, body=SPEED, grant=READER), service)
    with pytest.raises(Forbidden):
        await delete(service, id, READER, reload="true")


# Copies


@pytest.mark.clause("CIM009 5.13.4")
async def test_copy_is_described_by_address_or_id_but_not_served(
    service: ContextService, server: ContextServer
) -> None:
    url = server.url + "/c"
    server.documents["/c"] = SPEED
    await service.resolve(url, READER)
    described = await describe(service, url)

    assert described["URL"] == url
    assert described["kind"] == "Cached"
    assert (await describe(service, described["localId"]))["URL"] == url
    assert (await list_all(service, kind="Cached"))[-1] == url
    with pytest.raises(OperationNotSupported):
        await contexts_routes.serve_context(make_request("GET", url), service)


@pytest.mark.clause("CIM009 5.13.5")
async def test_reload_replaces_the_copy_and_keeps_it_on_failure(service: ContextService, server: ContextServer) -> None:
    url = server.url + "/c"
    server.documents["/c"] = SPEED
    await service.resolve(url, NORTH)
    server.documents["/c"] = {"@context": {"speed": "https://city.example/v2"}}
    assert (await delete(service, url, reload="true")).status == 204
    assert (await service.resolve(url, NORTH)).expand_term("speed") == "https://city.example/v2"

    server.documents["/c"] = b"broken"
    with pytest.raises(BadRequestData):
        await delete(service, url, reload="true")
    assert (await service.resolve(url, NORTH)).expand_term("speed") == "https://city.example/v2"
    assert (await describe(service, url))["kind"] == "Cached"


async def test_deleted_copy_is_downloaded_again_when_needed(service: ContextService, server: ContextServer) -> None:
    url = server.url + "/c"
    server.documents["/c"] = SPEED
    await service.resolve(url, NORTH)
    assert (await delete(service, url)).status == 204
    with pytest.raises(ResourceNotFound):
        await describe(service, url)
    await service.resolve(url, NORTH)

    assert server.asked["/c"] == 2


async def test_uses_are_counted(service: ContextService, server: ContextServer) -> None:
    url = server.url + "/c"
    server.documents["/c"] = SPEED
    id = await add(service, SPEED)
    assert (await describe(service, id))["numberOfHits"] == 0
    for _ in range(3):
        await service.resolve(BASE + PATH + id, READER, BASE)
    await service.resolve(url, NORTH)

    assert (await describe(service, id))["numberOfHits"] == 3
    assert (await describe(service, url))["numberOfHits"] == 1
    assert (await describe(service, id))["lastUsage"].endswith("Z")


async def test_uses_of_a_deleted_copy_are_forgotten(service: ContextService, server: ContextServer) -> None:
    url = server.url + "/c"
    server.documents["/c"] = SPEED
    for _ in range(2):
        await service.resolve(url, NORTH)
        assert (await describe(service, url))["numberOfHits"] == 1
        assert (await delete(service, url)).status == 204


@pytest.mark.parametrize("id", [CORE_CONTEXT_URL, CORE_CONTEXT_URL.replace("1.9", "1.6")])
async def test_core_contexts_are_described_and_cannot_be_deleted(service: ContextService, id: str) -> None:
    described = await describe(service, id)

    assert (described["URL"], described["kind"]) == (id, "Cached")
    assert set(described) <= {"URL", "localId", "kind", "createdAt", "lastUsage", "numberOfHits"}
    assert (await describe(service, described["localId"]))["URL"] == id
    with pytest.raises(BadRequestData):
        await delete(service, id)
    assert (await delete(service, id, reload="true")).status == 204


# What the routes refuse


@pytest.mark.clause("CIM009 6.29")
@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ({"kind": "other"}, BadRequestData),
        ({"details": "other"}, BadRequestData),
        ({"details": "other", "kind": "Hosted"}, BadRequestData),
        ({"unknown": "1"}, InvalidRequest),
    ],
)
async def test_list_contexts_refuses_unknown_parameters(
    service: ContextService, query: dict[str, str], problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        await list_all(service, **query)


@pytest.mark.clause("CIM009 6.30")
@pytest.mark.parametrize(
    ("reload", "problem"), [("true", BadRequestData), ("false", ResourceNotFound), ("xxx", BadRequestData)]
)
async def test_delete_context_refuses_unknown_ids(
    service: ContextService, reload: str, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        await delete(service, "wrong_id_context", reload=reload)


async def test_reload_refuses_contexts_that_are_hosted_here(service: ContextService) -> None:
    with pytest.raises(BadRequestData, match="hosted here"):
        await delete(service, await add(service, SPEED), reload="true")
    with pytest.raises(BadRequestData, match="names no"):
        await delete(service, "")


async def test_routes_negotiate(service: ContextService) -> None:
    with pytest.raises(UnsupportedMediaType):
        await contexts_routes.add_context(
            make_request("POST", body=SPEED, headers={"content-type": "text/plain"}), service
        )
    with pytest.raises(NotAcceptable):
        await contexts_routes.list_contexts(make_request("GET", headers={"accept": "application/xml"}), service)
    answer = await contexts_routes.list_contexts(
        make_request("GET", headers={"accept": "application/ld+json"}), service
    )
    assert ("Content-Type", "application/ld+json") in answer.headers
