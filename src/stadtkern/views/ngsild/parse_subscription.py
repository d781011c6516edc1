"""Subscriptions in request bodies: whole ones, and the fragments that change them.

A fragment replaces whole members, as the standard wants it; null and NGSI-LD Null remove one.
Spec: CIM 009 5.2.12 (Subscription), 5.2.33 (EntitySelector), 5.2.13 (GeoQuery), 5.8.1.4, 5.8.2.4.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final, cast
from urllib.parse import unquote

import msgspec
from msgspec.structs import replace

from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import Context
from stadtkern.model.change import SCOPE
from stadtkern.model.change import TYPE as TYPES
from stadtkern.model.ids import NGSI_LD_NULL, Iri, is_uri, parse_entity_id
from stadtkern.model.instant import Instant, now
from stadtkern.model.subscription import (
    DEFAULT_TRIGGERS,
    TRIGGERS,
    EntitySelector,
    Subscription,
    SubscriptionId,
    Trigger,
)
from stadtkern.query.filter import Filter, link_depth
from stadtkern.query.geoquery import parse_geo_query
from stadtkern.query.pattern import compile_pattern
from stadtkern.query.projection import parse_projection
from stadtkern.query.q import parse_q
from stadtkern.query.scopeq import parse_scope_q
from stadtkern.query.typeselection import parse_type_selection, translate_types
from stadtkern.views.ngsild.parse_members import (
    located,
    read_amount,
    read_boolean,
    read_list,
    read_members,
    read_text,
    read_texts,
    read_uri,
    read_word,
    refuse_misspelt,
)
from stadtkern.views.ngsild.parse_node import point
from stadtkern.views.ngsild.parse_notification_params import parse_notification
from stadtkern.views.ngsild.parse_terms import expand_attribute, parse_dataset_id, parse_time
from stadtkern.views.ngsild.render_language import parse_lang

TYPE: Final = "Subscription"
ANY_TYPE: Final = "*"
MAX_BYTES: Final = 64 * 1024
"""Largest subscription as it is stored: all of a tenant's are held in memory."""
MAX_SELECTORS: Final = 100
MAX_LINKS: Final = 3
"""Most relationships in a row that q may follow: each is looked up at every change."""
Changes = dict[str, Any]
"""New values of the Struct's fields; ``given`` holds names that were written although they equal their default."""
_OUTPUT: Final = frozenset({"status", "createdAt", "modifiedAt", "@context"})
"""What this server says of a subscription; ignored where a client sends it back."""


def parse_subscription_id(text: object) -> SubscriptionId:
    """Check the id of a subscription. Raises: BadRequestData."""
    if not isinstance(text, str) or not is_uri(text):
        raise BadRequestData(f"The id {str(text)[:80]!r} of a subscription is not a URI", pointer="/id")
    return SubscriptionId(text)


def parse_subscription(tree: Mapping[str, Any], context: Context, address: str) -> Subscription:
    """Read a whole subscription. address: where its context can be found again.

    Raises: BadRequestData, TooComplexQuery. Spec: CIM 009 5.8.1.4.
    """
    if tree.get("type") != TYPE:
        raise BadRequestData(f"The type of a subscription is {TYPE!r}", pointer="/type")
    if tree.get("notification") is None:
        raise BadRequestData("The subscription has no notification", pointer="/notification")
    id = parse_subscription_id(tree["id"]) if "id" in tree else new_id()
    changes = parse_changes(tree, context)
    made = Subscription(id=id, context=address, **changes)
    check_whole(made)
    return made


def new_id() -> SubscriptionId:
    """Make an id for a subscription that came without one."""
    return SubscriptionId(f"urn:ngsi-ld:Subscription:{uuid.uuid4()}")


def parse_changes(tree: Mapping[str, Any], context: Context) -> Changes:
    """Read the members that are there. What is to be removed gets its default. Raises: BadRequestData."""
    refuse_misspelt({name: value for name, value in tree.items() if name not in _OUTPUT}, "", _KNOWN)
    if "csf" in tree:
        # there are no other context sources yet that it could choose from
        _read_q(tree["csf"], "/csf", context)
    if tree.get("type", TYPE) != TYPE:
        raise BadRequestData(f"The type of a subscription is {TYPE!r}", pointer="/type")
    changes: Changes = {}
    given: list[str] = []
    for name, (field, read) in _READERS.items():
        if name not in tree:
            continue
        value = tree[name]
        if value is None or value == NGSI_LD_NULL:
            changes[field] = _DEFAULTS.get(field)
        else:
            changes[field] = read(value, f"/{name}", context)
            given.append(name)
    if "notification" in tree:
        changes["notification"], more = parse_notification(tree["notification"], context)
        given += more
    changes["given"] = tuple(given)
    return changes


def apply_changes(present: Subscription, changes: Changes, old: Context, new: Context, address: str) -> Subscription:
    """Put the members of a fragment in place of the present ones.

    old, new: the contexts in which the present texts and those of the fragment were written; address: of the new one.
    A subscription has one context. Names of types are translated; where a text in another language would change its
    meaning with the context, the fragment is refused.

    Raises: BadRequestData, TooComplexQuery.
    """
    kept = [name for name in present.given if _field_of(name) not in changes]
    changes = {**changes, "given": (*kept, *changes["given"])}
    edited = replace(present, **changes)
    if old.key != new.key:
        edited = _settle_context(edited, changes, old, new, address)
    if "expires_at" not in changes and edited.expires_at is not None:
        check_whole(replace(edited, expires_at=None))
    else:
        check_whole(edited)
    return edited


def _field_of(given: str) -> str:
    name = given.partition(".")[0]
    return "notification" if name in ("notification", "keyValues") else _READERS[name][0]


def _settle_context(edited: Subscription, changes: Changes, old: Context, new: Context, address: str) -> Subscription:
    """Choose the context for texts of two: the old one as long as the new texts mean the same in it."""
    fresh, kept = _blank(edited, changes, fresh=True), _blank(edited, changes, fresh=False)
    if _meaning(fresh, old) == _meaning(fresh, new):
        return _translate(edited, new, old) if "entities" in changes else edited
    if _meaning(kept, old) != _meaning(kept, new):
        raise BadRequestData(
            "The texts of this fragment and those that stay were written under different @contexts",
            hint="send the fragment under the subscription's own @context, or send q, geoQ and notification together",
        )
    moved = edited if "entities" in changes else _translate(edited, old, new)
    return replace(moved, context=address)


def _blank(edited: Subscription, changes: Changes, *, fresh: bool) -> Subscription:
    """Leave those texts that are of the fragment, or those that are not."""
    notification = edited.notification
    if ("notification" in changes) != fresh:
        notification = replace(notification, pick=None, omit=None)
    blanks: Changes = {field: _DEFAULTS.get(field) for field in _LANGUAGE_FIELDS if (field in changes) != fresh}
    return replace(edited, **blanks, notification=notification)


_LANGUAGE_FIELDS: Final = ("q", "geo_q", "expand_values", "json_keys")


def _meaning(subscription: Subscription, context: Context) -> object:
    """Give what the texts in query languages mean under a context, types aside."""
    expand = context.expand_term
    values = frozenset(subscription.expand_values)
    return (
        None if subscription.q is None else parse_q(unquote(subscription.q), expand, expand_values=values),
        None if subscription.geo_q is None else parse_geo_text(subscription.geo_q, context),
        parse_projection(subscription.notification.pick, subscription.notification.omit, None, expand),
        sorted(map(expand, values)),
        sorted(map(expand, subscription.json_keys)),
    )


def _translate(subscription: Subscription, of: Context, into: Context) -> Subscription:
    """Write the types in the names of another context."""
    entities = tuple(
        one if one.type is None else replace(one, type=translate_types(one.type, of.expand_term, into.compact_iri))
        for one in subscription.entities
    )
    return replace(subscription, entities=entities)


def check_whole(subscription: Subscription) -> None:
    """Check what members say together. Raises: BadRequestData. Spec: CIM 009 5.2.12, 5.8.1.4."""
    periodic = subscription.time_interval_s is not None
    if periodic and subscription.watched_attributes is not None:
        raise BadRequestData("timeInterval and watchedAttributes exclude one another", pointer="/timeInterval")
    if periodic and subscription.throttling_s is not None:
        raise BadRequestData("timeInterval and throttling exclude one another", pointer="/throttling")
    if periodic and subscription.notification.show_changes:
        raise BadRequestData("timeInterval tells states, no changes", pointer="/notification/showChanges")
    if not subscription.entities and subscription.watched_attributes is None:
        raise BadRequestData("A subscription needs entities or watchedAttributes", pointer="/entities")
    if periodic and not subscription.entities:
        raise BadRequestData("timeInterval needs entities", pointer="/entities")
    if subscription.is_over(now()):
        raise BadRequestData("expiresAt lies in the past", pointer="/expiresAt")
    if len(msgspec.json.encode(subscription)) > MAX_BYTES:
        raise BadRequestData(f"The subscription is longer than {MAX_BYTES} bytes")


def parse_geo_text(text: str, context: Context) -> Filter:
    """Compile the GeoQuery as it is kept. Raises: BadRequestData."""
    members = cast("dict[str, Any]", msgspec.json.decode(text))
    name = members.get("geoproperty")
    attribute = Iri("location") if name is None else context.expand_term(name)
    return parse_geo_query(members["georel"], members["geometry"], members["coordinates"], attribute)


def _read_entities(tree: Any, pointer: str, context: Context) -> tuple[EntitySelector, ...]:
    selectors = read_list(tree, pointer)
    if len(selectors) > MAX_SELECTORS:
        raise BadRequestData(f"There are more than {MAX_SELECTORS} selectors of entities", pointer=pointer)
    return tuple(_read_selector(one, point(pointer, at), context) for at, one in enumerate(selectors))


def _read_selector(tree: Any, pointer: str, context: Context) -> EntitySelector:
    members = read_members(tree, pointer, ("id", "idPattern", "type"))
    if not members:
        raise BadRequestData("The selector says nothing of an entity", pointer=pointer)
    type = None
    if members.get("type", ANY_TYPE) != ANY_TYPE:
        type = read_text(members["type"], point(pointer, "type"))
        with located(point(pointer, "type")):
            parse_type_selection(type, context.expand_term)
    pattern = None
    if "idPattern" in members:
        pattern = read_text(members["idPattern"], point(pointer, "idPattern"))
        with located(point(pointer, "idPattern")):
            compile_pattern(pattern, "idPattern")
    ids = read_texts(members["id"], point(pointer, "id")) if "id" in members else ()
    return EntitySelector(
        type=type, ids=tuple(parse_entity_id(id, point(pointer, "id")) for id in ids), id_pattern=pattern
    )


def _read_attributes(tree: Any, pointer: str, context: Context) -> tuple[Iri, ...]:
    """Read watched attributes; the scope and the types of an entity can be watched like one."""
    names = (read_text(name, pointer) for name in read_list(tree, pointer))
    return tuple(
        dict.fromkeys(
            Iri(name) if name in (SCOPE, TYPES) else expand_attribute(name, context, pointer) for name in names
        )
    )


def _read_triggers(tree: Any, pointer: str, context: Context) -> tuple[Trigger, ...]:
    del context
    words = [read_word(word, pointer, TRIGGERS) for word in read_list(tree, pointer)]
    return cast("tuple[Trigger, ...]", tuple(dict.fromkeys(words)))


def _read_q(tree: Any, pointer: str, context: Context) -> str:
    text = read_text(tree, pointer)
    with located(pointer):
        found = parse_q(unquote(text), context.expand_term)
    if link_depth(found) > MAX_LINKS:
        raise BadRequestData(f"q follows more than {MAX_LINKS} relationships in a row", pointer=pointer)
    return text


def _read_geo_q(tree: Any, pointer: str, context: Context) -> str:
    members = read_members(tree, pointer, ("georel", "geometry", "coordinates", "geoproperty"))
    for name in ("georel", "geometry", "geoproperty"):
        if name in members or name != "geoproperty":
            read_text(members.get(name), point(pointer, name))
    if not isinstance(members.get("coordinates"), list | str):
        raise BadRequestData("coordinates is not an array", pointer=point(pointer, "coordinates"))
    text = msgspec.json.encode(members).decode()
    with located(pointer):
        parse_geo_text(text, context)
    return text


def _read_scope_q(tree: Any, pointer: str, context: Context) -> str:
    del context
    text = read_text(tree, pointer)
    with located(pointer):
        parse_scope_q(text)
    return text


def _read_lang(tree: Any, pointer: str, context: Context) -> str:
    del context
    text = read_text(tree, pointer)
    with located(pointer):
        parse_lang(text)
    return text


def _read_datasets(tree: Any, pointer: str, context: Context) -> tuple[str, ...]:
    del context
    return tuple(parse_dataset_id(one, pointer) for one in read_texts(tree, pointer))


def _read_expiry(tree: Any, pointer: str, context: Context) -> Instant:
    del context
    return parse_time(tree, pointer)


def _read_names(tree: Any, pointer: str, context: Context) -> tuple[str, ...]:
    return tuple(name for name in read_texts(tree, pointer) if expand_attribute(name, context, pointer))


def _plain(read: Callable[[Any, str], Any]) -> Callable[[Any, str, Context], Any]:
    """Read what no context changes."""

    def read_plain(tree: Any, pointer: str, context: Context) -> Any:
        del context
        return read(tree, pointer)

    return read_plain


_READERS: Final[dict[str, tuple[str, Callable[[Any, str, Context], Any]]]] = {
    "subscriptionName": ("name", _plain(read_text)),
    "description": ("description", _plain(read_text)),
    "entities": ("entities", _read_entities),
    "watchedAttributes": ("watched_attributes", _read_attributes),
    "notificationTrigger": ("triggers", _read_triggers),
    "timeInterval": ("time_interval_s", _plain(read_amount)),
    "q": ("q", _read_q),
    "geoQ": ("geo_q", _read_geo_q),
    "scopeQ": ("scope_q", _read_scope_q),
    "lang": ("lang", _read_lang),
    "datasetId": ("dataset_ids", _read_datasets),
    "isActive": ("is_active", _plain(read_boolean)),
    "expiresAt": ("expires_at", _read_expiry),
    "throttling": ("throttling_s", _plain(read_amount)),
    "jsonldContext": ("jsonld_context", _plain(read_uri)),
    "localOnly": ("local_only", _plain(read_boolean)),
    "splitEntities": ("split_entities", _plain(read_boolean)),
    "expandValues": ("expand_values", _read_names),
    "jsonKeys": ("json_keys", _read_names),
}
"""Members that may be left out: the field each is kept in, and what reads it."""
_KNOWN: Final = (*_READERS, "id", "type", "notification", "csf")
_DEFAULTS: Final[Changes] = {
    "entities": (),
    "triggers": DEFAULT_TRIGGERS,
    "is_active": True,
    "local_only": False,
    "split_entities": False,
    "expand_values": (),
    "json_keys": (),
}
"""What fields have that were removed, where it is not None."""
