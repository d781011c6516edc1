"""Find the observed instances that are there already, inside a write transaction that holds the entity's lock."""

from __future__ import annotations

from collections.abc import Sequence

from stadtkern.model.entity import Instance
from stadtkern.model.ids import Iri
from stadtkern.model.instant import Instant
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Transaction
from stadtkern.store.observation import decode_observation
from stadtkern.store.statements import EngineName, array, statements

SeriesNames = dict[tuple[Iri, str], tuple[int, str | None]]
"""Number and usual unit of a series, by attribute and dataset id."""


async def load_series_names(transaction: Transaction, engine: EngineName, grant: Grant, entity: int) -> SeriesNames:
    """List the series of an entity."""
    rows = await transaction.fetch(statements("repeat.sql", engine)["series_of_entity"], entity)
    return {
        (Iri(attribute), dataset): (n, unit) for attribute, dataset, n, unit in rows if attribute not in grant.hidden
    }


async def load_observed_at(
    transaction: Transaction,
    engine: EngineName,
    grant: Grant,
    series: tuple[int, str | None],
    dataset_id: str,
    times: Sequence[Instant],
) -> dict[Instant, list[Instance]]:
    """Give a series' instances at these times, in order of their ids; each knows its id."""
    del grant  # judged with the series
    n, unit = series
    found: dict[Instant, list[Instance]] = {}
    sql = statements("repeat.sql", engine)["observed_at"]
    for row in await transaction.fetch(sql, n, min(times), max(times), array(engine, list(times))):
        found.setdefault(row[0], []).append(decode_observation(row, dataset_id, unit))
    return found
