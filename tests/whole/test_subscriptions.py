"""``/subscriptions``: what is accepted, kept, shown, changed and refused; on each engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from stadtkern.settings import Settings
from tests.asgi_client import Answer, Client
from tests.asgi_client import client as run_client
from tests.manage.callers import ADMINISTRATOR, TOKEN, bearer, make_key

PATH = "/ngsi-ld/v1/subscriptions"
ID = "urn:ngsi-ld:Subscription:1"
URI = "https://receiver.example/notify"
STREAM = "urn:stadtkern:events"
VOCABULARY = "https://vocabulary.example/"
TERMS = {name: VOCABULARY + name for name in ("Room", "Hall", "warmth", "owner")}
LD = {"content-type": "application/ld+json"}
PLAIN = "https://uri.etsi.org/ngsi-ld/default-context/"
SECRET = [{"key": "Authorization", "value": "Bearer secret"}]


@pytest.fixture
async def locked(database_url: str, tmp_path: Path) -> AsyncIterator[Client]:
    """An application where nobody may do anything without a key."""
    settings = Settings(data=tmp_path, database_url=database_url, admin_token=TOKEN)
    async with run_client(settings) as made:
        yield made


def make(**members: Any) -> dict[str, Any]:
    """A whole subscription; what is None is left out."""
    whole = {
        "id": ID,
        "type": "Subscription",
        "entities": [{"type": "Room"}],
        "notification": {"endpoint": {"uri": STREAM}},
        **members,
    }
    return {name: value for name, value in whole.items() if value is not None}


def to(**endpoint: Any) -> dict[str, Any]:
    """A notification member."""
    return {"endpoint": {"uri": URI, **endpoint}}


async def create(client: Client, headers: dict[str, str] | None = None, **members: Any) -> Answer:
    return await client.ask("POST", PATH, headers=headers, body=make(**members))


async def patch(client: Client, body: dict[str, Any], headers: dict[str, str] | None = None) -> Answer:
    return await client.ask("PATCH", f"{PATH}/{ID}", headers=headers, body=body)


async def shown(client: Client, headers: dict[str, str] | None = None, **query: str) -> Any:
    answer = await client.ask("GET", f"{PATH}/{ID}", headers=headers, query=query)
    assert answer.status == 200, answer.text
    return answer.json


@pytest.mark.clause("CIM009 5.8.1")
async def test_a_subscription_is_shown_as_it_was_made(client: Client) -> None:
    members = {
        "subscriptionName": "Wärme",
        "description": "what is warm",
        "entities": [{"type": "(Room,Hall);Warm", "id": ["urn:r:1", "urn:r:2"], "idPattern": "urn:r:.*"}],
        "watchedAttributes": ["warmth", "location", "scope", "type"],
        "notificationTrigger": ["entityCreated", "attributeDeleted"],
        "q": 'warmth>20|name=="a;b"',
        "geoQ": {"georel": "near;maxDistance==200", "geometry": "Point", "coordinates": [7.6, 51.9]},
        "scopeQ": "/School/#",
        "lang": "de,en;q=0.5",
        "datasetId": ["@none", "urn:x:d"],
        "throttling": 2.5,
        "expiresAt": "2090-01-01T00:00:00Z",
        "isActive": True,
        "localOnly": True,
        "jsonKeys": ["raw"],
        "expandValues": ["kind"],
        "notification": {
            "pick": ["id", "warmth", "owner{name,age}"],
            "omit": ["age"],
            "join": "inline",
            "joinLevel": 1,
            "format": "concise",
            "sysAttrs": False,
            "showChanges": True,
            "endpoint": {
                "uri": URI,
                "accept": "application/geo+json",
                "timeout": 1500,
                "cooldown": 60000,
                "receiverInfo": SECRET,
            },
        },
    }
    answer = await create(client, **members)
    assert (answer.status, answer.headers["location"].rpartition("/v1/")[2]) == (201, f"subscriptions/{ID}")
    assert await shown(client) == {**make(**members), "status": "active"}


async def test_a_subscription_shows_its_triggers_and_no_other_defaults(client: Client) -> None:
    await create(client, entities=[{"id": "urn:r:1"}])
    expected = {
        **make(entities=[{"id": "urn:r:1", "type": "*"}]),
        "notificationTrigger": ["attributeCreated", "attributeUpdated"],
        "status": "active",
    }
    assert await shown(client) == expected
    with_times = await shown(client, options="sysAttrs")
    assert set(with_times) - set(expected) == {"createdAt", "modifiedAt"}
    assert with_times["createdAt"] == with_times["modifiedAt"]


async def test_older_names_and_whole_numbers_come_back_as_they_were(client: Client) -> None:
    await create(client, timeInterval=5, notification={"format": "keyValues", "endpoint": {"uri": STREAM}})
    answer = await client.ask("GET", f"{PATH}/{ID}")
    assert '"timeInterval":5,' in answer.text
    assert answer.json["notification"]["format"] == "keyValues"


async def test_a_subscription_without_an_id_gets_one(client: Client) -> None:
    answer = await create(client, id=None)
    path = "/ngsi-ld" + answer.headers["location"].partition("/ngsi-ld")[2]
    id = (await client.ask("GET", path)).json["id"]
    assert id.startswith("urn:ngsi-ld:Subscription:")
    assert path.endswith(id)


async def test_an_id_is_given_once(client: Client) -> None:
    assert (await create(client)).status == 201
    again = await create(client, q="warmth>1")
    assert (again.status, again.json["type"]) == (409, "https://uri.etsi.org/ngsi-ld/errors/AlreadyExists")
    assert "q" not in await shown(client)


@pytest.mark.clause("CIM009 5.8.1.4")
@pytest.mark.parametrize(
    ("members", "pointer"),
    [
        ({"id": "no uri"}, "/id"),
        ({"id": ""}, "/id"),
        ({"type": "Subscriptions"}, "/type"),
        ({"entities": None}, "/entities"),
        ({"entities": []}, "/entities"),
        ({"entities": [{}]}, "/entities/0"),
        ({"entities": [{"type": "A;;B"}]}, "/entities/0/type"),
        ({"entities": [{"type": "A", "id": "b"}]}, "/entities/0/id"),
        ({"entities": [{"type": "A", "idPattern": "("}]}, "/entities/0/idPattern"),
        ({"entities": [{"type": "A", "kind": "b"}]}, "/entities/0/kind"),
        ({"entities": [{"type": "A"}] * 101}, "/entities"),
        ({"watchedAttributes": []}, "/watchedAttributes"),
        ({"watchedAttributes": ["a b"]}, "/watchedAttributes"),
        ({"watchedAttribute": ["a"]}, "/watchedAttribute"),
        ({"notificationTrigger": ["entityChanged"]}, "/notificationTrigger"),
        ({"timeInterval": 5, "watchedAttributes": ["a"]}, "/timeInterval"),
        ({"timeInterval": 5, "throttling": 5}, "/throttling"),
        ({"timeInterval": 0}, "/timeInterval"),
        ({"timeInterval": True}, "/timeInterval"),
        ({"throttling": -1}, "/throttling"),
        ({"throttling": "1"}, "/throttling"),
        ({"q": "a>"}, "/q"),
        ({"q": ""}, "/q"),
        ({"q": 'a{b{c{d{e=="x"}}}}'}, "/q"),
        ({"csf": "a>"}, "/csf"),
        ({"scopeQ": "a b"}, "/scopeQ"),
        ({"geoQ": {"georel": "near", "geometry": "Point", "coordinates": [1, 2]}}, "/geoQ"),
        ({"geoQ": {"georel": "within", "geometry": "Point"}}, "/geoQ/coordinates"),
        ({"geoQ": {"geometry": "Point", "coordinates": [1, 2]}}, "/geoQ/georel"),
        ({"lang": "§"}, "/lang"),
        ({"datasetId": ["x"]}, "/datasetId"),
        ({"isActive": "yes"}, "/isActive"),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "/expiresAt"),
        ({"expiresAt": "soon"}, "/expiresAt"),
        ({"jsonldContext": "unknown"}, "/jsonldContext"),
        ({"subscriptionName": "x" * 10_001}, "/subscriptionName"),
        ({"notification": None}, "/notification"),
        ({"notification": {}}, "/notification/endpoint"),
        ({"notification": {"endpoint": {}}}, "/notification/endpoint/uri"),
        ({"notification": to(uri="ftp://a.example/b")}, "/notification/endpoint/uri"),
        ({"notification": to(uri="https:///b")}, "/notification/endpoint/uri"),
        ({"notification": to(uri="https://a.example:port/b")}, "/notification/endpoint/uri"),
        ({"notification": to(uri="https://anna:secret@a.example/b")}, "/notification/endpoint/uri"),
        ({"notification": to(uri="mqtt://a.example")}, "/notification/endpoint"),
        ({"notification": to(accept="text/plain")}, "/notification/endpoint/accept"),
        ({"notification": to(timeout=0)}, "/notification/endpoint/timeout"),
        ({"notification": to(receiverInfo=[{"key": "A"}])}, "/notification/endpoint/receiverInfo/0/value"),
        (
            {"notification": to(receiverInfo=[{"key": "A", "value": "b\r\nC: d"}])},
            "/notification/endpoint/receiverInfo/0",
        ),
        (
            {"notification": to(receiverInfo=[{"key": "content-Length", "value": "0"}])},
            "/notification/endpoint/receiverInfo/0",
        ),
        ({"notification": to() | {"format": "xml"}}, "/notification/format"),
        ({"notification": to() | {"showChanges": True, "format": "simplified"}}, "/notification/showChanges"),
        ({"timeInterval": 5, "notification": to() | {"showChanges": True}}, "/notification/showChanges"),
        ({"notification": to() | {"attributes": []}}, "/notification/attributes"),
        ({"notification": to() | {"attributes": ["a"], "pick": ["a"]}}, "/notification/attributes"),
        ({"notification": to() | {"pick": ["a"], "omit": ["a"]}}, "/notification"),
        ({"notification": to() | {"pick": ["a{b"]}}, "/notification"),
        ({"notification": to() | {"pick": ["a{b}"]}}, "/notification"),
        ({"notification": to() | {"join": "outer"}}, "/notification/join"),
        ({"notification": to() | {"joinLevel": 11}}, "/notification/joinLevel"),
        ({"notification": to() | {"attribute": ["a"]}}, "/notification/attribute"),
    ],
)
async def test_a_wrong_subscription_is_refused_with_a_pointer(
    embedded_client: Client, members: dict[str, Any], pointer: str
) -> None:
    answer = await create(embedded_client, **members)
    problem = answer.json
    assert (answer.status, problem["type"].rpartition("/")[2]) == (400, "BadRequestData"), answer.text
    assert problem["pointer"] == pointer, answer.text
    assert (await embedded_client.ask("GET", PATH)).json == []


async def test_texts_that_are_too_long_together_are_refused(embedded_client: Client) -> None:
    names = [f"attribute{number}" for number in range(1000)]
    answer = await create(embedded_client, watchedAttributes=names, notification=to() | {"attributes": names})
    assert (answer.status, "65536" in answer.text) == (400, True)


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("http://127.0.0.1:8080/", 400),
        ("http://[::1]/", 400),
        ("http://169.254.169.254/latest", 400),
        ("mqtt://10.0.0.1/topic", 400),
        ("http://93.184.216.34/", 201),
    ],
)
async def test_addresses_that_nothing_is_sent_to_are_refused(embedded_client: Client, uri: str, status: int) -> None:
    answer = await create(embedded_client, notification=to(uri=uri))
    assert answer.status == status, answer.text
    if status == 400:
        assert answer.json["pointer"] == "/notification/endpoint/uri"


async def test_members_that_only_the_server_says_are_ignored(embedded_client: Client) -> None:
    notification = {"endpoint": {"uri": STREAM}, "timesSent": 42, "lastSuccess": "2026-01-01T00:00:00Z"}
    await create(embedded_client, status="expired", createdAt="2020-01-01T00:00:00Z", notification=notification)
    found = await shown(embedded_client)
    assert (found["status"], found["notification"]) == ("active", {"endpoint": {"uri": STREAM}})


@pytest.mark.clause("CIM009 5.5.7")
async def test_names_are_kept_by_their_meaning(client: Client) -> None:
    body = make(watchedAttributes=["warmth"], entities=[{"type": "Room,Hall"}], **{"@context": TERMS})
    body["notification"]["attributes"] = ["owner"]
    made = await client.ask("POST", PATH, headers=LD, body=body)
    assert made.status == 201, made.text
    plain = await shown(client)
    assert plain["entities"] == [{"type": f"{VOCABULARY}Room,{VOCABULARY}Hall"}]
    assert plain["watchedAttributes"] == [f"{VOCABULARY}warmth"]
    assert plain["notification"]["attributes"] == [f"{VOCABULARY}owner"]
    kept = await client.ask("GET", plain["jsonldContext"].partition(":8080")[2])
    assert kept.json == {"@context": [TERMS]}
    link = f'<{plain["jsonldContext"]}>; rel="http://www.w3.org/ns/json-ld#context"'
    named = await shown(client, {"link": link})
    assert (named["entities"], named["watchedAttributes"]) == ([{"type": "Room,Hall"}], ["warmth"])


@pytest.mark.clause("CIM009 5.8.2")
async def test_a_fragment_replaces_whole_members(client: Client) -> None:
    await create(client, q="warmth>1", isActive=False, notification=to(accept="application/ld+json"))
    answer = await patch(client, {"type": "Subscription", "notification": {"endpoint": {"uri": STREAM}}, "lang": "de"})
    assert (answer.status, answer.body) == (204, b"")
    found = await shown(client)
    assert (found["notification"], found["lang"]) == ({"endpoint": {"uri": STREAM}}, "de")
    assert (found["q"], found["isActive"], found["status"]) == ("warmth>1", False, "paused")


@pytest.mark.parametrize("null", [None, "urn:ngsi-ld:null"])
async def test_null_removes_a_member(client: Client, null: str | None) -> None:
    await create(client, q="warmth>1", throttling=5, isActive=False, notificationTrigger=["entityDeleted"])
    members = dict.fromkeys(("q", "throttling", "isActive", "notificationTrigger", "lang"), null)
    assert (await patch(client, members)).status == 204
    found = await shown(client)
    assert {"q", "throttling", "isActive", "lang"} & set(found) == set()
    assert (found["status"], found["notificationTrigger"][0]) == ("active", "attributeCreated")


@pytest.mark.parametrize(
    ("fragment", "status"),
    [
        ({"notification": None}, 400),
        ({"notification": {"format": "concise"}}, 400),
        ({"entities": []}, 400),
        ({"timeInterval": 5}, 400),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, 400),
        ({"type": "Entity"}, 400),
        ({"id": "urn:x:other"}, 400),
        ({"jsonldContext": "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v0.0.jsonld"}, 504),
        ({"notification": {"endpoint": {"uri": "http://127.0.0.1/"}}}, 400),
    ],
)
async def test_a_wrong_fragment_changes_nothing(embedded_client: Client, fragment: Any, status: int) -> None:
    await create(embedded_client, watchedAttributes=["warmth"])
    before = await shown(embedded_client, options="sysAttrs")
    assert (await patch(embedded_client, {"q": "other>1", **fragment})).status == status
    assert await shown(embedded_client, options="sysAttrs") == before


async def test_a_fragment_under_another_context_keeps_all_meanings(client: Client) -> None:
    await client.ask("POST", PATH, headers=LD, body=make(entities=[{"type": "Room"}], **{"@context": TERMS}))
    terms = {"Cellar": VOCABULARY + "Cellar", "cold": VOCABULARY + "cold"}
    fragment = {"q": "cold<5", "watchedAttributes": ["cold"], "@context": terms}
    assert (await patch(client, fragment, LD)).status == 204
    found = await shown(client)
    kept = (await client.ask("GET", found["jsonldContext"].partition(":8080")[2])).json["@context"]
    assert (found["entities"], found["q"], kept) == ([{"type": VOCABULARY + "Room"}], "cold<5", [terms])
    # the q that stays means something else under the core context, by which a body without one is read
    refused = await patch(client, {"notification": {"pick": ["cold"], "endpoint": {"uri": STREAM}}})
    assert (refused.status, "@context" in refused.json["detail"]) == (400, True)
    assert (await patch(client, {"entities": [{"type": "Cellar"}], "isActive": False})).status == 204
    found = await shown(client)
    assert (found["entities"], found["q"], found["status"]) == ([{"type": "Cellar"}], "cold<5", "paused")


@pytest.mark.clause("CIM009 5.8.4")
async def test_a_list_has_pages(client: Client) -> None:
    for number in range(3):
        assert (await create(client, id=f"urn:s:{number}")).status == 201
    page = await client.ask("GET", PATH, query={"limit": "1", "offset": "1", "count": "true"})
    assert ([one["id"] for one in page.json], page.headers["NGSILD-Results-Count"]) == (["urn:s:1"], "3")
    links = [value for name, value in page.all_headers if name == "link"]
    assert f'<{PATH}?count=true&limit=1&offset=0>; rel="prev"; type="application/json"' in links
    assert f'<{PATH}?count=true&limit=1&offset=2>; rel="next"; type="application/json"' in links
    last = await client.ask("GET", PATH, query={"limit": "2", "offset": "2"})
    assert [one["id"] for one in last.json] == ["urn:s:2"]
    assert not any('rel="next"' in value for name, value in last.all_headers if name == "link")
    none = await client.ask("GET", PATH, query={"limit": "0", "count": "true"})
    assert (none.json, none.headers["NGSILD-Results-Count"]) == ([], "3")


async def test_a_deleted_subscription_is_gone(client: Client) -> None:
    await create(client)
    assert (await client.ask("DELETE", f"{PATH}/{ID}")).status == 204
    for method in ("GET", "DELETE"):
        assert (await client.ask(method, f"{PATH}/{ID}")).status == 404
    assert (await patch(client, {"isActive": False})).status == 404
    assert (await client.ask("DELETE", f"{PATH}/no uri")).status == 400
    assert (await create(client)).status == 201


async def test_others_neither_change_a_subscription_nor_see_its_secrets(locked: Client) -> None:
    keys = {kind: bearer((await make_key(locked, kind))["key"]) for kind in ("read", "write", "admin")}
    other = bearer((await make_key(locked, "write"))["key"])
    made = await create(locked, keys["write"], notification=to(receiverInfo=SECRET))
    assert made.status == 201, made.text
    for reader, value in ((keys["write"], "Bearer secret"), (keys["admin"], "Bearer secret"), (other, "(hidden)")):
        endpoint = (await shown(locked, reader))["notification"]["endpoint"]
        assert endpoint["receiverInfo"] == [{"key": "Authorization", "value": value}]
        listed = (await locked.ask("GET", PATH, headers=reader)).json
        assert listed[0]["notification"]["endpoint"] == endpoint
    assert (await patch(locked, {"notification": to(uri="https://thief.example/")}, other)).status == 403
    assert (await locked.ask("DELETE", f"{PATH}/{ID}", headers=other)).status == 403
    assert (await patch(locked, {"isActive": False}, keys["admin"])).status == 204
    assert (await patch(locked, {"isActive": True}, ADMINISTRATOR)).status == 204
    assert (await locked.ask("DELETE", f"{PATH}/{ID}", headers=keys["write"])).status == 204


async def test_the_password_of_a_broker_is_for_the_owner(locked: Client) -> None:
    first, second = [bearer((await make_key(locked, "write"))["key"]) for _ in range(2)]
    await create(locked, first, notification=to(uri="mqtt://anna:secret@broker.example/topic"))
    uris = [(await shown(locked, reader))["notification"]["endpoint"]["uri"] for reader in (first, second)]
    assert uris == ["mqtt://anna:secret@broker.example/topic", "mqtt://broker.example/topic"]


@pytest.mark.parametrize(("kind", "status"), [("read", 403), ("source", 403), ("write", 200), (None, 401)])
async def test_subscriptions_are_for_those_who_may_write(locked: Client, kind: str | None, status: int) -> None:
    types = {"types": ["https://example.org/Room"]} if kind == "source" else {}
    headers = {} if kind is None else bearer((await make_key(locked, kind, **types))["key"])
    assert (await locked.ask("GET", PATH, headers=headers)).status == status
    assert (await create(locked, headers)).status == (201 if status == 200 else status)


async def test_tenants_have_subscriptions_of_their_own(client: Client) -> None:
    await create(client)
    assert (await create(client, {"ngsild-tenant": "north"})).status == 201
    assert (await client.ask("DELETE", f"{PATH}/{ID}", headers={"ngsild-tenant": "north"})).status == 204
    assert (await shown(client))["id"] == ID
