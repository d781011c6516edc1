"""Watches and events for tests of matching, made by chance from few names, so that they meet."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

from stadtkern.jsonld.context import Context, compile_context
from stadtkern.model.change import SCOPE, TYPE
from stadtkern.model.entity import Entity, Instance
from stadtkern.model.event import Event, EventItem, EventVerb
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.subscription import (
    TRIGGERS,
    Endpoint,
    EntitySelector,
    NotificationParams,
    Position,
    Subscription,
    SubscriptionId,
)
from stadtkern.notify.watch import Watch, compile_watch

VOCABULARY = "https://example.org/"
CORE: Context = compile_context({"@vocab": VOCABULARY}, {})
NAMES = ("level", "name", "tags", "state")
TEXTS = ("a", "b", "station 1", "station 12", "Ä")
SCOPES = ("/town", "/town/north", "/town/north/1", "/river")
LINKED = EntityId("urn:linked:1")


def iri(name: str) -> Iri:
    return CORE.expand_term(name)


def watch(id: str = "urn:s:1", *, types: str | None = "Meter", **members: Any) -> Watch:
    """A watch of the entities of some types; the members are those of the Subscription."""
    if "entities" not in members:
        members["entities"] = () if types is None else (EntitySelector(type=types),)
    if "attributes" in members:
        members["watched_attributes"] = tuple(map(iri, members.pop("attributes")))
    notification = NotificationParams(endpoint=Endpoint(uri="http://receiver.example/"))
    return compile_watch(Subscription(id=SubscriptionId(id), notification=notification, **members), CORE)


def instance(value: Any, kind: Any = "Property", **members: Any) -> Instance:
    return Instance(kind=kind, value=raw(value), **members)


def point(longitude: float, latitude: float) -> Instance:
    return instance({"type": "Point", "coordinates": [longitude, latitude]}, "GeoProperty")


def event(
    kind: EventVerb = "updated",
    changed: dict[str, EventVerb] | None = None,
    *,
    id: str = "urn:m:1",
    types: tuple[str, ...] = ("Meter",),
    scope: tuple[str, ...] = (),
    seq: int = 1,
    **attributes: Any,
) -> Event:
    """An event; the attributes are values of Properties or whole Instances."""
    state = {
        iri(name): [value if isinstance(value, Instance) else instance(value)] for name, value in attributes.items()
    }
    verbs = dict.fromkeys(attributes, kind) if changed is None else changed
    items = tuple(EventItem(name if name in {SCOPE, TYPE} else iri(name), "", verb) for name, verb in verbs.items())
    entity = Entity(id=EntityId(id), types=[iri(one) for one in types], scope=list(scope), attributes=state)
    return Event(position=Position(0, seq), at=Instant(seq), n=1, id=entity.id, kind=kind, entity=entity, items=items)


def some_watch(random: Random, number: int) -> Watch:
    """Any subscription that there may be."""
    members: dict[str, Any] = {"entities": tuple(_some_selector(random) for _ in range(random.choice([0, 1, 1, 1, 2])))}
    if random.random() < 0.4:
        members["attributes"] = random.sample((*NAMES, "scope", "type"), random.randint(1, 2))
    if random.random() < 0.5:
        members["triggers"] = tuple(random.sample(TRIGGERS, random.randint(1, 3)))
    if random.random() < 0.6:
        members["q"] = random.choice(";;|").join(_some_term(random) for _ in range(random.randint(1, 3)))
    if random.random() < 0.2:
        members["scope_q"] = random.choice(["/town", "/town/#", "/+/north", "/town/+/1", "/river,/town", "/#", "/x"])
    if random.random() < 0.3:
        members["geo_q"] = _some_geo(random)
    return watch(f"urn:s:{number}", **members)


def _some_selector(random: Random) -> EntitySelector:
    types = ["Meter", "Meter", "Valve", "Meter,Valve", "(Meter;Valve)", "(Meter;Valve)|Pump", None]
    patterns = [None, None, None, "^urn:m:1", "2$", "m:[12]", "^urn:(m|x):3", "^urn:m:1?"]
    ids = tuple(EntityId(f"urn:m:{n}") for n in random.sample(range(4), 2)) if random.random() < 0.2 else ()
    return EntitySelector(type=random.choice(types), ids=ids, id_pattern=random.choice(patterns))


def _some_term(random: Random) -> str:
    name = random.choice(NAMES)
    number, text = random.randint(-2, 3), random.choice(TEXTS)
    return random.choice(
        [
            f"{name}>{number}",
            f"{name}<={number}",
            f"{name}=={number}",
            f"{name}=={number}..{number + 1}",
            f"{name}=={number},{number + 2}",
            f'{name}=="{text}"',
            f'{name}=="{text}","b"',
            f'{name}!="{text}"',
            f'{name}~="^{text}"',
            f'{name}~="^station 1?"',
            f'{name}~="1$"',
            f'{name}~="[a-z] 1"',
            f'{name}[deep]=="{text}"',
            f"{name}[deep]>{number}",
            f"{name}.level<{number}",
            f"{name}==true",
            f"!{name}",
            name,
            f"link{{level}}>{number}",
            f'id~="^urn:m:{abs(number)}"',
            "modifiedAt>2020-01-01T00:00:00Z",
        ]
    )


def _some_geo(random: Random) -> str:
    here = [random.choice([-180, 0, 7.6, 7.601, 180]), random.choice([-90, 0, 51.9, 51.901])]
    there = [here[0] - 1 if here[0] > 0 else here[0] + 1, here[1] + 1]
    square = [[here, [there[0], here[1]], there, [here[0], there[1]], here]]
    georel = random.choice(["near;maxDistance==200", "near;maxDistance==2000000", "near;minDistance==10", "disjoint"])
    area = random.choice(["within", "intersects", "contains", "overlaps", "disjoint", "equals"])
    near = {"georel": georel, "geometry": "Point", "coordinates": here}
    inside = {"georel": area, "geometry": "Polygon", "coordinates": square}
    return msgspec.json.encode(random.choice([near, inside])).decode()


def some_event(random: Random, seq: int) -> Event:
    """Any event that there may be."""
    attributes: dict[str, Any] = {}
    for name in random.sample(NAMES, random.randint(0, 3)):
        attributes[name] = _some_value(random)
    if random.random() < 0.6:
        attributes["location"] = _some_place(random)
    if random.random() < 0.3:
        attributes["link"] = instance(LINKED, "Relationship")
    kind: EventVerb = random.choice(["created", "updated", "updated", "deleted"])
    if kind == "updated":
        names = [*attributes, "gone", "scope", "type"]
        verbs: tuple[EventVerb, ...] = ("created", "updated", "deleted")
        changed = {name: random.choice(verbs) for name in random.sample(names, random.randint(0, 2))}
    else:
        changed = dict.fromkeys(attributes, kind)
    return event(
        kind,
        changed,
        id=f"urn:{random.choice('mmmx')}:{random.randrange(20)}",
        types=random.choice([("Meter",), ("Valve",), ("Meter", "Valve"), ("Pump",)]),
        scope=tuple(random.sample(SCOPES, random.randint(0, 2))),
        seq=seq,
        **attributes,
    )


def _some_value(random: Random) -> Any:
    plain = [
        *range(-2, 5),
        1.5,
        *TEXTS,
        True,
        None,
        {"deep": random.choice(["a", 2])},
        [],
        [1, "b", 3],
        {"@value": "a"},
    ]
    value = random.choice(plain)
    subs = {iri("level"): [instance(random.randint(-2, 3))]} if random.random() < 0.3 else {}
    kind = random.choice(["Property", "Property", "JsonProperty"])
    if random.random() < 0.1:
        return instance({"de": "Ä", "en": ["a", "b"]}, "LanguageProperty", subs=subs)
    return instance(value, kind, subs=subs)


def _some_place(random: Random) -> Instance:
    longitude, latitude = random.choice([-180, 0, 7.6, 7.6005, 180]), random.choice([-90, 0, 51.9, 51.9005])
    if random.random() < 0.5:
        return point(longitude, latitude)
    away = random.choice([0.001, 1, 90])
    line = [[longitude, latitude], [longitude - away if longitude > 0 else longitude + away, max(latitude - away, -90)]]
    return instance({"type": "LineString", "coordinates": line}, "GeoProperty")
