"""What describes the series of entities: names, units, sensors. Runs inside a write that holds the entities' locks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stadtkern.model.stream import Described
from stadtkern.policy.grant import Grant
from stadtkern.store.engine.base import Transaction
from stadtkern.store.statements import EngineName, array, statements


async def load_described(
    transaction: Transaction, engine: EngineName, grant: Grant, entity: int, attribute: str, dataset_id: str
) -> tuple[bool, Described] | None:
    """Tell whether a series is observed, and what is said of it; None where there is none."""
    if attribute in grant.hidden:
        return None
    rows = await transaction.fetch(statements("series.sql", engine)["load_described"], entity, attribute, dataset_id)
    if not rows:
        return None
    observed, name, description, measurement, unit, sensor, observed_property, properties, multi = rows[0]
    described = Described(
        name=name,
        description=description,
        measurement=measurement,
        unit=unit,
        sensor=sensor,
        observed_property=observed_property,
        properties=properties,
        multi=multi,
    )
    return bool(observed), described


async def save_described(
    transaction: Transaction, engine: EngineName, described: Iterable[tuple[int, Described]]
) -> None:
    """Write what is said of series, by their numbers."""
    rows = [
        (
            one.name,
            one.description,
            one.measurement,
            one.unit,
            one.sensor,
            one.observed_property,
            one.properties,
            one.multi,
            n,
        )
        for n, one in described
    ]
    await transaction.execute_many(statements("series.sql", engine)["save_described"], rows)


async def present_series(
    transaction: Transaction, engine: EngineName, grant: Grant, numbers: Sequence[int]
) -> set[tuple[int, int]]:
    """Tell which series are there, with the numbers of their entities."""
    del grant  # judged with the entity
    rows = await transaction.fetch(statements("series.sql", engine)["present"], array(engine, list(numbers)))
    return {(row[0], row[1]) for row in rows}
