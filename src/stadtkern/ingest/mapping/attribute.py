"""Attribute rules to functions that make one attribute instance of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec
from msgspec import UNSET, Raw, UnsetType

from stadtkern.errors import BadRequestData
from stadtkern.ingest.expression.compile import Compiler, Evaluate, Slots
from stadtkern.ingest.expression.values import Moment, is_true, kind_of, render_text, show
from stadtkern.ingest.fault import Fault
from stadtkern.ingest.mapping.document import Attribute, Constant
from stadtkern.ingest.mapping.template import compile_template
from stadtkern.ingest.wire import Wire
from stadtkern.jsonld.context import Context
from stadtkern.model.entity import AttributeKind, InstancePatch
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant, render_instant

Make = Callable[[Slots], InstancePatch | None]
"""Makes an instance of what is in the slots; None where there is no value. Raises: Fault."""
Value = tuple[AttributeKind, Raw]

_MAX_NESTING = 4
_encode = msgspec.json.encode


class AttributeCompiler:
    """Compiles attribute rules with one context. observed_at: what attributes without a time of their own take."""

    def __init__(self, compiler: Compiler, context: Context, wire: Wire, observed_at: Evaluate | None) -> None:
        self._compiler = compiler
        self._context = context
        self._wire = wire
        self._observed_at = observed_at

    def compile_all(
        self, rules: Mapping[str, str | Constant | Attribute], nesting: int = 0
    ) -> list[tuple[str, Iri, Make]]:
        """Compile rules by attribute name. Raises: BadRequestData."""
        made: list[tuple[str, Iri, Make]] = []
        for name, rule in rules.items():
            try:
                iri = self._wire.expand_attribute(name, self._context)
                made.append((name, iri, self._compile(rule, nesting)))
            except BadRequestData as problem:
                raise BadRequestData(f"Attribute {name}: {problem.detail}", hint=problem.hint) from problem
        return made

    def _compile(self, rule: str | Constant | Attribute, nesting: int) -> Make:
        if nesting > _MAX_NESTING:
            raise BadRequestData("sub-attributes are nested too deeply")
        if not isinstance(rule, Attribute):
            rule = Attribute(value=rule)
        value = self._compile_value(rule)
        time = self._compile_time(rule, nesting)
        dataset = None if rule.dataset_id is None else compile_template(self._compiler, rule.dataset_id)
        when = None if rule.when is None else self._compiler.compile(rule.when)
        subs = self.compile_all(rule.having, nesting + 1)
        unit, object_type = rule.unit_code, self._object_type(rule)

        def make(slots: Slots) -> InstancePatch | None:
            if when is not None and not is_true(when(slots)):
                return None
            found = value(slots)
            if found is None:
                return None
            return InstancePatch(
                kind=found[0],
                value=found[1],
                observed_at=None if time is None else time(slots),
                unit_code=unit,
                dataset_id="" if dataset is None else dataset(slots),
                object_type=object_type,
                subs=_make_subs(subs, slots) if subs else {},
            )

        return make

    def _object_type(self, rule: Attribute) -> Raw | UnsetType:
        if rule.object_type is None:
            return UNSET
        types = self._wire.expand_types(rule.object_type, self._context)
        return Raw(_encode(types[0] if len(types) == 1 else types))

    def _compile_time(self, rule: Attribute, nesting: int) -> Callable[[Slots], Instant | None] | None:
        if rule.observed_at is None:
            return None
        if rule.observed_at is UNSET:
            # a sub-attribute stands with its attribute
            time = None if nesting else self._observed_at
        else:
            time = self._compiler.compile(rule.observed_at)
        return None if time is None else _need_moment(time)

    def _compile_value(self, rule: Attribute) -> Callable[[Slots], Value | None]:
        given = [name for name in _KINDS if getattr(rule, name) is not UNSET]
        if len(given) != 1:
            shown = ", ".join(sorted(_KINDS))
            raise BadRequestData(f"it needs exactly one of {shown}", hint="value for plain values")
        if rule.object is not UNSET:
            template = compile_template(self._compiler, rule.object)
            return lambda slots: ("Relationship", Raw(_encode(template(slots))))
        if rule.language_map is not UNSET:
            return self._compile_languages(rule.language_map)
        text = getattr(rule, given[0])
        expression = self._compiler.compile(text if isinstance(text, str) else _encode(text).decode())
        if given[0] == "value":
            return self._plain_value(expression)
        if given[0] == "geo":
            return self._geometry(expression)
        return _of_kind(_KINDS[given[0]], expression, self._context)

    def _compile_languages(self, rules: Mapping[str, str]) -> Callable[[Slots], Value | None]:
        parts = {tag: self._compiler.compile(text) for tag, text in rules.items()}

        def value(slots: Slots) -> Value | None:
            words = {tag: text for tag, part in parts.items() if (text := render_text(part(slots)))}
            return ("LanguageProperty", Raw(_encode(words))) if words else None

        return value

    def _plain_value(self, expression: Evaluate) -> Callable[[Slots], Value | None]:
        check = self._wire.check_geometry

        def value(slots: Slots) -> Value | None:
            found = expression(slots)
            if found is None:
                return None
            if type(found) is dict and "coordinates" in found and "type" in found:
                return _checked(check, cast("dict[str, Any]", found))
            return "Property", encode_value(found)

        return value

    def _geometry(self, expression: Evaluate) -> Callable[[Slots], Value | None]:
        check = self._wire.check_geometry

        def value(slots: Slots) -> Value | None:
            found = expression(slots)
            return None if found is None else _checked(check, found)

        return value


_KINDS: dict[str, AttributeKind] = {
    "value": "Property",
    "object": "Relationship",
    "language_map": "LanguageProperty",
    "vocab": "VocabProperty",
    "json": "JsonProperty",
    "value_list": "ListProperty",
    "geo": "GeoProperty",
}


def _checked(check: Callable[[Any], None], geometry: Any) -> Value:
    try:
        check(geometry)
    except BadRequestData as problem:
        raise Fault(f"{problem.detail}{f' ({problem.hint})' if problem.hint else ''}") from problem
    return "GeoProperty", Raw(_encode(geometry))


def encode_value(value: Any) -> Raw:
    """Write a value as JSON text. Raises: Fault (it has none, or a character that cannot be stored)."""
    if isinstance(value, Moment):
        return Raw(_encode(render_instant(value)))
    try:
        text = _encode(value)
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        raise Fault(f"{kind_of(value)} cannot be written as JSON") from error
    if b"\\u0000" in text:
        raise Fault("the value contains the character U+0000, which cannot be stored")
    return Raw(text)


def _need_moment(time: Evaluate) -> Callable[[Slots], Instant | None]:
    def evaluate(slots: Slots) -> Instant | None:
        moment = time(slots)
        if moment is None:
            raise Fault("the time of the value is missing")
        if not isinstance(moment, Moment):
            raise Fault(f"observedAt is {kind_of(moment)} ({show(moment)}), not a time; use instant(…)")
        return Instant(int(moment))

    return evaluate


def _of_kind(kind: AttributeKind, expression: Evaluate, context: Context) -> Callable[[Slots], Value | None]:
    def value(slots: Slots) -> Value | None:
        found = expression(slots)
        if found is None:
            return None
        if kind == "VocabProperty":
            words = cast("list[Any]", found) if isinstance(found, list) else [found]
            if not words or not all(isinstance(word, str) and word for word in words):
                raise Fault("vocab is neither a text nor a list of texts")
            expanded = [context.expand_term(word) for word in words]
            found = expanded if isinstance(found, list) else expanded[0]
        elif kind == "ListProperty" and not isinstance(found, list):
            raise Fault(f"valueList is {kind_of(found)}, not a list")
        elif kind == "JsonProperty" and not isinstance(found, dict | list):
            raise Fault(f"json is {kind_of(found)}, neither an object nor a list")
        return kind, encode_value(found)

    return value


def _make_subs(subs: list[tuple[str, Iri, Make]], slots: Slots) -> dict[Iri, list[InstancePatch]]:
    return {iri: [patch] for _, iri, make in subs if (patch := make(slots)) is not None}
