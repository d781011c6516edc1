"""Follow the steps of an address: each must truly lead to the next. Spec: OGC 18-088 9.2.3."""

from __future__ import annotations

from typing import NamedTuple

from stadtkern.errors import ResourceNotFound
from stadtkern.model.sensorthings import SETS, TYPES, TypeName
from stadtkern.query.odata.tree import Query, Step, Target
from stadtkern.store.dialect import TRUE, Bound, Sql
from stadtkern.store.sensorthings.page import Found, choose, rows_of
from stadtkern.store.sensorthings.reader import Reader
from stadtkern.store.sensorthings.relation import related_source, relation_join
from stadtkern.store.sensorthings.sight import KnownRow, Row
from stadtkern.store.sensorthings.source import PAST_PLACE, Span, source
from stadtkern.store.statements import statements

NOTHING = Query(select=())
"""Shows no property."""
_LARGEST = 2**63 - 1
_BLOCK = 256


class Place(NamedTuple):
    """Where an address leads: a type, and the relation that it is reached by, None for the set itself."""

    type: TypeName
    parent_type: TypeName | None = None
    relation: str | None = None
    parent: KnownRow | None = None

    def table(self, reader: Reader, row: Row, span: Span | None = None, *, listed: bool = True) -> tuple[Sql, Sql]:
        """Give the table under the name of ``row`` and the condition of being related."""
        if self.parent is None or self.parent_type is None or self.relation is None:
            return source(reader.sight, self.type, row, listed=listed, span=span), TRUE
        if span is not None:
            table = source(reader.sight, self.type, row, listed=listed, span=span)
        else:
            table = related_source(reader.sight, self.parent_type, self.relation, row, self.parent)
        return table, relation_join(reader.sight, self.parent_type, self.relation, self.parent, row)


async def resolve(reader: Reader, target: Target) -> tuple[Place, Step]:
    """Walk to the last step of an address. Raises: ResourceNotFound (a step before it leads nowhere)."""
    place = Place(SETS[target.steps[0].name].name)
    for step, after in zip(target.steps, target.steps[1:], strict=False):
        found = await find(reader, place, step, NOTHING)
        if found is None:
            raise missing(place, step)
        relation = TYPES[place.type].relations[after.name]
        place = Place(relation.target, place.type, relation.name, found.row)
    return place, target.steps[-1]


def missing(place: Place, step: Step) -> ResourceNotFound:
    """Say that a step leads nowhere."""
    if step.id is None:
        return ResourceNotFound(f"There is no {place.type} at {step.name}")
    if place.parent_type is None:
        return ResourceNotFound(f"{place.type} {step.id} does not exist")
    return ResourceNotFound(f"{place.type} {step.id} is none of the {step.name} of this {place.parent_type}")


async def find(reader: Reader, place: Place, step: Step, query: Query) -> Found | None:
    """Read the one entity that a step leads to, with what a query selects."""
    if step.id is not None and not 0 <= step.id <= _LARGEST:
        return None
    span = None
    if step.id is not None and _lies_in_history(place.type, step.id):
        span = await _locate(reader, step.id % PAST_PLACE)
        if span is None:
            return None
    row = reader.sight.row()
    # only an id leads to what is not listed
    listed = place.type not in {"Location", "FeatureOfInterest"} or (place.type == "Location" and span is None)
    table, related = place.table(reader, row, span, listed=listed)
    chosen = choose(reader.sight, place.type, row, table, NOTHING).also(related)
    if step.id is not None:
        chosen = chosen.also(Sql("{} = {}", row["n"], Bound(step.id, "bigint")))
    found = await reader.read(chosen, rows_of(reader.sight, chosen, 1, 0), query, lane="key")
    return found[0] if found else None


def _lies_in_history(type: TypeName, id: int) -> bool:
    return type in {"Observation", "HistoricalLocation"} or (type == "Location" and id >= PAST_PLACE)


async def _locate(reader: Reader, id: int) -> Span | None:
    """Tell where an observation lies, by the block that its id is from."""
    sql = statements("sensorthings.sql", reader.database.engine)["locate"]
    rows = await reader.database.fetch(sql, id // _BLOCK)
    if not rows or rows[0][1] is None:
        return None
    series, start, end = (Sql("{}", Bound(value, "bigint")) for value in rows[0])
    return Span(series, start, end)
