"""What one subscription waits for, compiled: filters instead of texts. Spec: CIM 009 5.2.12, 5.2.33, 5.8.6."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import msgspec

from stadtkern.jsonld.context import Context
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.subscription import EntitySelector, Subscription, SubscriptionId, Trigger
from stadtkern.query.filter import And, Filter, HasType, IdIn, IdMatches, Or, all_of, any_of
from stadtkern.query.geoquery import parse_geo_query
from stadtkern.query.q import parse_q
from stadtkern.query.scopeq import parse_scope_q
from stadtkern.query.typeselection import parse_type_selection

Types = frozenset[Iri]
Ids = frozenset[EntityId]
_UPDATED: frozenset[Trigger] = frozenset({"attributeCreated", "attributeUpdated", "attributeDeleted"})


@dataclass(frozen=True, slots=True)
class Choice:
    """One way to be chosen. types, ids: entities have one of these, None means any; rest: what is left to decide."""

    types: Types | None = None
    ids: Ids | None = None
    rest: Filter | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """A subscription as the matcher sees it.

    choices: the entity has to be chosen in one of these ways, and to match ``condition`` (q, geoQ and scopeQ).
    attributes: something has to happen to one of them; None means any. triggers: what ``entityUpdated`` stands for is
    among them in its place. filter: all of it in one, for queries.
    """

    id: SubscriptionId
    choices: tuple[Choice, ...]
    condition: Filter | None
    attributes: frozenset[Iri] | None
    triggers: frozenset[Trigger]
    filter: Filter | None


def compile_watch(subscription: Subscription, context: Context) -> Watch:
    """Compile a subscription. context: the one its texts were written in. Raises: BadRequestData, TooComplexQuery."""
    condition = all_of(
        None if subscription.q is None else _parse_q(subscription, context),
        None if subscription.scope_q is None else parse_scope_q(subscription.scope_q),
        None if subscription.geo_q is None else _parse_geo(subscription.geo_q, context),
    )
    wanted = [_selector_filter(selector, context) for selector in subscription.entities]
    given = [filter for filter in wanted if filter is not None]
    # one that leaves everything open lets all of them in
    chosen = any_of(*given) if given and len(given) == len(wanted) else None
    watched = subscription.watched_attributes
    return Watch(
        id=subscription.id,
        choices=tuple(_choose(selector, context) for selector in subscription.entities) or (Choice(),),
        condition=condition,
        attributes=None if watched is None else frozenset(watched),
        triggers=_expand(subscription.triggers),
        filter=all_of(chosen, condition),
    )


def _expand(triggers: Iterable[Trigger]) -> frozenset[Trigger]:
    """Say ``entityUpdated`` as the combination that it is equivalent to (CIM 009 5.2.12)."""
    expanded = frozenset(triggers)
    return expanded - {"entityUpdated"} | _UPDATED if "entityUpdated" in expanded else expanded


def _parse_q(subscription: Subscription, context: Context) -> Filter:
    """Parse the query; what a URL would have to escape comes escaped in a body as well (CIM 009 4.9, 5.2.12)."""
    return parse_q(
        unquote(subscription.q or ""),
        context.expand_term,
        expand_values=frozenset(subscription.expand_values),
        json_keys=frozenset(subscription.json_keys),
    )


def _parse_geo(text: str, context: Context) -> Filter:
    """Read a GeoQuery object. Spec: CIM 009 5.2.13."""
    given: dict[str, Any] = msgspec.json.decode(text)
    geoproperty = given.get("geoproperty")
    name = Iri("location") if geoproperty is None else context.expand_term(str(geoproperty))
    return parse_geo_query(
        str(given.get("georel", "")), str(given.get("geometry", "")), given.get("coordinates", ""), name
    )


def _selector_filter(selector: EntitySelector, context: Context) -> Filter | None:
    return all_of(
        None if selector.type is None else parse_type_selection(selector.type, context.expand_term),
        IdIn(selector.ids) if selector.ids else None,
        None if selector.id_pattern is None else IdMatches(selector.id_pattern),
    )


def _choose(selector: EntitySelector, context: Context) -> Choice:
    selection = None if selector.type is None else parse_type_selection(selector.type, context.expand_term)
    types = None if selection is None else possible_types(selection)
    exact = selection is None or isinstance(selection, HasType) or _names_only(selection)
    return Choice(
        types=types,
        ids=frozenset(selector.ids) or None,
        rest=all_of(
            None if exact else selection,
            None if selector.id_pattern is None else IdMatches(selector.id_pattern),
        ),
    )


def _names_only(selection: Filter) -> bool:
    return isinstance(selection, Or) and all(isinstance(part, HasType) for part in selection.parts)


def possible_types(selection: Filter) -> Types | None:
    """Give types of which an entity has at least one if it is selected; None where that cannot be told."""
    if isinstance(selection, HasType):
        return frozenset((selection.type,))
    if isinstance(selection, Or):
        found = [types for part in selection.parts if (types := possible_types(part)) is not None]
        return frozenset[Iri]().union(*found) if len(found) == len(selection.parts) else None
    if isinstance(selection, And):
        return next((types for part in selection.parts if (types := possible_types(part)) is not None), None)
    return None
