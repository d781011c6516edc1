"""Finding the subscriptions that a change concerns: by index, against asking each of them.

Run it from the project's folder: ``python -m benchmarks.matching [subscriptions]`` (10,000). Eight kinds of filter,
few of which match an event; spread over 50 types of entities, and all for one type. The ratio is what to compare
between machines.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import Entity, Instance
from stadtkern.model.event import Event, EventItem
from stadtkern.model.ids import DEFAULT_TENANT, EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.json import raw
from stadtkern.model.subscription import (
    Endpoint,
    EntitySelector,
    NotificationParams,
    Position,
    Subscription,
    SubscriptionId,
)
from stadtkern.notify.match import Matcher
from stadtkern.notify.rule import Fired
from stadtkern.notify.watch import Watch, compile_watch
from stadtkern.policy.grant import system_grant
from stadtkern.query.evaluate import compile_matcher

CONTEXT = compile_context({"@vocab": "https://example.org/"}, {})
KINDS = 8
ENTITIES = 1_000
EVENTS = 400
LOOPED = 20
"""Events for which each subscription is asked: that takes its time."""


def subscription(number: int, types: int) -> Subscription:
    """Make one of the kinds in turn; most wait for something that no event brings."""
    turn, kind = divmod(number, KINDS)
    type_ = f"Meter{turn % types}"
    params = NotificationParams(endpoint=Endpoint(uri="http://receiver.example/"))
    base = Subscription(id=SubscriptionId(f"urn:s:{number}"), notification=params)
    entities = (EntitySelector(type=type_),)
    near = '{"georel":"near;maxDistance==5","geometry":"Point","coordinates":[%f,51]}' % (7 + turn / 10_000)
    match kind:
        case 0:
            return replaced(base, entities=(EntitySelector(type=f"Rare{turn}"),))
        case 1:
            return replaced(base, entities=(EntitySelector(type=type_, ids=(EntityId(f"urn:m:{turn}"),)),))
        case 2:
            return replaced(base, entities=(EntitySelector(type=type_, id_pattern=f":{turn}$"),))
        case 3:
            return replaced(base, entities=entities, watched_attributes=(CONTEXT.expand_term(f"other{turn}"),))
        case 4:
            return replaced(base, entities=entities, q=f"level>{turn + 100}")
        case 5:
            return replaced(base, entities=entities, q=f'name~="station {turn}$"')
        case 6:
            return replaced(base, entities=entities, geo_q=near)
        case _:
            watched = (CONTEXT.expand_term("level"),)
            return replaced(base, entities=entities, scope_q=f"/town/{turn}", watched_attributes=watched)


def replaced(base: Subscription, **members: object) -> Subscription:
    """Give a subscription with other members."""
    return Subscription(id=base.id, notification=base.notification, **members)  # pyright: ignore[reportArgumentType]


def events(count: int, types: int) -> Iterator[Event]:
    """Make updates of the level of one meter after another."""
    for seq in range(count):
        number = seq * 7 % ENTITIES
        level = Instance(kind="Property", value=raw(50 + seq % 40))
        place = {"type": "Point", "coordinates": [7 + number / 10_000, 51]}
        entity = Entity(
            id=EntityId(f"urn:m:{number}"),
            types=[CONTEXT.expand_term(f"Meter{number % types}")],
            scope=[f"/town/{number}"],
            attributes={
                CONTEXT.expand_term("level"): [level],
                CONTEXT.expand_term("name"): [Instance(kind="Property", value=raw(f"station {number}"))],
                CONTEXT.expand_term("location"): [Instance(kind="GeoProperty", value=raw(place))],
            },
        )
        items = (EventItem(CONTEXT.expand_term("level"), "", "updated", level, level),)
        at = Instant(seq)
        yield Event(
            position=Position(0, seq), at=at, n=number, id=entity.id, kind="updated", entity=entity, items=items
        )


def measure(told: Callable[[Event], int], happened: list[Event]) -> tuple[float, float]:
    """Give microseconds and subscriptions found, an event."""
    found = sum(told(one) for one in happened)
    start = time.perf_counter()
    for one in happened:
        told(one)
    return (time.perf_counter() - start) / len(happened) * 1e6, found / len(happened)


def ask_each(watches: list[Watch]) -> Callable[[Event], int]:
    """Make the loop that the index stands for, as good as a loop can be: every filter is compiled beforehand."""
    compiled = [(one, None if one.filter is None else compile_matcher(one.filter)) for one in watches]

    def ask(event: Event) -> int:
        fired = Fired(event)
        return sum(fired.concerns(one) and (holds is None or holds(event.entity)) for one, holds in compiled)

    return ask


def main() -> None:
    """Print a row for many types and one for a single type."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    grant = system_grant("benchmark", DEFAULT_TENANT)
    print(f"{count} subscriptions of {KINDS} kinds; microseconds an event")
    print(f"{'types':>6} {'index':>9} {'loop':>12} {'ratio':>7} {'told':>6} {'compile all':>12} {'index all':>10}")
    for types in (50, 1):
        begun = time.perf_counter()
        watches = [compile_watch(subscription(number, types), CONTEXT) for number in range(count)]
        compiled = time.perf_counter()
        matcher = Matcher(watches)
        indexed = time.perf_counter()
        happened = list(events(EVENTS, types))
        index, told = measure(lambda one, m=matcher: len(m.match(one, lambda _: grant)), happened)
        loop, _ = measure(ask_each(watches), happened[:LOOPED])
        print(
            f"{types:>6} {index:>9.0f} {loop:>12.0f} {loop / index:>6.0f}x {told:>6.2f}"
            f" {compiled - begun:>10.2f} s {indexed - compiled:>8.2f} s"
        )


if __name__ == "__main__":
    main()
