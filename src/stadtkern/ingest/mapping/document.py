"""A mapping as it is written: YAML (or JSON) to checked values. docs/mapping.md explains each member to its authors."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import yaml
from msgspec import UNSET, Struct, UnsetType

from stadtkern.errors import BadRequestData, InvalidRequest
from stadtkern.ingest.clock import Ambiguous, Missing
from stadtkern.model.operation import Repeated

MAX_BYTES: Final = 1_000_000
"""Largest mapping."""
Constant = int | float | bool
"""A value that needs no expression."""


class Source(Struct, forbid_unknown_fields=True, rename="camel"):
    """How the file is read. The members from ``delimiter`` on are for CSV."""

    format: Literal["csv", "geojson", "json", "ngsi-ld"]
    encoding: str = "utf-8"
    missing: list[str] = msgspec.field(default_factory=lambda: [""])
    """Words that stand for *nothing*."""
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ".", ",", " ", "'"] = ""
    skip: str | None = None
    """Condition: records to leave out without a word in the report of rejected ones."""
    delimiter: str = ","
    quote: str = '"'
    skip_lines: int = 0
    """Lines before the header."""
    header: list[str] | None = None
    """Column names of a file that has none of its own."""
    extra_fields: Literal["reject", "ignore"] = "reject"
    missing_fields: Literal["reject", "empty"] = "reject"
    form: Literal["normalized", "simplified", "temporal"] = "normalized"
    """Of NGSI-LD: normalized (and concise), simplified (key-values), or the temporal evolution."""


class Columns(Struct, forbid_unknown_fields=True):
    """Wide columns: those whose header matches become values of the variable ``column``."""

    match: str
    where: str | None = None


class Time(Struct, forbid_unknown_fields=True):
    """The time of a record."""

    value: str
    format: str | None = None
    zone: str | None = None
    ambiguous: Ambiguous = "error"
    missing: Missing = "error"
    names: Literal["start", "end"] = "start"
    interval: str | None = None
    """ISO 8601 duration in hours, minutes and seconds, such as PT1H."""


class Attribute(Struct, forbid_unknown_fields=True, rename="camel"):
    """One attribute. Exactly one of ``value``, ``object``, ``languageMap``, ``vocab``, ``json`` and ``valueList``."""

    value: str | Constant | UnsetType = UNSET
    object: str | UnsetType = UNSET
    language_map: dict[str, str] | UnsetType = UNSET
    vocab: str | UnsetType = UNSET
    json: str | UnsetType = UNSET
    value_list: str | UnsetType = UNSET
    geo: str | UnsetType = UNSET
    observed_at: str | UnsetType | None = UNSET
    unit_code: str | None = None
    dataset_id: str | None = None
    object_type: str | None = None
    when: str | None = None
    having: dict[str, str | Constant | Attribute] = {}
    """Sub-attributes."""


class EntityRule(Struct, forbid_unknown_fields=True, rename="camel"):
    """How records become one kind of entity."""

    id: str
    type: str | list[str]
    attributes: dict[str, str | Constant | Attribute] = {}
    per: Literal["record", "column", "cell", "file"] = "record"
    foreach: str | None = None
    item: str = "item"
    when: str | None = None
    scope: str | list[str] | None = None
    observed_at: str | None = None


class MappingDocument(Struct, forbid_unknown_fields=True, rename="camel"):
    """A whole mapping."""

    source: Source
    entities: list[EntityRule] = []
    description: str = ""
    context: Any = None
    tables: dict[str, dict[str, Any]] = {}
    file: dict[str, str] = {}
    """Variables that are computed once a file, from its name and its columns."""
    columns: Columns | None = None
    let: dict[str, str] = {}
    """Variables that are computed for each record."""
    time: Time | None = None
    on_fault: Literal["record", "value"] = "record"
    """What a fault in one value costs: the record, or the value alone."""
    repeated: Repeated = "replace"


def load_mapping(path: Path) -> MappingDocument:
    """Read a mapping from a file. Raises: InvalidRequest (no YAML), BadRequestData (no mapping)."""
    try:
        with path.open("rb") as file:
            body = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidRequest(f"The mapping {path} cannot be read: {error.strerror}") from error
    return parse_mapping(body, str(path))


def parse_mapping(body: bytes, name: str = "mapping") -> MappingDocument:
    """Read a mapping. Raises: InvalidRequest (no YAML), BadRequestData (no mapping)."""
    tree = _parse_yaml(body, name)
    try:
        return msgspec.convert(tree, MappingDocument)
    except msgspec.ValidationError as error:
        raise BadRequestData(f"The mapping {name} is wrong: {error}") from error
    except RecursionError as error:
        raise BadRequestData(f"The mapping {name} is nested too deeply") from error


def fingerprint(document: MappingDocument) -> str:
    """Give a hash of everything in a mapping that decides what it does."""
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()


def _parse_yaml(body: bytes, name: str) -> Any:
    if len(body) > MAX_BYTES:
        raise BadRequestData(f"The mapping {name} is larger than {MAX_BYTES} bytes")
    try:
        loader = _Loader(body.decode("utf-8-sig"))
        try:
            tree = loader.get_single_data()
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The mapping {name} is not valid UTF-8 at byte {error.start}") from error
    except yaml.MarkedYAMLError as error:
        raise InvalidRequest(f"The mapping {name} is not valid YAML: {error.problem}{_place(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidRequest(f"The mapping {name} is not valid YAML: {error}") from error
    except RecursionError as error:
        raise InvalidRequest(f"The mapping {name} is nested too deeply") from error
    if not isinstance(tree, dict):
        raise BadRequestData(f"The mapping {name} is not a YAML mapping with a member 'source'")
    return tree  # pyright: ignore[reportUnknownVariableType]


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return "" if mark is None else f" (line {mark.line + 1}, column {mark.column + 1})"


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which can blow up, and without names that occur twice."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            line = self.peek_event().start_mark.line + 1
            raise yaml.YAMLError(f"aliases are not allowed (line {line})")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names: set[str] = set()
        for key, _ in node.value:
            if key.value in names:
                raise yaml.YAMLError(f"the name {key.value!r} occurs twice (line {key.start_mark.line + 1})")
            names.add(key.value)
        return super().construct_mapping(node, deep)
