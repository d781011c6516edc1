"""Which methods an address takes: what may be made, changed, linked or deleted there. Spec: OGC 18-088 10."""

from __future__ import annotations

from typing import Final

from stadtkern.errors import MethodNotAllowed
from stadtkern.model.sensorthings import TYPES, Relation
from stadtkern.query.odata.tree import Target
from stadtkern.views.sensorthings.addresses import leads_to_set, target_path, target_type

LINKS: Final = frozenset({("Thing", "Locations"), ("Location", "Things"), ("HistoricalLocation", "Locations")})
"""Relations, by type and name, that one link can be taken out of while both ends stay."""
_NOT_MADE_THERE: Final = frozenset({("MultiDatastream", "ObservedProperties"), ("HistoricalLocation", "Locations")})
"""Sets at an entity that nothing new can be posted to: what is there was said when the entity was made."""


def last_relation(target: Target) -> tuple[str, Relation] | None:
    """Give the relation that an address ends with, after the name of the type that it starts from."""
    if len(target.steps) == 1:
        return None
    before = target_type(Target(target.steps[:-1]))
    return before.name, before.relations[target.steps[-1].name]


def methods_of(target: Target) -> tuple[str, ...]:
    """Give the methods that an address takes, OPTIONS and HEAD aside."""
    if target.property is not None:
        return ("GET",)
    if target.ref:
        return ("GET", *_methods_of_links(target))
    if not leads_to_set(target):
        return ("DELETE", "GET", "PATCH", "PUT")
    found = last_relation(target)
    if found is not None and (found[0], found[1].name) in _NOT_MADE_THERE:
        return ("DELETE", "GET")
    return ("DELETE", "GET", "POST")


def _methods_of_links(target: Target) -> tuple[str, ...]:
    found = last_relation(target)
    if found is None:
        return ()
    type, relation = found
    if target.steps[-1].id is not None:
        return ("DELETE",) if (type, relation.name) in LINKS else ()
    if not relation.many:
        return ("PUT",)
    return ("DELETE", "POST") if (type, relation.name) in LINKS else ("POST",)


def check_method(method: str, target: Target) -> None:
    """Refuse what an address does not take. Raises: MethodNotAllowed."""
    methods = methods_of(target)
    if ("GET" if method == "HEAD" else method) in methods:
        return
    allow = (*methods, "OPTIONS")
    found = last_relation(target) if target.ref else None
    if method == "DELETE" and found is not None:
        type, relation = found
        one = TYPES[relation.target].relations[relation.inverse]
        raise MethodNotAllowed(
            f"This link cannot be removed: a {relation.target} cannot be without its {one.name}"
            if relation.many
            else f"This link cannot be removed: a {type} cannot be without its {relation.name}",
            allow=allow,
        )
    raise MethodNotAllowed(f"The method {method[:20]} is not allowed at {target_path(target)}", allow=allow)
