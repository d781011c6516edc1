"""How long rendering takes, beside what any encoder must take: run with ``python benchmarks/render.py``.

Printed: microseconds for an entity of ten attributes in each form, and the ratio to encoding the finished tree with
msgspec. The budget is 25 µs.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import msgspec

from stadtkern.jsonld.context import compile_context
from stadtkern.model.entity import AttributeKind, Entity, Instance
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import parse_instant
from stadtkern.model.json import raw
from stadtkern.views.ngsild.render_entity import EntityRenderer, render_entity
from stadtkern.views.ngsild.representation import Format, Representation

ROUNDS = 20_000
NOW = parse_instant("2026-03-01T12:00:00Z")
FORMATS: tuple[Format, ...] = ("normalized", "concise", "simplified")
CONTEXT = compile_context({"ex": "https://example.org/"} | {f"a{n}": f"ex:attribute{n}" for n in range(10)})


def make_entity() -> Entity:
    """Make an entity of ten attributes: seven Properties, a GeoProperty, a Relationship, a LanguageProperty."""
    values: list[tuple[AttributeKind, object]] = [("Property", n * 1.5) for n in range(7)]
    values += [
        ("GeoProperty", {"type": "Point", "coordinates": [7.62, 51.96]}),
        ("Relationship", "urn:ngsi-ld:Road:1"),
        ("LanguageProperty", {"de": "Domplatz", "en": "cathedral square"}),
    ]
    attributes = {
        Iri(f"https://example.org/attribute{n}"): [
            Instance(
                kind=kind,
                value=raw(value),
                observed_at=NOW if n < 5 else None,
                unit_code="C62" if n < 3 else None,
                created_at=NOW,
                modified_at=NOW,
            )
        ]
        for n, (kind, value) in enumerate(values)
    }
    types = [Iri("https://example.org/Station")]
    return Entity(
        id=EntityId("urn:ngsi-ld:Station:1"), types=types, attributes=attributes, created_at=NOW, modified_at=NOW
    )


def measure(work: Callable[[], object]) -> float:
    """Give the microseconds one call takes: the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        start = perf_counter()
        for _ in range(ROUNDS // 5):
            work()
        best = min(best, (perf_counter() - start) / (ROUNDS // 5))
    return best * 1e6


def main() -> None:
    """Measure each form and print a line for it."""
    entity = make_entity()
    for form in FORMATS:
        for sys_attrs in (False, True):
            representation = Representation(format=form, sys_attrs=sys_attrs)
            tree = EntityRenderer(CONTEXT, representation, NOW).tree(entity)
            renderer = EntityRenderer(CONTEXT, representation, NOW)
            bare = measure(lambda tree=tree: msgspec.json.encode(tree))
            alone = measure(lambda r=representation: render_entity(entity, CONTEXT, r, now=NOW))
            page = measure(lambda renderer=renderer: renderer.render(entity))
            name = form + (" + sysAttrs" if sys_attrs else "")
            print(
                f"{name:24} one {alone:5.1f} µs, in a page {page:5.1f} µs"
                f", encoding {bare:4.1f} µs, ratio {page / bare:4.1f}"
            )


if __name__ == "__main__":
    main()
