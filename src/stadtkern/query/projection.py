"""Which members of an entity an answer shows: ``pick``, ``omit`` and the older ``attrs``. Spec: CIM 009 4.21."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import Struct

from stadtkern.errors import BadRequestData
from stadtkern.model.ids import Iri
from stadtkern.query.scanner import Scanner

CORE_MEMBERS = frozenset({"id", "type", "scope", "createdAt", "modifiedAt", "deletedAt", "expiresAt"})
"""Members of an entity that are not attributes and are never expanded."""

_ALIASES = {"@id": "id", "@type": "type"}


class Projection(Struct, frozen=True, cache_hash=True):
    """A restrictive and an exclusionary list of entity members; hashable, so that it can be part of a cache key.

    pick: expanded attribute names and short core names; None means all. omit: the same, taken away afterwards.
    inner: the projections of linked entities, by relationship. keep_core: ``attrs`` was used, which never
    removes id, type and scope.
    """

    pick: frozenset[str] | None = None
    omit: frozenset[str] = frozenset()
    inner: tuple[tuple[Iri, Projection], ...] = ()
    keep_core: bool = False

    def shows(self, attribute: Iri) -> bool:
        """Tell whether the answer holds this attribute (expanded name)."""
        return (self.pick is None or attribute in self.pick) and attribute not in self.omit

    def shows_member(self, name: str) -> bool:
        """Tell whether the answer holds a core member such as ``id``, ``type`` or ``scope``.

        System attributes (``createdAt`` …) are asked for by ``options=sysAttrs``, so a pick does not take them away.
        """
        if name in self.omit:
            return False
        return self.pick is None or self.keep_core or name in self.pick or name not in {"id", "type", "scope"}

    def linked(self, relationship: Iri) -> Projection:
        """Give the projection for entities that are shown through this relationship; without one they are whole."""
        for name, projection in self.inner:
            if name == relationship:
                return projection
        return EVERYTHING

    @property
    def is_everything(self) -> bool:
        """Whether nothing is taken away."""
        return self == EVERYTHING

    @property
    def depth(self) -> int:
        """How many relationships in a row the projection follows; more than joinLevel is an error (CIM 009 5.7.2.4)."""
        return max((1 + inner.depth for _, inner in self.inner), default=0)

    @property
    def attributes(self) -> frozenset[Iri] | None:
        """The attributes that can be shown at all, or None when any can."""
        if self.pick is None:
            return None
        return frozenset(Iri(name) for name in self.pick - self.omit if name not in CORE_MEMBERS)


EVERYTHING = Projection()

Expand = Callable[[str], Iri]
Names = str | Sequence[str] | None


class _Term(Struct):
    name: str
    inner: list[_Term] | None


def parse_projection(pick: Names, omit: Names, attrs: Names, expand: Expand) -> Projection:
    """Parse the projection parameters: texts as in a URL, or lists as in a Query body.

    Raises: BadRequestData (syntax, one member in both lists, attrs beside the others), TooComplexQuery.
    Spec: CIM 009 4.21, 5.7.2.4.
    """
    if attrs is not None and (pick is not None or omit is not None):
        raise BadRequestData("The attrs parameter cannot be combined with pick or omit", pointer="attrs:0")
    if attrs is not None:
        names = frozenset(_expand(term.name, expand) for term in _flat(_parse(attrs, "attrs"), "attrs"))
        return Projection(pick=names, keep_core=True)
    picked = None if pick is None else _parse(pick, "pick")
    omitted = [] if omit is None else _parse(omit, "omit")
    return _build(picked, omitted, expand)


def attribute_list(names: Names, parameter: str, expand: Expand) -> list[Iri]:
    """Parse a plain list of attribute names (``attrs``, ``drop``, ``keep``); core members are left out.

    Raises: BadRequestData. Spec: CIM 009 5.7.2.3.
    """
    terms = [] if names is None else _flat(_parse(names, parameter), parameter)
    return [Iri(_expand(term.name, expand)) for term in terms if term.name not in CORE_MEMBERS]


def _parse(names: Names, parameter: str) -> list[_Term]:
    scanner = Scanner(names if isinstance(names, str) else ",".join(names or ()), parameter)
    terms = _terms(scanner)
    if not scanner.at_end:
        raise scanner.error("expected ',' or '|' or the end")
    return terms


def _terms(scanner: Scanner) -> list[_Term]:
    terms: list[_Term] = []
    while True:
        scanner.count_leaf()
        name = scanner.name(listed=True)
        inner = None
        if scanner.take("{"):
            scanner.enter()
            inner = _terms(scanner)
            scanner.leave()
            scanner.expect("}")
        terms.append(_Term(_ALIASES.get(name, name), inner))
        if scanner.take_one_of((",", "|")) is None:
            return terms


def _flat(terms: list[_Term], parameter: str) -> list[_Term]:
    for term in terms:
        if term.inner is not None:
            raise BadRequestData(
                f"The {parameter} parameter cannot follow relationships: {term.name!r}", pointer=f"{parameter}:0"
            )
    return terms


def _expand(name: str, expand: Expand) -> str:
    return name if name in CORE_MEMBERS else expand(name)


def _build(picked: list[_Term] | None, omitted: list[_Term], expand: Expand) -> Projection:
    """Merge both lists; ``omit=a{b}`` shows ``a`` and only takes ``b`` away from the entities behind it."""
    pick = None if picked is None else frozenset(_expand(term.name, expand) for term in picked)
    omit = frozenset(_expand(term.name, expand) for term in omitted if term.inner is None)
    both = (pick or frozenset()) & omit
    if both:
        raise BadRequestData(f"The member {min(both)!r} stands in both pick and omit", pointer="omit:0")
    names = {_expand(term.name, expand) for term in [*(picked or []), *omitted] if term.inner is not None}
    inner = tuple((Iri(name), _inner(name, picked or [], omitted, expand)) for name in sorted(names))
    return Projection(pick=pick, omit=omit, inner=inner)


def _inner(name: str, picked: list[_Term], omitted: list[_Term], expand: Expand) -> Projection:
    picks = [term.inner for term in picked if _expand(term.name, expand) == name]
    omits = [part for term in omitted if _expand(term.name, expand) == name for part in term.inner or ()]
    limited = [part for inner in picks if inner is not None for part in inner]
    return _build(limited if limited and None not in picks else None, omits, expand)
