"""What the routes ask of the broker."""

from __future__ import annotations

from typing import Protocol

from stadtkern.broker.sensorthings.bulk import Written
from stadtkern.broker.sensorthings.writing import Created
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.tree import Query, Target


class Reader(Protocol):
    """What is read."""

    async def read_set(self, grant: Grant, target: Target, query: Query, *, limit: int) -> Page:
        """Give a page of a set. Raises: ResourceNotFound, BadRequestData, TooComplexQuery."""
        ...

    async def read_one(self, grant: Grant, target: Target, query: Query) -> Record | None:
        """Give one entity; None where the last step leads nowhere. Raises: ResourceNotFound, TooComplexQuery."""
        ...


class Writer(Protocol):
    """What is written."""

    async def create(
        self, grant: Grant, type: TypeName, text: bytes, *, parent: tuple[str, int] | None = None
    ) -> Created:
        """Create an entity with all that stands inline in it."""
        ...

    async def update(self, grant: Grant, type: TypeName, id_: int, text: bytes) -> None:
        """Change an entity."""
        ...

    async def delete(self, grant: Grant, type: TypeName, id_: int) -> None:
        """Delete an entity and what cannot be without it."""
        ...


class Bulk(Protocol):
    """What is written and deleted many at a time."""

    async def create_observations(self, grant: Grant, text: bytes) -> Written:
        """Write rows of Observations."""
        ...

    async def delete_set(self, grant: Grant, target: Target, query: Query) -> None:
        """Delete the entities of a set that a filter chooses."""
        ...
