"""A JSON-LD context, compiled once into term maps: names to IRIs and back.

Core terms always win and stay short: ``location``, ``Property`` and ``observedAt`` are themselves in every context, and
their IRIs, however written, come back as the short term. All other names become IRIs.
Spec: CIM 009 4.4 (core and user @context), 5.5.7 (term to URI expansion and compaction).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from stadtkern.jsonld.core import (
    CORE_CONTEXT_URL,
    CORE_NAMES,
    CORE_PREFIXES,
    CORE_TERMS,
    embedded_definitions,
    is_core_address,
)
from stadtkern.jsonld.definition import (
    DEFAULT_VOCABULARY,
    ContextReference,
    DefinitionBuilder,
    Definitions,
    list_addresses,
    split_prefix,
)
from stadtkern.model.ids import Iri
from stadtkern.model.json import JSONValue

_MEMO = 8192
"""Most names, and most IRIs, that one context remembers."""
_MEMO_LENGTH = 300
"""Longer names are worked out each time."""
_CORE_VOCABULARY = "ngsi-ld:default-context/"
"""The default vocabulary by the core context's own prefix."""


class Context:
    """Term maps of one ``@context``; immutable to its users, safe to share.

    reference: the ``@context`` as it was written, to be written into answers.
    key: equal for contexts that were written the same and mean the same; part of cache keys.
    urls: the addresses the reference names, in order.
    link_url: the one address that stands for the whole context in a Link header; None if there is no such address
    (inline terms, several user contexts).
    """

    __slots__ = (
        "_compacted",
        "_definitions",
        "_expanded",
        "_names",
        "_prefix_lengths",
        "_prefixes",
        "key",
        "link_url",
        "reference",
        "urls",
    )

    def __init__(self, reference: ContextReference, definitions: Definitions, base: str | None = None) -> None:
        self.reference = CORE_CONTEXT_URL if reference is None else reference
        self.urls = tuple(list_addresses(self.reference, base))
        self.link_url = _link_url(self.reference, self.urls)
        self._definitions = {name: found for name, found in definitions.items() if name not in CORE_TERMS}
        self.key = _digest(self.reference, self._definitions)
        self._names = _invert(self._definitions)
        # Only the reader's own prefixes: CIM 009 5.5.7 wants full names where no term fits.
        self._prefixes = _invert({name: found for name, found in self._definitions.items() if found.prefix})
        self._prefix_lengths = sorted({len(iri) for iri in self._prefixes}, reverse=True)
        self._expanded: dict[str, Iri] = {}
        self._compacted: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<Context {self.link_url or self.key}, {len(self._definitions)} terms>"

    @property
    def size(self) -> int:
        """How many terms the context defines beside the core ones."""
        return len(self._definitions)

    @property
    def is_core(self) -> bool:
        """Whether the context adds nothing to the core context."""
        return not self._definitions

    def expand_term(self, name: str) -> Iri:
        """Give the IRI of a name of a type, attribute or vocabulary term; core terms and keywords stay short."""
        try:
            return self._expanded[name]
        except KeyError:
            iri = self._expand(name)
            if len(name) <= _MEMO_LENGTH:
                if len(self._expanded) >= _MEMO:
                    self._expanded.clear()
                self._expanded[name] = iri
            return iri

    def compact_iri(self, iri: str) -> str:
        """Give the shortest name that this context expands to the IRI, the IRI itself where there is none."""
        try:
            return self._compacted[iri]
        except KeyError:
            name = self._compact(iri)
            if len(iri) <= _MEMO_LENGTH:
                if len(self._compacted) >= _MEMO:
                    self._compacted.clear()
                self._compacted[iri] = name
            return name

    def term_type(self, term: str) -> str | None:
        """Give what a term's values are coerced to: ``@id``, ``@vocab``, ``@json`` or a type such as ``DateTime``."""
        definition = CORE_TERMS.get(term) or self._definitions.get(term)
        type_ = None if definition is None else definition.type
        return type_ if type_ is None or type_[0] == "@" else CORE_NAMES.get(type_, type_)

    def _expand(self, name: str) -> Iri:
        if name in CORE_TERMS:
            return Iri(name)
        iri = self._expand_iri(name)
        return Iri(CORE_NAMES.get(iri, iri))

    def _expand_iri(self, name: str) -> str:
        definition = self._definitions.get(name)
        if definition is not None:
            return definition.iri
        if name[:1] == "@":
            return name
        parts = split_prefix(name)
        if parts is None:
            return name if name.find(":", 1) > 0 else DEFAULT_VOCABULARY + name
        base = CORE_PREFIXES.get(parts[0])
        if base is None:
            prefix = self._definitions.get(parts[0])
            base = prefix.iri if prefix is not None and prefix.prefix else None
        return name if base is None else base + parts[1]

    def _compact(self, iri: str) -> str:
        if iri in CORE_TERMS:
            return iri
        name = CORE_NAMES.get(iri) or self._names.get(iri)
        if name is not None:
            return name
        if iri.startswith(DEFAULT_VOCABULARY):
            name = iri[len(DEFAULT_VOCABULARY) :]
            if name and self._expand(name) == iri:
                return name
            # The plain name means something else to this reader, but the core context's prefix is always there.
            prefixed = self._compact_by_prefix(iri) or _CORE_VOCABULARY + name
            return prefixed if self._expand(prefixed) == iri else iri
        return self._compact_by_prefix(iri) or iri

    def _compact_by_prefix(self, iri: str) -> str | None:
        best: str | None = None
        for length in self._prefix_lengths:
            prefix = self._prefixes.get(iri[:length])
            if prefix is None or length >= len(iri):
                continue
            name = f"{prefix}:{iri[length:]}"
            shorter = best is None or (len(name), name) < (len(best), best)
            if shorter and self._expand(name) == iri:
                best = name
        return best


def compile_context(
    reference: ContextReference, documents: Mapping[str, JSONValue] | None = None, base: str | None = None
) -> Context:
    """Compile a context with all that it includes.

    reference: what stood at ``@context`` or in the Link header. documents: the parsed documents of all addresses that
    it names, directly or not, by absolute address; the core contexts need none. base: what relative addresses start
    from.

    Raises: BadRequestData (a fault in the reference, an address that holds no context, or contexts that include one
    another in a circle, too deep or too often), LdContextNotAvailable (an address is missing in ``documents``).
    Spec: CIM 009 5.5.6.
    """
    builder = DefinitionBuilder(documents or {}, embedded_definitions, CORE_PREFIXES)
    builder.add(CORE_CONTEXT_URL if reference is None else reference, base)
    return Context(reference, builder.definitions, base)


def _link_url(reference: ContextReference, urls: tuple[str, ...]) -> str | None:
    if isinstance(reference, Mapping):
        return None
    members = [reference] if isinstance(reference, str) or reference is None else reference
    if any(not isinstance(member, str) for member in members):
        return None
    users = [url for url in urls if not is_core_address(url)]
    if len(users) > 1:
        return None
    return users[0] if users else (urls[0] if len(urls) == 1 else CORE_CONTEXT_URL)


def _digest(reference: ContextReference, definitions: Definitions) -> str:
    text = msgspec.json.encode([reference, sorted(definitions.items())])
    return hashlib.sha256(text).hexdigest()[:24]


def _invert(definitions: Definitions) -> dict[str, str]:
    """Map IRIs to names: the shortest, of equally short ones the first by code point (JSON-LD 1.1 API 4.3)."""
    names: dict[str, str] = {}
    for name in sorted(definitions, key=lambda name: (len(name), name), reverse=True):
        names[definitions[name].iri] = name
    return names


CORE_CONTEXT = compile_context(None)
"""The context in force where a client names none. Spec: CIM 009 4.4."""
