"""From @context documents to term definitions: JSON-LD 1.1 context processing, without any download.

What NGSI-LD never uses is left out on purpose: ``@reverse``, ``@language``, ``@base`` and ``@propagate`` are read over,
and so are scoped contexts in published documents (in a request they are refused). Where a strict processor would
refuse a term for want of a vocabulary, the default vocabulary steps in.
Spec: JSON-LD 1.1 API 4.1 (context processing), 4.2 (create term definition), 5.2 (IRI expansion); CIM 009 5.5.7.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, cast
from urllib.parse import urljoin, urlsplit

from stadtkern.errors import BadRequestData, LdContextNotAvailable
from stadtkern.model.json import JSONValue

ContextReference = str | Mapping[str, JSONValue] | Sequence[JSONValue] | None
"""What stands at an ``@context`` member or in a Link header: nothing, an address, terms, or a list of these."""

Member = str | Mapping[str, JSONValue] | None
"""One element of a reference."""

DEFAULT_VOCABULARY = "https://uri.etsi.org/ngsi-ld/default-context/"
"""Where names without a definition live. Spec: CIM 009 4.4 (core and user @context)."""

MAX_DEPTH = 8
"""Longest chain of contexts that include one another."""
MAX_INCLUSIONS = 64
"""Most inclusions in all, so that small documents which name each other many times stay cheap."""
MAX_TERMS = 50_000
"""Most terms in a context with all that it includes; the largest in the field have a few thousand."""
MAX_CHAIN = 32
"""Longest chain of terms defined by other terms."""

KEYWORDS = frozenset(
    {"@base", "@container", "@context", "@direction", "@graph", "@id", "@import", "@included", "@index", "@json"}
    | {"@language", "@list", "@nest", "@none", "@prefix", "@propagate", "@protected", "@reverse", "@set", "@type"}
    | {"@value", "@version", "@vocab"}
)
_GEN_DELIMS = ":/?#[]@"
_COERCIONS = frozenset({"@id", "@vocab", "@json", "@none"})


class Definition(NamedTuple):
    """One term: its IRI (or keyword), what its values are coerced to, and whether it can stand before a colon."""

    iri: str
    type: str | None = None
    prefix: bool = False


Definitions = Mapping[str, Definition]


def looks_like_keyword(name: str) -> bool:
    """Tell whether a name has the form ``@letters``, which JSON-LD keeps for itself."""
    return name[:1] == "@" and name[1:].isascii() and name[1:].isalpha()


def split_prefix(name: str) -> tuple[str, str] | None:
    """Split ``prefix:suffix``; None for plain names, absolute addresses (``scheme://``) and blank nodes."""
    colon = name.find(":", 1)
    if colon < 0 or name.startswith("//", colon + 1) or name[:colon] == "_":
        return None
    return name[:colon], name[colon + 1 :]


def resolve_address(address: str, base: str | None) -> str:
    """Make the address of a context absolute. Raises: BadRequestData (it cannot be an address of the web)."""
    try:
        absolute = urljoin(base, address) if base else address
        parts = urlsplit(absolute)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable, absolute = False, address
    if not usable or len(absolute) > 2048 or not absolute.isprintable():
        raise BadRequestData(f"The @context {address[:200]!r} is not an http or https address", pointer="/@context")
    return absolute.split("#", 1)[0]


def list_addresses(reference: ContextReference, base: str | None = None) -> list[str]:
    """List the addresses that a context names directly, in order. Raises: BadRequestData."""
    addresses: list[str] = []
    for member in members_of(reference):
        if isinstance(member, Mapping):
            member = member.get("@import")
        if isinstance(member, str):
            addresses.append(resolve_address(member, base))
    return addresses


def members_of(reference: ContextReference) -> list[Member]:
    """See any reference as a flat list. Raises: BadRequestData (a member is no context)."""
    if isinstance(reference, str | Mapping) or reference is None:
        return [reference]
    if not isinstance(cast("object", reference), Sequence):
        raise BadRequestData(f"An @context cannot be {str(reference)[:80]}", pointer="/@context")
    for position, member in enumerate(reference):
        if member is not None and not isinstance(member, str | Mapping):
            shown = str(member)[:80]
            raise BadRequestData(f"A member of an @context cannot be {shown}", pointer=f"/@context/{position}")
    return cast("list[Member]", list(reference))


def context_of(document: JSONValue, address: str) -> ContextReference:
    """Take the ``@context`` member out of a downloaded document. Raises: BadRequestData. Spec: CIM 009 5.5.6."""
    if not isinstance(document, Mapping) or "@context" not in document:
        raise BadRequestData(f"The document {address} holds no @context")
    return cast("ContextReference", document["@context"])


class DefinitionBuilder:
    """Collects the definitions of one context, member by member, later ones over earlier ones.

    documents: parsed documents by address. embedded: gives the definitions of a context that is built in.
    prefixes: what may stand before a colon where the context itself says nothing.
    """

    def __init__(
        self,
        documents: Mapping[str, JSONValue],
        embedded: Callable[[str], Definitions | None],
        prefixes: Mapping[str, str],
    ) -> None:
        self.definitions: dict[str, Definition] = {}
        self.vocabulary = DEFAULT_VOCABULARY
        self._documents = documents
        self._embedded = embedded
        self._prefixes = prefixes
        self._inclusions = 0
        self._terms = 0

    def add(self, reference: ContextReference, base: str | None = None, trail: tuple[str, ...] = ()) -> None:
        """Add one context with all that it includes.

        base: what relative addresses start from. trail: the addresses that lead here, outermost first.
        Raises: BadRequestData (a fault in what the client wrote, or in what an address holds), LdContextNotAvailable
        (an address that holds nothing).
        """
        try:
            members = members_of(reference)
            for member in members:
                self._add_member(member, base, trail)
        except BadRequestData as problem:
            if not trail or problem.pointer is None:  # the latter names its address already
                raise
            raise BadRequestData(f"The @context {base} cannot be used: {problem.detail}") from problem

    def _add_member(self, member: Member, base: str | None, trail: tuple[str, ...]) -> None:
        if member is None:
            self.definitions.clear()
            self.vocabulary = DEFAULT_VOCABULARY
        elif isinstance(member, str):
            self._include(resolve_address(member, base), trail)
        else:
            imported = member.get("@import")
            if isinstance(imported, str):
                self._include(resolve_address(imported, base), trail)
            self._define_all(member, strict=not trail)

    def _include(self, address: str, trail: tuple[str, ...]) -> None:
        embedded = self._embedded(address)
        if embedded is not None:
            self.definitions.update(embedded)
            self.vocabulary = DEFAULT_VOCABULARY
            return
        self._inclusions += 1
        self._check_inclusion(address, trail)
        document = self._documents.get(address)
        if document is None:
            raise LdContextNotAvailable(f"The @context {address} is not available")
        self.add(context_of(document, address), address, (*trail, address))

    def _check_inclusion(self, address: str, trail: tuple[str, ...]) -> None:
        fault: str | None = None
        if address in trail:
            fault = "includes itself"
        elif len(trail) >= MAX_DEPTH:
            fault = f"is included more than {MAX_DEPTH} levels deep"
        elif self._inclusions > MAX_INCLUSIONS:
            fault = f"is one of more than {MAX_INCLUSIONS} inclusions"
        if fault is not None:
            raise BadRequestData(f"The @context {address} {fault}")

    def _define_all(self, local: Mapping[str, JSONValue], *, strict: bool) -> None:
        self._terms += len(local)
        if self._terms > MAX_TERMS:
            raise BadRequestData(f"The @context has more than {MAX_TERMS} terms", pointer="/@context")
        local_terms = _LocalTerms(self, local, strict=strict)
        self._set_vocabulary(local.get("@vocab", ""))
        for name in local:
            if name not in KEYWORDS:
                local_terms.define(name)

    def _set_vocabulary(self, vocabulary: JSONValue) -> None:
        if vocabulary is None:
            self.vocabulary = DEFAULT_VOCABULARY
        elif not isinstance(vocabulary, str):
            raise BadRequestData("The @vocab of an @context has to be text", pointer="/@context/@vocab")
        elif vocabulary:
            self.vocabulary = self.expand(vocabulary)

    def expand(self, name: str) -> str:
        """Expand a name with what is defined so far. Spec: JSON-LD 1.1 API 5.2."""
        if name in KEYWORDS:
            return name
        definition = self.definitions.get(name)
        if definition is not None:
            return definition.iri
        parts = split_prefix(name)
        if parts is None:
            return name if name.find(":", 1) > 0 else self.vocabulary + name
        prefix = self.definitions.get(parts[0])
        if prefix is None:
            return self._prefixes.get(parts[0], parts[0] + ":") + parts[1]
        return prefix.iri + parts[1] if prefix.prefix else name


class _LocalTerms:
    """One object of an @context while its terms are being defined, each with the terms it is made of before it."""

    def __init__(self, builder: DefinitionBuilder, local: Mapping[str, JSONValue], *, strict: bool) -> None:
        self._builder = builder
        self._strict = strict
        self._local = local
        self._done: dict[str, bool] = {}
        self._chain = 0

    def define(self, name: str) -> None:
        if name in self._done:
            if not self._done[name]:
                raise _fault(name, "is defined by itself")
            return
        if self._chain >= MAX_CHAIN:
            raise _fault(name, "stands at the end of too long a chain of terms")
        self._chain += 1
        self._done[name] = False
        previous = self._builder.definitions.pop(name, None)
        definition = self._make(name, self._local[name], previous)
        if definition is not None:
            self._builder.definitions[name] = definition
        self._done[name] = True
        self._chain -= 1

    def _make(self, name: str, value: JSONValue, previous: Definition | None) -> Definition | None:
        """Make one definition; None where there is nothing to define (null, reverse terms)."""
        if name == "" or looks_like_keyword(name):
            return previous
        if value is None or isinstance(value, str):
            return self._make_iri(name, value, previous, simple=True)
        if not isinstance(value, Mapping):
            raise _fault(name, "has to be an IRI or an object")
        if self._strict and "@context" in value:
            raise _fault(name, "has an @context of its own, which NGSI-LD does not allow")
        if "@reverse" in value:
            return None
        definition = self._make_iri(name, value.get("@id", name), previous, simple=False)
        if definition is None:
            return None
        prefix = value.get("@prefix") is True and ":" not in name and "/" not in name
        return definition._replace(type=self._make_type(name, value.get("@type")), prefix=prefix)

    def _make_iri(self, name: str, iri: JSONValue, previous: Definition | None, *, simple: bool) -> Definition | None:
        if iri is None:
            return None
        if not isinstance(iri, str):
            raise _fault(name, "has an @id that is no text")
        if looks_like_keyword(iri) and iri not in KEYWORDS:
            return previous
        if iri == name:
            return Definition(self._expand_own(name))
        expanded = self._expand(iri)
        prefix = simple and ":" not in name and (expanded[-1:] in _GEN_DELIMS or expanded.startswith("_:"))
        return Definition(expanded, prefix=prefix and bool(expanded))

    def _make_type(self, name: str, type_: JSONValue) -> str | None:
        if type_ is None:
            return None
        if not isinstance(type_, str):
            raise _fault(name, "has an @type that is no text")
        return type_ if type_ in _COERCIONS else self._expand(type_)

    def _expand_own(self, name: str) -> str:
        """Expand a term that names no IRI: by its prefix, whatever that is, or by the vocabulary."""
        parts = split_prefix(name)
        if parts is not None and parts[0] in self._local:
            self.define(parts[0])
            prefix = self._builder.definitions.get(parts[0])
            if prefix is not None:
                return prefix.iri + parts[1]
        return self._builder.expand(name)

    def _expand(self, name: str) -> str:
        if name in self._local and name not in KEYWORDS:
            self.define(name)
        else:
            parts = split_prefix(name)
            if parts is not None and parts[0] in self._local:
                self.define(parts[0])
        return self._builder.expand(name)


def _fault(name: str, text: str) -> BadRequestData:
    pointer = name[:100].replace("~", "~0").replace("/", "~1")
    return BadRequestData(f"The term {name[:100]!r} of the @context {text}", pointer=f"/@context/{pointer}")
