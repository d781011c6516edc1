"""Files of NGSI-LD: entities as they are, each with its own @context, in any of the three forms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from stadtkern.errors import Problem
from stadtkern.ingest.mapping.compile import Mapping
from stadtkern.ingest.mapping.run import Facts, FaultAt, Made
from stadtkern.ingest.source.json_file import Element
from stadtkern.jsonld.context import Context
from stadtkern.model.json import parse_json

Resolve = Callable[[Any], Awaitable[Context]]
"""Gives the context that a reference stands for. Raises: Problem."""


class EntityReader:
    """Makes facts of the elements of an NGSI-LD file."""

    def __init__(self, mapping: Mapping, resolve: Resolve) -> None:
        self._mapping = mapping
        self._resolve = resolve

    async def make(self, element: Element) -> Made:
        """Read one entity; what is wrong with it is part of what comes back."""
        made = Made()
        try:
            tree = parse_json(element.text)
            context = await self._find_context(tree)
            form = self._mapping.document.source.form
            patch = self._mapping.wire.parse_entity(element.text, context, form)
        except Problem as problem:
            hint = f" ({problem.hint})" if problem.hint else ""
            reason = problem.detail.replace("The body", "the element", 1) + hint
            made.faults.append(FaultAt(problem.pointer or "", reason))
            return made
        if patch.id is None:
            made.faults.append(FaultAt("/id", "the entity has no id"))
            return made
        attributes = [(name, one) for name, group in patch.attributes.items() for one in group]
        made.facts.append(Facts(patch.id, patch.types, attributes, patch.scope, patch.expires_at))
        return made

    async def _find_context(self, tree: Any) -> Context:
        own = cast("dict[str, Any]", tree).get("@context") if isinstance(tree, dict) else None
        return self._mapping.context if own is None else await self._resolve(own)
