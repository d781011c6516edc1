"""Notifications as receivers see them: every form, what is gone, and what was there before."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import Entity, Instance, replace
from stadtkern.model.event import Event, EventItem
from stadtkern.model.ids import Iri, TenantId
from stadtkern.model.instant import parse_instant
from stadtkern.model.json import raw
from stadtkern.model.notification import Message
from stadtkern.model.subscription import Endpoint, NotificationParams, Position, Subscription, SubscriptionId
from stadtkern.policy.grant import Grant, make_grant, system_grant
from stadtkern.query.q import parse_q
from stadtkern.views.ngsild.render_notification import NotificationRenderer
from tests.ngsild.consumption_services import BASE_URL, ReadingServices
from tests.ngsild.entities import NOW, read_entity
from tests.ngsild.provision_services import CONTEXT as CONTEXT_URL
from tests.ngsild.provision_services import EXAMPLE

CONTEXT = compile_context(
    CONTEXT_URL, {CONTEXT_URL: {"@context": {name: EXAMPLE + name for name in ("Car", "speed", "name")}}}, None
)
NULL = "urn:ngsi-ld:null"
AT = parse_instant("2026-02-01T12:00:00Z")
GRANT = system_grant("tests", TenantId("default"))
TOWER = {
    "id": "urn:b:tower",
    "type": "Building",
    "name": [
        {"type": "Property", "value": "Eiffel Tower"},
        {"type": "Property", "value": "Eiffelturm", "datasetId": "urn:d:de"},
    ],
    "height": {"type": "Property", "value": 330, "unitCode": "MTR"},
    "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [2, 48]}},
    "street": {"type": "LanguageProperty", "languageMap": {"fr": "Avenue", "de": "Allee"}},
    "category": {"type": "VocabProperty", "vocab": "monument"},
    "address": {"type": "JsonProperty", "json": {"city": "Paris"}},
    "locatedIn": {"type": "Relationship", "object": "urn:c:paris"},
    "owners": {"type": "ListRelationship", "objectList": [{"object": "urn:o:1"}, {"object": "urn:o:2"}]},
}
PARIS = {"id": "urn:c:paris", "type": "City", "population": {"type": "Property", "value": 2}}


def entity(tree: dict[str, Any] = TOWER, **changed: Any) -> Entity:
    return read_entity({**tree, **changed}, CONTEXT)


def without(*names: str) -> Entity:
    return entity({name: value for name, value in TOWER.items() if name not in names})


def subscribe(
    *, accept: Any = "application/json", receiver_info: tuple[tuple[str, str], ...] = (), **params: Any
) -> Subscription:
    members = {name: params.pop(name) for name in list(params) if name in Subscription.__struct_fields__}
    endpoint = Endpoint(uri="https://receiver.example/", accept=accept, receiver_info=receiver_info)
    return Subscription(
        id=SubscriptionId("urn:s:1"),
        notification=NotificationParams(endpoint=endpoint, **params),
        **{"context": CONTEXT_URL, **members},
    )


def event(after: Entity, before: Entity | None = None, kind: Any = "updated") -> Event:
    """What the log tells of the difference between two states."""
    items: list[EventItem] = []
    for name in {**(before.attributes if before else {}), **after.attributes}:
        old = {one.dataset_id: one for one in before.attributes.get(name, [])} if before else {}
        new = {one.dataset_id: one for one in after.attributes.get(name, [])}
        for id_ in {**old, **new}:
            if old.get(id_) != new.get(id_):
                verb: Any = "created" if id_ not in old else "updated" if id_ in new else "deleted"
                items.append(EventItem(name, id_, verb, old.get(id_), new.get(id_)))
    return Event(position=Position(0, 1), at=AT, n=1, id=after.id, kind=kind, entity=after, items=tuple(items))


async def render(subscription: Subscription, *events: Event, grant: Grant = GRANT) -> Message | None:
    services = ReadingServices()
    await services.load(PARIS)
    renderer = NotificationRenderer(services.contexts, services.broker, BASE_URL)
    return await renderer.render(subscription, events, grant, "urn:ngsi-ld:Notification:1", NOW)


async def told(subscription: Subscription, *events: Event, grant: Grant = GRANT) -> Any:
    """The data of a notification that is sent."""
    message = await render(subscription, *events, grant=grant)
    assert message is not None
    return msgspec.json.decode(message.body)["data"]


async def test_a_notification_says_what_it_is() -> None:
    message = await render(subscribe(), event(entity()))
    assert message is not None
    body = msgspec.json.decode(message.body)
    assert {name: body[name] for name in body if name != "data"} == {
        "id": "urn:ngsi-ld:Notification:1",
        "type": "Notification",
        "subscriptionId": "urn:s:1",
        "notifiedAt": "2026-03-01T00:00:00Z",
    }
    assert message.content_type == "application/json"
    assert message.headers == (
        ("Link", f'<{CONTEXT_URL}>; rel="http://www.w3.org/ns/json-ld#context"; type="application/ld+json"'),
    )
    assert body["data"] == [TOWER]


async def test_json_ld_carries_its_context_inside() -> None:
    message = await render(subscribe(accept="application/ld+json"), event(entity()))
    assert message is not None
    assert message.headers == ()
    body = msgspec.json.decode(message.body)
    assert body["@context"] == CONTEXT_URL
    assert body["data"][0]["@context"] == CONTEXT_URL


async def test_geojson_is_a_feature_collection() -> None:
    message = await render(subscribe(accept="application/geo+json"), event(entity()))
    assert message is not None
    assert message.content_type == "application/geo+json"
    data = msgspec.json.decode(message.body)["data"]
    assert (data["type"], data["@context"]) == ("FeatureCollection", CONTEXT_URL)
    assert data["features"][0]["geometry"] == {"type": "Point", "coordinates": [2, 48]}
    assert data["features"][0]["properties"]["type"] == "Building"


async def test_geojson_without_context_names_it_in_a_header() -> None:
    wish = (("Prefer", "body=json"),)
    message = await render(subscribe(accept="application/geo+json", receiver_info=wish), event(entity()))
    assert message is not None
    assert [name for name, _ in message.headers] == ["Link", "Prefer"]
    assert "@context" not in msgspec.json.decode(message.body)["data"]


async def test_a_deleted_location_is_no_geometry() -> None:
    subscription = subscribe(accept="application/geo+json", triggers=("attributeDeleted",))
    data = await told(subscription, event(without("location"), entity()))
    assert data["features"][0]["geometry"] is None
    assert data["features"][0]["properties"]["location"] == {"type": "GeoProperty", "value": NULL}


async def test_another_context_may_be_asked_for() -> None:
    core = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context.jsonld"
    data = await told(subscribe(jsonld_context=core, accept="application/ld+json"), event(entity()))
    assert EXAMPLE + "name" in data[0]
    assert data[0]["@context"] == core


async def test_headers_of_the_subscriber_are_sent_but_not_all() -> None:
    info = (("X-Key", "secret"), ("Content-Length", "3"), ("host", "elsewhere.example"))
    grant = system_grant("tests", TenantId("north"))
    message = await render(subscribe(receiver_info=info), event(entity()), grant=grant)
    assert message is not None
    assert message.headers[1:] == (("NGSILD-Tenant", "north"), ("X-Key", "secret"))


async def test_simplified_and_projections_and_datasets() -> None:
    shown = await told(subscribe(format="simplified", pick="id,name", dataset_ids=("urn:d:de",)), event(entity()))
    assert shown == [{"id": "urn:b:tower", "name": "Eiffelturm"}]
    height = CONTEXT.expand_term("height")
    shown = await told(subscribe(format="concise", attributes=(height,)), event(entity()))
    assert shown == [{"id": "urn:b:tower", "type": "Building", "height": {"value": 330, "unitCode": "MTR"}}]
    (only,) = await told(subscribe(format="simplified", lang="de", omit="type,name"), event(entity()))
    assert only["street"] == "Allee"
    assert only.keys().isdisjoint({"type", "name"})


async def test_nothing_left_is_not_sent() -> None:
    assert await render(subscribe(pick="nothing"), event(entity())) is None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("height", {"type": "Property", "value": 331}, {"previousValue": 330, "value": 331}),
        ("locatedIn", {"type": "Relationship", "object": "urn:c:x"}, {"previousObject": "urn:c:paris"}),
        (
            "street",
            {"type": "LanguageProperty", "languageMap": {"fr": "Rue"}},
            {"previousLanguageMap": {"fr": "Avenue", "de": "Allee"}, "languageMap": {"fr": "Rue"}},
        ),
        ("category", {"type": "VocabProperty", "vocab": "museum"}, {"previousVocab": "monument", "vocab": "museum"}),
        ("address", {"type": "JsonProperty", "json": [1]}, {"previousJson": {"city": "Paris"}, "json": [1]}),
        (
            "owners",
            {"type": "ListRelationship", "objectList": [{"object": "urn:o:3"}]},
            {"previousObjectList": [{"object": "urn:o:1"}, {"object": "urn:o:2"}]},
        ),
    ],
)
async def test_changes_show_what_was_there_before(name: str, value: Any, expected: dict[str, Any]) -> None:
    (shown,) = await told(subscribe(show_changes=True), event(entity(**{name: value}), entity()))
    assert expected.items() <= shown[name].items()
    assert not [other for other in shown if other != name and "previous" in str(shown[other])]


async def test_other_types_and_scopes_are_shown_as_they_are() -> None:
    after = replace(entity(), scope=["/a"])
    items = tuple(
        EventItem(Iri(name), "", "updated", *(Instance(kind="Property", value=raw(v)) for v in (["/b"], ["/a"])))
        for name in ("scope", "type")
    )
    change = replace(event(after), items=items)
    (shown,) = await told(subscribe(show_changes=True, triggers=("attributeDeleted",)), change)
    assert shown == {**TOWER, "scope": "/a"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("height", {"type": "Property", "value": NULL}),
        ("locatedIn", {"type": "Relationship", "object": NULL}),
        ("location", {"type": "GeoProperty", "value": NULL}),
        ("street", {"type": "LanguageProperty", "languageMap": {"@none": NULL}}),
        ("category", {"type": "VocabProperty", "vocab": NULL}),
        ("address", {"type": "JsonProperty", "json": NULL}),
        ("owners", {"type": "ListRelationship", "objectList": NULL}),
    ],
)
async def test_a_deleted_attribute_is_null(name: str, expected: dict[str, Any]) -> None:
    change = event(without(name), entity())
    (shown,) = await told(subscribe(triggers=("attributeDeleted",)), change)
    assert shown[name] == expected
    assert shown.keys() == TOWER.keys()
    (timed,) = await told(subscribe(triggers=("attributeDeleted",), sys_attrs=True), change)
    assert timed[name]["deletedAt"] == "2026-02-01T12:00:00Z"
    (unasked,) = await told(subscribe(), change)
    assert name not in unasked


async def test_a_deleted_instance_is_null_beside_the_others() -> None:
    change = event(entity(name={"type": "Property", "value": "Eiffel Tower"}), entity())
    (shown,) = await told(subscribe(triggers=("attributeDeleted",)), change)
    assert shown["name"] == [
        {"type": "Property", "value": "Eiffel Tower"},
        {"type": "Property", "value": NULL, "datasetId": "urn:d:de"},
    ]
    (bare,) = await told(subscribe(triggers=("attributeDeleted",), format="simplified"), change)
    assert bare["name"] == {"dataset": {"@none": "Eiffel Tower", "urn:d:de": NULL}}


async def test_all_instances_gone_are_one_null() -> None:
    (shown,) = await told(subscribe(triggers=("attributeDeleted",)), event(without("name"), entity()))
    assert shown["name"] == {"type": "Property", "value": NULL}


async def test_a_deleted_entity_says_when_and_no_more() -> None:
    gone = event(entity(), kind="deleted")
    expected = {"id": "urn:b:tower", "type": "Building", "deletedAt": "2026-02-01T12:00:00Z"}
    for form in ("normalized", "simplified"):
        assert await told(subscribe(format=form, triggers=("entityDeleted",)), gone) == [expected]
    (timed,) = await told(subscribe(triggers=("entityDeleted",), sys_attrs=True), gone)
    assert timed.keys() == {"id", "type", "createdAt", "modifiedAt", "deletedAt"}


async def test_a_deleted_entity_tells_of_watched_attributes_to_those_who_ask_for_deletions() -> None:
    watched = (CONTEXT.expand_term("height"),)
    subscription = subscribe(triggers=("attributeDeleted",), watched_attributes=watched)
    (shown,) = await told(subscription, event(entity(), kind="deleted"))
    assert shown.pop("deletedAt")
    assert shown == {"id": "urn:b:tower", "type": "Building", "height": {"type": "Property", "value": NULL}}


async def test_a_deleted_entity_shows_what_it_was_where_changes_are_shown() -> None:
    gone = event(entity(), kind="deleted")
    (shown,) = await told(subscribe(triggers=("entityDeleted",), show_changes=True), gone)
    assert shown["height"] == {"type": "Property", "value": NULL, "previousValue": 330}
    assert shown.keys() == {*TOWER, "deletedAt"}


async def test_linked_entities_stand_inside_or_beside() -> None:
    (inside,) = await told(subscribe(join="inline", pick="id,locatedIn"), event(entity()))
    assert inside["locatedIn"]["entity"] == PARIS
    beside = await told(subscribe(join="flat", pick="id,locatedIn"), event(entity()))
    assert [one["id"] for one in beside] == ["urn:b:tower", "urn:c:paris"]


async def test_the_grant_of_now_decides_what_is_told() -> None:
    height = CONTEXT.expand_term("height")
    hiding = make_grant(TenantId("default"), "tests", "read", hidden=frozenset({Iri(height)}))
    change = event(without("height"), entity())
    subscription = subscribe(triggers=("attributeDeleted",), show_changes=True)
    (shown,) = await told(subscription, change, grant=hiding)
    assert "height" not in shown
    (gone,) = await told(subscription, event(entity(), kind="deleted"), grant=hiding)
    assert "height" not in gone
    low = parse_q("height<100", CONTEXT.expand_term)
    assert (
        await render(subscription, change, grant=make_grant(TenantId("default"), "t", "read", row_filter=low)) is None
    )


async def test_a_periodic_notification_tells_how_things_are() -> None:
    services = ReadingServices()
    renderer = NotificationRenderer(services.contexts, services.broker, BASE_URL)
    message = await renderer.render_state(subscribe(), [entity(), entity(PARIS)], GRANT, "urn:n:1", NOW)
    assert message is not None
    assert msgspec.json.decode(message.body)["data"] == [TOWER, PARIS]
    assert await renderer.render_state(subscribe(), [], GRANT, "urn:n:1", NOW) is None
