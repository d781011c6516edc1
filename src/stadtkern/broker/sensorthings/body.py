"""Bodies of SensorThings requests: checked against the data model, and taken apart into values and links.

Values stay the JSON texts that came, so that ``1.10`` stays ``1.10``. Spec: OGC 18-088 10.2 (create), 10.3 (update).
"""

from __future__ import annotations

from typing import Any, Final, assert_never

import msgspec
from msgspec import Raw, Struct

from stadtkern.errors import BadRequestData, quoted
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.model.json import parse_json
from stadtkern.model.sensorthings import TYPES, EntityType, Property, Relation, TypeName

MAX_ID: Final = (1 << 53) - 1
"""No id is larger; JavaScript clients could not say it."""
_decode = msgspec.json.decode
_members = msgspec.json.Decoder(dict[str, Raw])
_elements = msgspec.json.Decoder(list[Raw])
_NULL: Final = b"null"


class Reference(Struct, frozen=True, gc=False):
    """A link to what exists: ``{"@iot.id": 5}``. pointer: where it stands in the body."""

    type: TypeName
    id: int
    pointer: str


class Body(Struct, frozen=True):
    """An entity as a client sent it.

    values: the properties that it names. links: the relations that it names, each to existing or inline entities.
    """

    type: TypeName
    values: dict[str, Raw]
    links: dict[str, list[Reference | Body]]
    pointer: str = ""

    def one(self, relation: str) -> Reference | Body | None:
        """Give the target of a relation to one."""
        targets = self.links.get(relation)
        return targets[0] if targets else None

    def all(self, relation: str) -> list[Reference | Body]:
        """Give the targets of a relation."""
        return self.links.get(relation, [])

    def text(self, name: str) -> str | None:
        """Give the text that a property is."""
        value = self.values.get(name)
        return None if value is None or is_null(value) else _decode(value, type=str)


def is_null(value: Raw) -> bool:
    """Tell whether a JSON text is null."""
    return bytes(value).strip() == _NULL


def read_body(type: TypeName, text: bytes, *, whole: bool = True, made: int = 0) -> Body:
    """Read the body of a request.

    whole: all that is mandatory has to be there, and entities may stand inline; else it is an update, which may only
    link to what exists. made: how many entities are to be made before it, in the same group of requests: they
    can be linked to by the ids -1, -2 and so on. Ids of what is new, and what the server computes, are passed over.
    Raises: InvalidRequest (no JSON), BadRequestData.
    """
    parse_json(text)
    return _read(TYPES[type], Raw(text), "", whole=whole, made=made)


def _read(type: EntityType, text: Raw, pointer: str, *, whole: bool, made: int) -> Body:
    members = _object(type, text, pointer)
    values: dict[str, Raw] = {}
    links: dict[str, list[Reference | Body]] = {}
    for name, value in members.items():
        if "@iot." in name or name == "id":
            continue
        if name in type.properties:
            one = type.properties[name]
            if not one.computed:
                check_value(type, one, value, f"{pointer}/{name}")
                values[name] = value
        elif name in type.relations:
            links[name] = _targets(type.relations[name], value, f"{pointer}/{name}", whole=whole, made=made)
        else:
            raise _unknown(type, name, pointer)
    body = Body(type.name, values, links, pointer)
    if whole:
        _check_whole(type, body)
    return body


def _object(type: EntityType, text: Raw, pointer: str) -> dict[str, Raw]:
    try:
        return _members.decode(text)
    except msgspec.ValidationError as error:
        raise BadRequestData(f"A {type.name} is a JSON object", pointer=pointer) from error


def _unknown(type: EntityType, name: str, pointer: str) -> BadRequestData:
    known = ", ".join([*type.properties, *type.relations])
    return BadRequestData(
        f"A {type.name} has no property {quoted(name)}",
        hint=f"it has {known}; what else is to be kept goes into properties"
        if "properties" in type.properties
        else f"it has {known}",
        pointer=f"{pointer}/{name}",
    )


def _targets(relation: Relation, value: Raw, pointer: str, *, whole: bool, made: int) -> list[Reference | Body]:
    if not relation.many:
        return [_target(relation, value, pointer, whole=whole, made=made)]
    try:
        elements = _elements.decode(value)
    except msgspec.ValidationError as error:
        raise BadRequestData(f"{relation.name} is a list", pointer=pointer) from error
    return [_target(relation, one, f"{pointer}/{at}", whole=whole, made=made) for at, one in enumerate(elements)]


def _target(relation: Relation, value: Raw, pointer: str, *, whole: bool, made: int) -> Reference | Body:
    type = TYPES[relation.target]
    members = _object(type, value, pointer)
    if "@iot.id" in members:
        # clients send along what they know of an existing entity
        return Reference(type.name, read_id(members["@iot.id"], f"{pointer}/@iot.id", made), pointer)
    if all("@iot." in name for name in members):
        raise BadRequestData(f"A link to a {type.name} needs its @iot.id", pointer=pointer)
    if not whole:
        raise BadRequestData(
            f"An update can link to a {type.name}, not make one",
            hint='link by {"@iot.id": …}, or create it on its own',
            pointer=pointer,
        )
    return _read(type, value, pointer, whole=True, made=made)


def read_id(value: Raw, pointer: str, made: int = 0) -> int:
    """Read an id out of JSON; made: so many ids below 0 stand for what a batch made. Raises: BadRequestData."""
    number = _decode(value)
    if type(number) is not int or not (0 < number <= MAX_ID or -made <= number < 0):
        raise BadRequestData(f"{quoted(number)} is no id: ids are positive integers", pointer=pointer)
    return number


def _check_whole(type: EntityType, body: Body) -> None:
    for one in type.properties.values():
        wanted = one.mandatory or (type.name == "Observation" and one.name == "result")
        if wanted and one.name not in body.values:
            raise BadRequestData(f"A {type.name} needs {one.name}", pointer=f"{body.pointer}/{one.name}")


def check_value(type: EntityType, one: Property, value: Raw, pointer: str) -> None:
    """Check the value of one property. Raises: BadRequestData."""
    if is_null(value):
        if one.mandatory or not (one.nullable or one.type == "time"):
            raise BadRequestData(f"{one.name} of a {type.name} cannot be null", pointer=pointer)
        return
    tree: Any = _decode(value)
    match one.type:
        case "text":
            _expect(isinstance(tree, str), one, "a text", pointer)
        case "json":
            _expect(isinstance(tree, dict), one, "an object", pointer)
        case "list":
            _expect(isinstance(tree, list), one, "a list", pointer)
        case "instant" | "interval" | "time":
            _expect(isinstance(tree, str), one, "a text", pointer)
            _check_time(one, tree, pointer)
        case "any" | "geometry" | "id":
            pass
        case _:
            assert_never(one.type)


def _check_time(one: Property, text: str, pointer: str) -> None:
    if one.type == "instant" and "/" in text:
        raise BadRequestData(f"{one.name} is a time, not an interval", pointer=pointer)
    if one.type == "interval" and "/" not in text:
        raise BadRequestData(
            f"{one.name} is an interval such as 2026-01-01T00:00:00Z/2026-01-02T00:00:00Z", pointer=pointer
        )
    read_time(text, pointer)


def _expect(fits: bool, one: Property, what: str, pointer: str) -> None:
    if not fits:
        raise BadRequestData(f"{one.name} is {what}", pointer=pointer)


def read_time(text: str, pointer: str) -> tuple[Instant, Instant | None]:
    """Read an instant, or an interval (ISO 8601, ``start/end``): its start and its end. Raises: BadRequestData."""
    start, divided, end = text.partition("/")
    try:
        first = parse_instant(start)
        last = parse_instant(end) if divided else None
    except BadRequestData as problem:
        raise BadRequestData(problem.detail, hint=problem.hint, pointer=pointer) from problem
    if last is not None and last < first:
        raise BadRequestData(f"{text} ends before it begins", pointer=pointer)
    return first, last
