"""Times: their parts in UTC, and how instants and intervals compare.

An instant compares as the interval that starts and ends at it: every rule for intervals then gives what is said of
instants. Spec: OGC 18-088 Table 23; the algebra of intervals is FROST-Server's.
"""

from __future__ import annotations

from typing import Final, LiteralString

from stadtkern.model.instant import EARLIEST, LATEST
from stadtkern.store.dialect import NOW, Bound, EngineName, Sql
from stadtkern.store.sensorthings.value import NOTHING, TRUE, Duration, Time, Value, number_value

# {} + 62135596800000000: microseconds since the year 1, never negative, so that integer division rounds down
_PARTS: Final[dict[str, LiteralString]] = {
    "hour": "({} + 62135596800000000) % 86400000000 / 3600000000",
    "minute": "({} + 62135596800000000) % 3600000000 / 60000000",
    "second": "({} + 62135596800000000) % 60000000 / 1000000",
    "fractionalseconds": "CAST(({} + 62135596800000000) % 1000000 AS double precision) / 1000000",
    "date": "({} + 62135596800000000) / 86400000000 * 86400000000 - 62135596800000000",
    "time": "({} + 62135596800000000) % 86400000000",
    "totaloffsetminutes": "({}) * 0",
}
_DAYS: Final[dict[EngineName, dict[str, LiteralString]]] = {
    "sqlite": {
        "year": "strftime('%Y', ({} + 62135596800000000) / 1000000 - 62135596800, 'unixepoch')",
        "month": "strftime('%m', ({} + 62135596800000000) / 1000000 - 62135596800, 'unixepoch')",
        "day": "strftime('%d', ({} + 62135596800000000) / 1000000 - 62135596800, 'unixepoch')",
    },
    "postgres": {
        "year": "extract(year FROM DATE '0001-01-01' + (({} + 62135596800000000) / 86400000000)::int)",
        "month": "extract(month FROM DATE '0001-01-01' + (({} + 62135596800000000) / 86400000000)::int)",
        "day": "extract(day FROM DATE '0001-01-01' + (({} + 62135596800000000) / 86400000000)::int)",
    },
}
PARTS: Final = frozenset({*_PARTS, *_DAYS["sqlite"]})
"""Functions of one time; of an interval its start counts."""
_OF_INTERVALS: Final[dict[str, LiteralString]] = {
    "eq": "({s1} = {s2} AND {e1} = {e2})",
    "ne": "(NOT ({s1} = {s2} AND {e1} = {e2}))",
    "gt": "({s1} >= {e2} AND {s1} > {s2})",
    "ge": "({s1} >= {s2} AND {e1} >= {e2})",
    "lt": "({e1} <= {s2} AND {s1} < {s2})",
    "le": "({s1} <= {s2} AND {e1} <= {e2})",
    "meets": "({s1} = {e2} OR {e1} = {s2})",
    "during": "({s2} <= {s1} AND {e2} > {s1} AND {e2} >= {e1})",
    "overlaps": "(NOT ({s1} >= {e2} OR {s2} >= {e1}) OR {s1} = {s2})",
    "starts": "({s1} = {s2})",
    "finishes": "({e1} = {e2})",
}
COMPARISONS: Final[dict[str, LiteralString]] = {
    "eq": "({} = {})",
    "ne": "({} <> {})",
    "gt": "({} > {})",
    "ge": "({} >= {})",
    "lt": "({} < {})",
    "le": "({} <= {})",
}
_SAME: Final = {"before": "lt", "after": "gt"}
RELATIONS: Final = frozenset({"before", "after", "meets", "during", "overlaps", "starts", "finishes"})
"""Functions that compare two times."""


def part_of_time(name: str, value: Value, engine: EngineName) -> Value:
    """Give a part of a time, one of ``PARTS``; unknown outside the years 1 to 9999."""
    if value.time is None:
        return NOTHING
    part = _part(_PARTS.get(name) or _DAYS[engine][name], value.time)
    if name == "date":
        return Value(time=Time(part))
    if name == "time":
        return Value(duration=Duration(part))
    return number_value(Sql("CAST({} AS double precision)", part), integer=name != "fractionalseconds")


def _part(template: LiteralString, time: Time) -> Sql:
    if time.range == "stored":
        return Sql("({})", Sql(template, time.start))
    return Sql(
        "(SELECT CASE WHEN arg.a >= -62135596800000000 AND arg.a < 253402300800000000 THEN {} END"
        " FROM (SELECT {} AS a LIMIT 1) arg)",
        Sql(template, Sql("CAST(arg.a AS bigint)" if time.range == "near" else "CAST(floor(arg.a) AS bigint)")),
        time.start,
    )


def known_time(name: str) -> Value:
    """Give ``now``, ``mindatetime`` or ``maxdatetime``."""
    instant = {"now": NOW, "mindatetime": Bound(EARLIEST, "bigint"), "maxdatetime": Bound(LATEST, "bigint")}[name]
    return Value(time=Time(Sql("{}", instant)), present=TRUE)


def compare_times(operator: str, left: Time, right: Time) -> Sql:
    """Compare by an operator or one of ``RELATIONS``."""
    operator = _SAME.get(operator, operator)
    if "far" in {left.range, right.range}:
        # SQLite would compare an integer with a double exactly, PostgreSQL as doubles
        left, right = _as_doubles(left), _as_doubles(right)
    if left.end is None and right.end is None and operator in COMPARISONS:
        return Sql(COMPARISONS[operator], left.start, right.start)
    return _fill(_OF_INTERVALS[operator], {"s1": left.start, "e1": _end(left), "s2": right.start, "e2": _end(right)})


def _as_doubles(time: Time) -> Time:
    start = Sql("CAST({} AS double precision)", time.start)
    return Time(start, None if time.end is None else Sql("CAST({} AS double precision)", time.end), "far")


def _end(time: Time) -> Sql:
    return time.start if time.end is None else Sql("coalesce({}, {})", time.end, time.start)


def _fill(template: LiteralString, ends: dict[str, Sql]) -> Sql:
    """Put SQL for the names in braces."""
    pieces = template.replace("{", "}").split("}")
    filled = Sql("")
    for place, piece in enumerate(pieces):
        filled = Sql("{}{}", filled, ends[piece] if place % 2 else Sql(piece))
    return filled
