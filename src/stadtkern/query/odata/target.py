"""Addresses: what a path below the service root leads to. Spec: OGC 18-088 9.2."""

from __future__ import annotations

import re
from functools import lru_cache

from stadtkern.errors import ResourceNotFound, quoted
from stadtkern.model.sensorthings import SETS, TYPES, EntityType
from stadtkern.query.odata.path import IDS, OPEN
from stadtkern.query.odata.tree import Step, Target

MAX_PATH = 4_096
"""Longest address, in characters."""
MAX_STEPS = 12
"""Most entities and sets in one address."""
MAX_INSIDE = 50
"""Most keys and indexes in one address."""
MAX_ID = 2**63 - 1

_STEP = re.compile(r"([A-Za-z]+)(?:\(\s*(?:(-?[0-9]{1,19})|'(-?[0-9]{1,19})')\s*\))?")
_INDEXES = re.compile(r"(?:\[[0-9]{1,9}\])+$")


# of one request the router and the handler ask
@lru_cache(maxsize=256)
def parse_target(path: str) -> Target:
    """Read a percent-decoded path below the version, such as ``Datastreams(1)/Thing/Locations``.

    Raises: ResourceNotFound with what is there instead; also for the empty path, which is the root document.
    Spec: OGC 18-088 9.2.
    """
    if len(path) > MAX_PATH:
        raise _missing(f"the address is {len(path)} characters long; at most {MAX_PATH} are read", MAX_PATH)
    return _Reader(path.removesuffix("/")).read()


def _missing(what: str, at: int) -> ResourceNotFound:
    return ResourceNotFound(f"There is nothing at this address: {what}", pointer=f"path:{at}")


class _Reader:
    """Reads an address from part to part; ``at`` is where the next part begins."""

    __slots__ = ("at", "parts", "type")

    def __init__(self, path: str) -> None:
        self.parts = path.split("/")
        self.parts.reverse()
        self.at = 0
        self.type: EntityType | None = None

    def next(self) -> tuple[str, int]:
        part, at = self.parts.pop(), self.at
        self.at += len(part) + 1
        return part, at

    def read(self) -> Target:
        steps = [self.read_step(None)]
        while self.parts and self.leads_on(steps[-1]):
            if len(steps) >= MAX_STEPS:
                raise _missing(f"it has more than {MAX_STEPS} steps", self.at)
            steps.append(self.read_step(steps[-1]))
        if not self.parts:
            return Target(tuple(steps))
        if self.parts == ["$ref"]:
            return Target(tuple(steps), ref=True)
        return self.read_property(tuple(steps))

    def entity_type(self) -> EntityType:
        if self.type is None:
            raise _missing("it does not begin with a set", 0)
        return self.type

    def leads_on(self, last: Step) -> bool:
        """Tell whether the next part is a step; a set has to have an id before anything but ``$ref``."""
        part = self.parts[-1]
        if part != "$ref" and self.is_set(last):
            raise _missing(f"{last.name} is a set; {quoted(part)} can follow an entity of it, {last.name}(1)", self.at)
        return part.partition("(")[0] in self.entity_type().relations

    def is_set(self, step: Step) -> bool:
        return step.id is None and self.entity_type().set == step.name

    def read_step(self, before: Step | None) -> Step:
        part, at = self.next()
        found = _STEP.fullmatch(part)
        name = found.group(1) if found else part.partition("(")[0]
        many = True
        if before is None:
            if name not in SETS:
                raise _missing(f"there is no set {quoted(name)}; there are {', '.join(SETS)}", at)
            self.type = SETS[name]
        else:
            relation = self.entity_type().relations[name]
            self.type, many = TYPES[relation.target], relation.many
        if found is None:
            raise _missing(f"{quoted(part)} has no id that can be read; ids are whole numbers, {name}(1)", at)
        digits = found.group(2) or found.group(3)
        if digits is None:
            return Step(name, None, at)
        if not many or abs(int(digits)) > MAX_ID:
            what = f"{name} leads to one entity and takes no id" if not many else f"no entity has the id {digits}"
            raise _missing(what, at)
        return Step(name, int(digits), at)

    def read_property(self, steps: tuple[Step, ...]) -> Target:
        part, at = self.next()
        name, indexes = _split_indexes(part)
        type = self.entity_type()
        if name not in type.properties and name not in IDS:
            there = ", ".join(["id", *type.properties, *type.relations])
            raise _missing(f"{type.name} has no {quoted(name)}; it has {there}", at)
        inside: list[str | int] = [*indexes]
        while self.parts and self.parts != ["$value"]:
            inside += self.read_key()
        if inside and (name in IDS or type.properties[name].type not in OPEN):
            raise _missing(f"there is nothing inside {name} of {type.name}", at + len(name))
        if len(inside) > MAX_INSIDE:
            raise _missing(f"it goes more than {MAX_INSIDE} levels deep", at)
        return Target(steps, "id" if name in IDS else name, tuple(inside), bool(self.parts))

    def read_key(self) -> list[str | int]:
        part, at = self.next()
        key, indexes = _split_indexes(part)
        if not key or key in {"$value", "$ref"}:
            raise _missing(f"{quoted(part)} cannot stand here", at)
        return [key, *indexes]


def _split_indexes(part: str) -> tuple[str, list[int]]:
    """Take ``list[2][0]`` apart."""
    found = _INDEXES.search(part)
    if found is None:
        return part, []
    return part[: found.start()], [int(index) for index in found.group()[1:-1].split("][")]
