"""Read sets and single entities in the terms of SensorThings. Spec: OGC 18-088 9.2, 9.3."""

from __future__ import annotations

from stadtkern.model.instant import Instant
from stadtkern.model.sensorthings_answer import Page, Record
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.tree import Query, Target
from stadtkern.store.engine.base import Database


async def read_set(database: Database, grant: Grant, target: Target, query: Query, *, limit: int, now: Instant) -> Page:
    """Give a page of a set. Raises: ResourceNotFound, BadRequestData, TooComplexQuery."""
    raise NotImplementedError


async def read_one(database: Database, grant: Grant, target: Target, query: Query, *, now: Instant) -> Record | None:
    """Give one entity. Raises: ResourceNotFound, TooComplexQuery."""
    raise NotImplementedError
