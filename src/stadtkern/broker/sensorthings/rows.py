"""Rows of Observations: read, checked one by one, and put together into few operations. Spec: OGC 18-088 13.3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
from msgspec import Raw
from msgspec.structs import replace

from stadtkern.broker.apply.history import MAX_LEAD_US, record_instance
from stadtkern.broker.sensorthings.body import Body, Reference, check_value, read_id
from stadtkern.broker.sensorthings.known import Known
from stadtkern.broker.sensorthings.plan import StreamTarget, feature_of, observe, target_of
from stadtkern.errors import BadRequestData, PayloadTooLarge, quoted
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant
from stadtkern.model.json import parse_json
from stadtkern.model.operation import RecordHistory
from stadtkern.model.sensorthings import TYPES, TypeName

MAX_ROWS: Final = 100_000
"""Rows of one request."""
TOGETHER: Final = 500
"""Rows that one operation writes."""
_FEATURE: Final = frozenset({"FeatureOfInterest/id", "FeatureOfInterest/@iot.id"})
_PASSED_OVER: Final = frozenset({"id", "@iot.id"})
_STREAMS: Final[tuple[TypeName, ...]] = ("Datastream", "MultiDatastream")
_groups = msgspec.json.Decoder(list[dict[str, Raw]])
_members = msgspec.json.Decoder(dict[str, Raw])
_names = msgspec.json.Decoder(list[str])
_rows = msgspec.json.Decoder(list[Raw])


@dataclass(slots=True)
class Group:
    """Rows of one Datastream. first: the place of the first row in the whole request."""

    stream: Reference
    components: list[str]
    rows: list[Raw]
    first: int


@dataclass(slots=True)
class Batch:
    """Rows that are written together. places: of the rows in the request, in the order of the instances' times."""

    operation: RecordHistory
    places: list[int]


@dataclass(slots=True)
class _Part:
    """What becomes a batch."""

    patches: list[tuple[Instant, int, InstancePatch]] = field(default_factory=list[tuple[Instant, int, InstancePatch]])


def read_groups(text: bytes) -> list[Group]:
    """Read a request's rows, not yet what stands in them.

    Raises: InvalidRequest, BadRequestData, PayloadTooLarge.
    """
    parse_json(text)
    try:
        found = _groups.decode(text)
    except msgspec.ValidationError as error:
        raise BadRequestData("A data array is a list of objects with Datastream, components and dataArray") from error
    groups: list[Group] = []
    first = 0
    for at, members in enumerate(found):
        group = _read_group(members, f"/{at}", first)
        groups.append(group)
        first += len(group.rows)
        if first > MAX_ROWS:
            raise PayloadTooLarge(f"More than {MAX_ROWS} rows are not written at once", hint="send parts")
    return groups


def _read_group(members: dict[str, Raw], pointer: str, first: int) -> Group:
    given: list[TypeName] = [name for name in _STREAMS if name in members]
    if len(given) != 1:
        raise BadRequestData("A group of rows needs a Datastream or a MultiDatastream", pointer=f"{pointer}/Datastream")
    name = given[0]
    try:
        linked = _members.decode(members[name])
        components = _names.decode(members.get("components", Raw(b"null")))
        rows = _rows.decode(members.get("dataArray", Raw(b"null")))
    except msgspec.ValidationError as error:
        raise BadRequestData(
            f"A group of rows has {name}, components (a list of names) and dataArray (a list of lists)",
            hint='[{"Datastream": {"@iot.id": 1}, "components": ["result"], "dataArray": [[1], [2]]}]',
            pointer=pointer,
        ) from error
    id_ = linked.get("@iot.id")
    if id_ is None:
        raise BadRequestData(f"A link to a {name} needs its @iot.id", pointer=f"{pointer}/{name}")
    _check_components(components, f"{pointer}/components")
    return Group(Reference(name, read_id(id_, f"{pointer}/{name}/@iot.id"), pointer), components, rows, first)


def _check_components(components: list[str], pointer: str) -> None:
    known = TYPES["Observation"].properties.keys() | _FEATURE | _PASSED_OVER
    unknown = [name for name in components if name not in known]
    if unknown:
        raise BadRequestData(
            f"{quoted(unknown[0])} is no component of an Observation",
            hint=f"there are {', '.join(TYPES['Observation'].properties)}, FeatureOfInterest/id",
            pointer=pointer,
        )
    if len(set(components)) < len(components) or len(_FEATURE.intersection(components)) > 1:
        raise BadRequestData("A component is named twice", pointer=pointer)
    if "result" not in components:
        raise BadRequestData("The components need a result", pointer=pointer)


def features_of(groups: list[Group]) -> Iterator[Reference]:
    """Give the features that rows name, each once; what cannot be read is left to the row."""
    seen: set[int] = set()
    for group in groups:
        place = next((at for at, name in enumerate(group.components) if name in _FEATURE), None)
        if place is None:
            continue
        for row in group.rows:
            id_ = _feature_id(row, place)
            if id_ is not None and id_ not in seen:
                seen.add(id_)
                yield Reference("FeatureOfInterest", id_, "")


def _feature_id(row: Raw, place: int) -> int | None:
    try:
        return read_id(_rows.decode(row)[place], "")
    except (msgspec.ValidationError, IndexError, BadRequestData):
        return None


def plan_rows(groups: list[Group], known: Known, features: Mapping[int, EntityId], now: Instant) -> list[Batch]:
    """Put the rows that can be written into operations.

    features: the ids of the entities that rows name. Rows that cannot be written are in none of the operations.
    """
    batches: list[Batch] = []
    for group in groups:
        try:
            target = target_of(known.stream(group.stream))
        except BadRequestData:
            continue
        batches += _plan_group(group, target, features, now)
    return batches


def _plan_group(group: Group, target: StreamTarget, features: Mapping[int, EntityId], now: Instant) -> Iterator[Batch]:
    parts: dict[tuple[EntityId | None, int | None, int], _Part] = {}
    for at, row in enumerate(group.rows):
        try:
            patch, feature = _read_row(row, group, target, features, now)
        except (BadRequestData, msgspec.ValidationError):
            continue
        time = patch.observed_at or now
        # what lies ahead does not become current, and would be numbered out of its turn among others
        alone = at + 1 if time > now + MAX_LEAD_US // 2 else 0
        part = parts.setdefault((feature, patch.feature, alone), _Part())
        part.patches.append((time, at, patch))
    for (feature, _, _), part in parts.items():
        part.patches.sort(key=lambda one: one[:2])
        for start in range(0, len(part.patches), TOGETHER):
            chosen = part.patches[start : start + TOGETHER]
            entity = EntityPatch(attributes={target.attribute: [patch for _, _, patch in chosen]})
            operation = RecordHistory(target.thing, entity, create=False, series=target.series, feature=feature)
            yield Batch(operation, [group.first + at for _, at, _ in chosen])


def _read_row(
    row: Raw, group: Group, target: StreamTarget, features: Mapping[int, EntityId], now: Instant
) -> tuple[InstancePatch, EntityId | None]:
    """Read a row: the instance, and the entity that it observes where the row names one. Raises: BadRequestData."""
    elements = _rows.decode(row)
    if len(elements) != len(group.components):
        raise BadRequestData(f"The row has {len(elements)} values for {len(group.components)} components")
    type = TYPES["Observation"]
    values: dict[str, Raw] = {}
    named: EntityId | int | None = None
    is_named = False
    for name, value in zip(group.components, elements, strict=True):
        if name in _FEATURE:
            named, is_named = _feature(value, features), True
        elif name not in _PASSED_OVER:
            check_value(type, type.properties[name], value, f"/{name}")
            values[name] = value
    body = Body("Observation", values, {})
    if not is_named:
        named = feature_of(target, body)
    named = None if named == target.thing else named
    patch = observe(body, target, now)
    record_instance(target.attribute, patch, now)
    if isinstance(named, int):
        return replace(patch, feature=named), None
    return patch, named


def _feature(value: Raw, features: Mapping[int, EntityId]) -> EntityId:
    id_ = read_id(value, "")
    if id_ not in features:
        raise BadRequestData(f"There is no FeatureOfInterest with the id {id_}")
    return features[id_]
