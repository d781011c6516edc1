"""Entities to JSON text: one representation, one context. Spec: CIM 009 4.5.1 to 4.5.4, 4.5.16, 4.5.23.

``render_entity`` gives an object without ``@context``: such bytes can be kept and put together to lists.
``with_context`` adds the member for readers of JSON-LD.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from stadtkern.errors import TooManyResults
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant
from stadtkern.query.projection import Projection
from stadtkern.views.ngsild.parse_node import listed
from stadtkern.views.ngsild.render_instance import InstanceRenderer, add_system_times, shown_instances
from stadtkern.views.ngsild.representation import Representation

Linked = Mapping[EntityId, Entity]
"""Entities that relationships point to, by id, as far as the reader may see them."""

_encode = msgspec.json.Encoder().encode
_NO_LINKS: Linked = {}
MAX_COPIED = 64 * 1024 * 1024
"""Most bytes of linked entities inside of others in one answer: each stands wherever it is pointed to."""


def render_entity(
    entity: Entity,
    context: Context,
    representation: Representation,
    *,
    now: Instant,
    linked: Linked = _NO_LINKS,
    projection: Projection | None = None,
) -> bytes:
    """Render one entity as JSON text, without ``@context``; as a GeoJSON Feature where that is asked for.

    now: attributes that expired by then are not shown. linked: for ``join=inline``. projection: instead of that
    in the representation, for linked entities beside the one asked for.
    """
    return EntityRenderer(context, representation, now, linked).render(entity, projection)


class EntityRenderer:
    """Renders the entities of one answer."""

    __slots__ = ("_compact", "_copied", "_instances", "_linked", "_now", "_representation", "_sizes")

    def __init__(
        self, context: Context, representation: Representation, now: Instant, linked: Linked = _NO_LINKS
    ) -> None:
        self._compact = context.compact_iri
        self._representation = representation
        self._now = now
        self._copied = 0
        self._sizes: dict[EntityId, int] = {}
        self._linked = linked if representation.join == "inline" else _NO_LINKS
        self._instances = InstanceRenderer(
            context,
            now,
            form=representation.format,
            sys_attrs=representation.sys_attrs,
            lang=representation.lang,
        )

    def render(self, entity: Entity, projection: Projection | None = None) -> bytes:
        """Render one entity as JSON text."""
        return _encode(self.tree(entity, projection))

    def tree(self, entity: Entity, projection: Projection | None = None) -> dict[str, Any]:
        """Give one entity as a tree; empty if the projection leaves nothing of it."""
        shown = self._representation.projection if projection is None else projection
        trail = (*self._representation.contained_by, entity.id)
        tree = self._members(entity, shown, trail, self._representation.join_level)
        return self._feature(entity, shown, tree) if self._representation.geojson else tree

    def shows_anything(self, entity: Entity) -> bool:
        """Tell whether the projection and the dataset ids leave anything of the entity. Spec: CIM 009 5.7.1.4."""
        return bool(self._members(entity, self._representation.projection, (), 0))

    def _members(self, entity: Entity, projection: Projection, trail: tuple[str, ...], levels: int) -> dict[str, Any]:
        tree: dict[str, Any] = {"id": entity.id, "type": _one_or_all([self._compact(type_) for type_ in entity.types])}
        if entity.scope:
            tree["scope"] = _one_or_all(entity.scope)
        if self._representation.sys_attrs:
            add_system_times(tree, entity.created_at, entity.modified_at, entity.deleted_at, entity.expires_at)
        everything = projection.is_everything
        if not everything:
            tree = {name: value for name, value in tree.items() if projection.shows_member(name)}
        for name, instances in entity.attributes.items():
            if not everything and not projection.shows(name):
                continue
            if shown := shown_instances(instances, self._now, self._representation.dataset_ids):
                inner = projection.linked(name) if self._linked else projection
                tree[self._compact(name)] = self._attribute(shown, inner, trail, levels)
        return tree

    def _attribute(self, instances: list[Instance], projection: Projection, trail: tuple[str, ...], levels: int) -> Any:
        if not self._linked or levels < 1 or instances[0].kind not in ("Relationship", "ListRelationship"):
            return self._instances.attribute(instances)
        return self._joined(instances, projection, trail, levels)

    def _joined(self, instances: list[Instance], projection: Projection, trail: tuple[str, ...], levels: int) -> Any:
        """Give a relationship with the entities it points to inside. Spec: CIM 009 4.5.23.2, 4.5.23.3."""
        if self._representation.format != "simplified":
            trees = [self._with_entities(instance, projection, trail, levels) for instance in instances]
            return _one_or_all(trees)
        values = {one.dataset_id or "@none": self._simplified(one, projection, trail, levels) for one in instances}
        return next(iter(values.values())) if len(values) == 1 else {"dataset": values}

    def _with_entities(
        self, instance: Instance, projection: Projection, trail: tuple[str, ...], levels: int
    ) -> dict[str, Any]:
        tree = self._instances.instance(instance)
        targets = msgspec.json.decode(instance.value)
        found = [
            self._target(target, projection, trail, levels)
            for target in listed(targets)
            if self._follows(target, trail)
        ]
        if found and isinstance(targets, str):
            tree["entity"] = found[0]
        elif found:
            tree["entityList"] = found
        return tree

    def _simplified(self, instance: Instance, projection: Projection, trail: tuple[str, ...], levels: int) -> Any:
        """Give the linked entities in place of their ids; an id where there is nothing to show."""
        targets = msgspec.json.decode(instance.value)
        shown = [
            self._target(target, projection, trail, levels) if self._follows(target, trail) else target
            for target in listed(targets)
        ]
        return shown[0] if isinstance(targets, str) else shown

    def _follows(self, target: Any, trail: tuple[str, ...]) -> bool:
        return target in self._linked and target not in trail

    def _target(self, target: EntityId, projection: Projection, trail: tuple[str, ...], levels: int) -> dict[str, Any]:
        entity = self._linked[target]
        size = self._sizes.get(target) or self._sizes.setdefault(target, len(_encode(entity)))
        self._copied += size
        if self._copied > MAX_COPIED:
            raise TooManyResults(
                f"The entities inside of others would have more than {MAX_COPIED} bytes",
                hint="lower limit or joinLevel, or ask for join=flat, which shows each once",
            )
        return self._members(entity, projection, (*trail, target), levels - 1)

    def _feature(self, entity: Entity, projection: Projection, tree: dict[str, Any]) -> dict[str, Any]:
        """Turn the members of an entity into a GeoJSON Feature. Spec: CIM 009 4.5.16.2, 4.5.17.1."""
        tree.pop("id", None)
        return {
            "id": entity.id,
            "type": "Feature",
            "geometry": self._geometry(entity, projection),
            "properties": tree,
        }

    def _geometry(self, entity: Entity, projection: Projection) -> Raw | None:
        """Give the geometry: the default instance, or the only one that was asked for. Spec: CIM 009 4.5.16.1."""
        name = self._representation.geometry_property
        if name in projection.omit:
            return None
        instances = shown_instances(entity.attributes.get(name, []), self._now, self._representation.dataset_ids)
        for instance in instances:
            if (
                instance.kind == "GeoProperty"
                and instance.deleted_at is None
                and (not instance.dataset_id or len(instances) == 1)
            ):
                return instance.value
        return None


def with_context(body: bytes, context: Context) -> bytes:
    """Add ``@context`` to a rendered object. Spec: CIM 009 6.3.5 (application/ld+json)."""
    member = b'"@context":' + context_text(context)
    return body[:-1] + (b"," if len(body) > 2 else b"") + member + b"}"


def context_text(context: Context) -> bytes:
    """Give the value of ``@context`` as JSON text: what the request named."""
    return _encode(context.reference)


def render_list(bodies: Iterable[bytes]) -> bytes:
    """Put rendered entities together to a JSON array."""
    return b"[" + b",".join(bodies) + b"]"


def render_feature_collection(features: Iterable[bytes], context: Context | None = None) -> bytes:
    """Put rendered Features together. context: for readers who want it inside the body. Spec: CIM 009 4.5.16.3."""
    body = b'{"type":"FeatureCollection","features":[' + b",".join(features) + b"]}"
    return body if context is None else with_context(body, context)


def next_expiry(entity: Entity, now: Instant) -> Instant | None:
    """Give the first instant at which an attribute that is shown now will not be; until then the bytes hold."""
    times = [
        instance.expires_at
        for instances in entity.attributes.values()
        for instance in instances
        if instance.expires_at is not None and instance.expires_at > now
    ]
    return min(times, default=None)


def targets_of(entity: Entity, attribute: Iri | None = None) -> list[EntityId]:
    """List the entities that an entity's relationships (or that attribute) point to, each once, in order."""
    found: dict[EntityId, None] = {}
    for instances in entity.attributes.values() if attribute is None else [entity.attributes.get(attribute, [])]:
        for instance in instances:
            if instance.kind in ("Relationship", "ListRelationship"):
                found.update(dict.fromkeys(listed(msgspec.json.decode(instance.value))))
    return list(found)


def _one_or_all(values: list[Any]) -> Any:
    return values[0] if len(values) == 1 else values
