"""Where sets, entities and pages are found: absolute addresses, each of which can be followed as it is printed.

Spec: OGC 18-088 8.1 (control information), 9.2 (resource paths), 9.3.3.7 (server-driven paging).
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from stadtkern.model.sensorthings import SETS, TYPES, EntityType, TypeName
from stadtkern.query.odata.tree import Query, Step, Target

MOUNT: Final = ("sta", "v1.1")
KEY_OPTION: Final = "$skiptoken"
_SAFE: Final = "(),:/*-._~"
"""Characters of a value that stay as they are. Neither ``?``, since a client takes what follows the last one, nor
``=`` and ``$``, since another one looks for the first ``$top=`` and ``$skip=`` in the whole address.
"""


def service_root(base_url: str) -> str:
    """Give the address of the root document. base_url: of the server, the tenant's prefix included."""
    return f"{base_url}/{'/'.join(MOUNT)}"


def entity_address(root: str, type: TypeName, id: int) -> str:
    """Give the address of an entity."""
    return f"{root}/{TYPES[type].set}({id})"


def target_address(root: str, target: Target) -> str:
    """Give the address of the set or the entity that a target names."""
    return f"{root}/{target_path(target)}"


def target_path(target: Target) -> str:
    """Write the steps of a target as they stand in an address."""
    return "/".join(map(_step, target.steps)) + ("/$ref" if target.ref else "")


def _step(step: Step) -> str:
    return step.name if step.id is None else f"{step.name}({step.id})"


def target_type(target: Target) -> EntityType:
    """Give the type of the entities that a target leads to."""
    first, *rest = target.steps
    type = SETS[first.name]
    for step in rest:
        type = TYPES[type.relations[step.name].target]
    return type


def leads_to_set(target: Target) -> bool:
    """Tell whether a target is a set; else it is one entity, or none."""
    last = target.steps[-1]
    if last.id is not None:
        return False
    if len(target.steps) == 1:
        return True
    before = Target(steps=target.steps[:-1])
    return target_type(before).relations[last.name].many


def next_link(address: str, query: Query, shown: int, after: str | None) -> str:
    """Give the address of the page behind one that shows so many entities.

    after: the key of its last entity, where pages go by keys. ``$top`` stands there only when the client gave it,
    before all others: a client that reads it stops following once as many as it asked for were passed, and where
    it asked for no number it wants all.
    """
    options = [("$top", str(query.top))] if query.top is not None else []
    options.append(("$skip", str(query.skip + shown)))
    if after is not None:
        options.append((KEY_OPTION, after))
    options.extend(query.text)
    return f"{address}?" + "&".join(f"{quote(name, safe='$')}={quote(value, safe=_SAFE)}" for name, value in options)
