"""What a reader asks for: the typed wish that every view makes of its request before anything touches the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import re2
from msgspec import Struct

from stadtkern.errors import BadRequestData
from stadtkern.model.instant import Instant, parse_instant
from stadtkern.query.filter import Filter
from stadtkern.query.order import Order

Join = Literal["inline", "flat"]
TimeRelation = Literal["before", "after", "between"]
TimeProperty = Literal["observedAt", "createdAt", "modifiedAt", "deletedAt"]
AggregationMethod = Literal["totalCount", "distinctCount", "sum", "avg", "min", "max", "stddev", "sumsq"]

TIME_RELATIONS: tuple[TimeRelation, ...] = ("before", "after", "between")
TIME_PROPERTIES: tuple[TimeProperty, ...] = ("observedAt", "createdAt", "modifiedAt", "deletedAt")
AGGREGATION_METHODS: tuple[AggregationMethod, ...] = (
    "totalCount",
    "distinctCount",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "sumsq",
)

DEFAULT_LIMIT = 20
MAX_LIMIT = 1_000
MAX_INSTANCES = 1_000_000
"""Largest lastN or firstN that makes sense to ask for."""


class EntityQuery(Struct, frozen=True, kw_only=True):
    """A query for entities. Spec: CIM 009 5.7.2.3.

    filter: None selects everything the Grant shows. order: None means by the dense number ``n``, the cheapest.
    after: the ``n`` of the last entity of the page before (keyset paging), not used where there is an order; ``offset``
    goes on from there, and ``passed`` tells how many matches lay before it when the key was made.
    limit: may be 0 to get the count alone. dataset_ids: keep only these instances (``""`` is the default one);
    None keeps all. join: how linked entities are shown, down to join_level relationships.
    contained_by: ids on the way to these entities, which are not shown again (CIM 009 4.5.23).
    """

    filter: Filter | None = None
    order: Order | None = None
    limit: int = DEFAULT_LIMIT
    offset: int = 0
    after: int | None = None
    passed: int = 0
    count: bool = False
    dataset_ids: frozenset[str] | None = None
    join: Join | None = None
    join_level: int = 1
    contained_by: tuple[str, ...] = ()

    @property
    def place(self) -> int:
        """How many matches lie before the page, as the reader counts them."""
        return self.passed + self.offset


class Duration(Struct, frozen=True):
    """An ISO 8601 duration: calendar months, then microseconds. Both 0 means the whole range (``PT0S``)."""

    months: int = 0
    micros: int = 0

    @property
    def is_whole_range(self) -> bool:
        """Whether one period spans the whole time range."""
        return not self.months and not self.micros


class Aggregation(Struct, frozen=True):
    """Which methods over which periods. Spec: CIM 009 4.5.19."""

    methods: tuple[AggregationMethod, ...]
    period: Duration = Duration()


class TemporalQuery(Struct, frozen=True, kw_only=True):
    """Which part of history is asked for. Spec: CIM 009 4.11, 5.2.21.

    time_relation: None means all of history. last_n/first_n: at most so many instances of each attribute and
    dataset id, the latest or the earliest ones.
    """

    time_relation: TimeRelation | None = None
    time_at: Instant | None = None
    end_time_at: Instant | None = None
    time_property: TimeProperty = "observedAt"
    last_n: int | None = None
    first_n: int | None = None
    aggregation: Aggregation | None = None

    def window(self) -> tuple[Instant | None, Instant | None]:
        """Give the range as (from, to): from included, to excluded, None for open ends.

        Spec: CIM 009 4.11 (after and the start of between include their bound, before and the end exclude theirs).
        """
        match self.time_relation:
            case "before":
                return None, self.time_at
            case "after":
                return self.time_at, None
            case "between":
                return self.time_at, self.end_time_at
            case None:
                return None, None


def parse_temporal_query(
    *,
    timerel: str | None = None,
    time_at: str | None = None,
    end_time_at: str | None = None,
    timeproperty: str | None = None,
    last_n: str | float | None = None,
    first_n: str | float | None = None,
    aggr_methods: str | Sequence[str] | None = None,
    aggr_period_duration: str | None = None,
) -> TemporalQuery:
    """Parse the temporal parameters, from a URL (texts) or a Query body (numbers and lists too).

    Raises: BadRequestData. Spec: CIM 009 4.11, 4.5.19, 5.2.21.
    """
    relation = None if timerel is None else cast("TimeRelation", _one_of(timerel, TIME_RELATIONS, "timerel"))
    at, end = _parse_times(relation, time_at, end_time_at)
    if last_n is not None and first_n is not None:
        raise BadRequestData("The lastN and firstN parameters exclude one another", pointer="firstN:0")
    return TemporalQuery(
        time_relation=relation,
        time_at=at,
        end_time_at=end,
        time_property=cast("TimeProperty", _one_of(timeproperty or "observedAt", TIME_PROPERTIES, "timeproperty")),
        last_n=_parse_count(last_n, "lastN"),
        first_n=_parse_count(first_n, "firstN"),
        aggregation=_parse_aggregation(aggr_methods, aggr_period_duration),
    )


def _parse_times(
    relation: TimeRelation | None, time_at: str | None, end_time_at: str | None
) -> tuple[Instant | None, Instant | None]:
    """Check which times go with which relation."""
    if relation is None:
        if time_at is not None or end_time_at is not None:
            raise BadRequestData("The timeAt and endTimeAt parameters need a timerel", pointer="timerel:0")
        return None, None
    if time_at is None:
        raise BadRequestData(f"The timerel {relation!r} needs a timeAt", pointer="timeAt:0")
    if (end_time_at is not None) != (relation == "between"):
        need = "needs an" if relation == "between" else "takes no"
        raise BadRequestData(f"The timerel {relation!r} {need} endTimeAt", pointer="endTimeAt:0")
    at = parse_time_parameter(time_at, "timeAt")
    end = None if end_time_at is None else parse_time_parameter(end_time_at, "endTimeAt")
    if end is not None and end < at:
        raise BadRequestData("The endTimeAt lies before the timeAt", pointer="endTimeAt:0")
    return at, end


_BLANK = re2.compile(r"(.*) (\d{2}:?\d{2})")


def parse_time_parameter(text: str, parameter: str) -> Instant:
    """Read a time with any offset; the plus sign of one that was not escaped has arrived as a blank.

    Raises: BadRequestData.
    """
    found = _BLANK.fullmatch(text) if len(text) <= 64 else None
    try:
        return parse_instant(text if found is None else f"{found.group(1)}+{found.group(2)}")
    except BadRequestData as error:
        raise BadRequestData(
            f"The {parameter} parameter is wrong: {error.detail}",
            hint="a plus sign in an address is a blank unless it is written %2B" if " " in text else None,
            pointer=f"{parameter}:0",
        ) from error


def _one_of(text: str, allowed: tuple[str, ...], parameter: str) -> str:
    if text not in allowed:
        raise BadRequestData(
            f"The {parameter} {text[:40]!r} is not known", hint=f"one of {', '.join(allowed)}", pointer=f"{parameter}:0"
        )
    return text


def _parse_count(value: str | float | None, parameter: str) -> int | None:
    """Read a positive integer, a digit text or a JSON number without a fraction."""
    if value is None:
        return None
    if isinstance(value, str):
        number = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
    else:
        number = int(value) if not isinstance(value, bool) and value == value // 1 and 0 < value < 1e9 else 0
    if not 0 < number <= MAX_INSTANCES:
        raise BadRequestData(
            f"The {parameter} parameter must be a whole number from 1 to {MAX_INSTANCES}, not {str(value)[:20]!r}",
            pointer=f"{parameter}:0",
        )
    return number


def _parse_aggregation(methods: str | Sequence[str] | None, period: str | None) -> Aggregation | None:
    if methods is None:
        if period is not None:
            raise BadRequestData("The aggrPeriodDuration parameter needs aggrMethods", pointer="aggrMethods:0")
        return None
    names = [name.strip() for name in methods.split(",")] if isinstance(methods, str) else list(methods)
    if not names or len(names) > 2 * len(AGGREGATION_METHODS):
        raise BadRequestData("The aggrMethods parameter needs at least one method", pointer="aggrMethods:0")
    checked = dict.fromkeys(_one_of(name, AGGREGATION_METHODS, "aggrMethods") for name in names)
    duration = Duration() if period is None else parse_duration(period, "aggrPeriodDuration")
    return Aggregation(cast("tuple[AggregationMethod, ...]", tuple(checked)), duration)


_DURATION = re2.compile(
    r"P(?:(\d{1,9})W|(?:(\d{1,9})Y)?(?:(\d{1,9})M)?(?:(\d{1,9})D)?"
    r"(T(?:(\d{1,9})H)?(?:(\d{1,9})M)?(?:(\d{1,9})(?:[.,](\d{1,6}))?S)?)?)"
)
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_MAX_MONTHS = 12 * 10_000
_MAX_MICROS = 10_000 * 366 * _DAY


def parse_duration(text: str, parameter: str = "duration") -> Duration:
    """Parse ``P[n]Y[n]M[n]DT[n]H[n]M[n]S`` or ``P[n]W``. Raises: BadRequestData. Spec: CIM 009 4.5.19.1."""
    found = _DURATION.fullmatch(text) if len(text) <= 100 else None
    if found is None or text.endswith(("P", "T")):
        raise BadRequestData(
            f"The {parameter} {text[:40]!r} is not an ISO 8601 duration",
            hint="such as PT1H, P1D, P1M; PT0S for the whole range",
            pointer=f"{parameter}:0",
        )
    weeks, years, months, days, _, hours, minutes, seconds, fraction = found.groups()
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    micros = (7 * int(weeks or 0) + int(days or 0)) * _DAY + whole * _SECOND + int((fraction or "0").ljust(6, "0"))
    duration = Duration(12 * int(years or 0) + int(months or 0), micros)
    if duration.months > _MAX_MONTHS or duration.micros > _MAX_MICROS:
        raise BadRequestData(f"The {parameter} {text!r} is longer than 10,000 years", pointer=f"{parameter}:0")
    return duration
