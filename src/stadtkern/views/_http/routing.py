"""How a view tells what it answers: a table from path segments to routes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from stadtkern.errors import MethodNotAllowed, ResourceNotFound
from stadtkern.policy.grant import Action
from stadtkern.views._http.description import Description
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import Dialect

Handler = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class Route:
    """What answers one method on one kind of address, and what the caller must be allowed to do for it."""

    action: Action
    handler: Handler
    system: bool = False
    """Work on the whole installation: for the administrator token alone, and without a tenant."""
    monitoring: bool = False
    """A system route that the setting ``metrics`` opens to others."""
    mixed: bool = False
    """Requests of all kinds in one: the handler has each of them judged for what it does."""


Table = dict[tuple[str, ...], dict[str, Route]]
"""Path patterns to routes by method; ``*`` stands for any one segment."""


class View(Protocol):
    """One standard's door."""

    name: str
    dialect: Dialect
    description: Description
    """What each route does, for people and for the OpenAPI document; it has an operation for every route."""

    @property
    def table(self) -> Table:
        """All its routes."""
        ...

    def knows(self, segments: Sequence[str]) -> bool:
        """Tell whether one of the routes has this address."""
        ...

    def route(self, method: str, segments: Sequence[str]) -> Route:
        """Find the route. Raises: ResourceNotFound, MethodNotAllowed."""
        ...


class Router:
    """Match path segments against a table; patterns of one length are tried literal before ``*``."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._literal = {pattern: routes for pattern, routes in table.items() if "*" not in pattern}
        self._by_length: dict[int, list[tuple[tuple[str, ...], dict[str, Route]]]] = {}
        for pattern, routes in table.items():
            if "*" in pattern:
                self._by_length.setdefault(len(pattern), []).append((pattern, routes))
        for patterns in self._by_length.values():
            patterns.sort(key=lambda entry: [part == "*" for part in entry[0]])

    def route(self, method: str, segments: Sequence[str]) -> Route:
        """Find the route. Raises: ResourceNotFound, MethodNotAllowed."""
        routes = self._find(tuple(segments))
        if routes is None:
            raise ResourceNotFound(f"The address /{'/'.join(segments)[:200]} does not exist")
        route = routes.get(method) or (routes.get("GET") if method == "HEAD" else None)
        if route is None:
            allow = (*sorted(routes), "OPTIONS")
            raise MethodNotAllowed(f"The method {method[:20]} is not allowed here", allow=allow)
        return route

    def knows(self, segments: Sequence[str]) -> bool:
        """Tell whether the address exists, for whatever method."""
        return self._find(tuple(segments)) is not None

    def _find(self, segments: tuple[str, ...]) -> dict[str, Route] | None:
        if segments in self._literal:
            return self._literal[segments]
        for pattern, routes in self._by_length.get(len(segments), ()):
            if all(part in ("*", given) for part, given in zip(pattern, segments, strict=True)):
                return routes
        return None


class RoutedView:
    """A view whose routes are one table: what most views are."""

    def __init__(self, table: Table) -> None:
        self._router = Router(table)

    @property
    def table(self) -> Table:
        """All routes."""
        return self._router.table

    def knows(self, segments: Sequence[str]) -> bool:
        """Tell whether one of the routes has this address."""
        return self._router.knows(segments)

    def route(self, method: str, segments: Sequence[str]) -> Route:
        """Find the route. Raises: ResourceNotFound, MethodNotAllowed."""
        return self._router.route(method, segments)
