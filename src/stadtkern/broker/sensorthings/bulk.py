"""Many entities of SensorThings at a time: rows of Observations, and the deletion of what a filter chooses.

Spec: OGC 18-088 13 (data array).
"""

from __future__ import annotations

import contextlib
from typing import Final

from msgspec.structs import replace

from stadtkern.broker.long_body import work_on
from stadtkern.broker.sensorthings.body import Reference
from stadtkern.broker.sensorthings.known import look_up
from stadtkern.broker.sensorthings.rows import Batch, features_of, plan_rows, read_groups
from stadtkern.broker.sensorthings.streams import StreamLookup
from stadtkern.broker.sensorthings.writing import SensorThingsWriter
from stadtkern.broker.tenants import OpenTenant, Tenants
from stadtkern.errors import BadRequestData, Forbidden, OperationNotSupported, Problem, ResourceNotFound, TooManyResults
from stadtkern.model.change import Outcome
from stadtkern.model.ids import EntityId
from stadtkern.model.instant import Instant, now
from stadtkern.model.operation import DeleteHistoryInstance
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_answer import Record
from stadtkern.policy.grant import Grant
from stadtkern.query.odata.tree import Query, Selected, Target
from stadtkern.store.sensorthings import read

MOST_DELETED: Final = 10_000
"""Entities that one filter may delete."""
_PAGE: Final = 1_000
_SLICE: Final = 500
Written = list[int | None]
"""The ids of Observations in the order of their rows; None where a row could not be written."""


class SensorThingsBulk:
    """The part of the broker for many entities of SensorThings at a time."""

    def __init__(self, tenants: Tenants, writer: SensorThingsWriter) -> None:
        self._tenants = tenants
        self._writer = writer

    async def create_observations(self, grant: Grant, text: bytes) -> Written:
        """Write rows of Observations; each succeeds or fails alone.

        Raises: InvalidRequest, BadRequestData (what is no data array), PayloadTooLarge, TooManyRequests, Unavailable.
        """
        groups = await work_on(len(text), lambda: read_groups(text))
        tenant = await self._tenants.get(grant.tenant)
        moment = now()
        lookup = StreamLookup(tenant.database)
        known = await look_up(lookup, grant, [group.stream for group in groups], moment)
        features = await _look_up_features(lookup, grant, list(features_of(groups)), moment)
        batches = await work_on(len(text), lambda: plan_rows(groups, known, features, moment))
        ids: Written = [None] * sum(len(group.rows) for group in groups)
        results = await tenant.writer.write(grant, [one.operation for one in batches], len(text), numbered=True)
        for batch, result in zip(batches, results, strict=True):
            _note(ids, batch, result)
        return ids

    async def delete_set(self, grant: Grant, target: Target, query: Query) -> None:
        """Delete the entities of a set that a filter chooses, each with what cannot be without it.

        They are chosen first; what only follows from others stays. query: its filter is looked at.
        Raises: ResourceNotFound (the address leads nowhere), Forbidden, TooManyResults (nothing was deleted).
        """
        if grant.action == "record":
            raise Forbidden("This key belongs to a source: it may add values, not replace or delete")
        tenant = await self._tenants.get(grant.tenant)
        records = await self._chosen(tenant, grant, target, query)
        if records and records[0].type == "Observation":
            await self._delete_observations(tenant, grant, records)
            return
        for record in records:
            await self._delete(grant, record.type, record.id)

    async def _chosen(self, tenant: OpenTenant, grant: Grant, target: Target, query: Query) -> list[Record]:
        asked = Query(filter=query.filter, select=(Selected("id"),))
        records: list[Record] = []
        while True:
            page = await read.read_set(tenant.database, grant, target, asked, limit=_PAGE, now=now())
            records += page.records
            if not page.more:
                return records
            if len(records) >= MOST_DELETED:
                raise TooManyResults(
                    f"More than {MOST_DELETED} entities match; nothing was deleted", hint="delete them in parts"
                )
            asked = replace(asked, skip=len(records), after=page.after)

    async def _delete(self, grant: Grant, type: TypeName, id_: int) -> None:
        try:
            await self._writer.delete(grant, type, id_)
        except (ResourceNotFound, OperationNotSupported):
            return  # it went along with another one, or is nothing of its own

    async def _delete_observations(self, tenant: OpenTenant, grant: Grant, records: list[Record]) -> None:
        numbers = {record.stream[1] for record in records if record.stream is not None}
        streams = await StreamLookup(tenant.database).find(grant, numbers)
        operations = [
            DeleteHistoryInstance(stream.thing, stream.attribute, record.id)
            for record in records
            if record.stream is not None and (stream := streams.get(record.stream[1])) is not None
        ]
        for result in await tenant.writer.write(grant, operations):
            if isinstance(result, Problem) and not isinstance(result, ResourceNotFound):
                raise result


async def _look_up_features(
    lookup: StreamLookup, grant: Grant, wanted: list[Reference], moment: Instant
) -> dict[int, EntityId]:
    """Give the ids of the features that rows name and that are there, few entities at a time."""
    found: dict[int, EntityId] = {}
    for start in range(0, len(wanted), _SLICE):
        part = wanted[start : start + _SLICE]
        known = await look_up(lookup, grant, part, moment)
        for one in part:
            with contextlib.suppress(BadRequestData):
                found[one.id] = known.entity(one).id
    return found


def _note(ids: Written, batch: Batch, result: Outcome | Problem) -> None:
    """Note the ids of the rows of a batch."""
    if isinstance(result, Outcome) and len(result.observations) == len(batch.places):
        for place, id_ in zip(batch.places, result.observations, strict=True):
            ids[place] = id_
