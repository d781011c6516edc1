"""Values of expressions as SQL: what an expression is when it is a number, when it is a text, and so on.

The kind of a JSON value shows with each row only. So a value has a *face* for each kind that it may have: SQL that is
NULL in the rows where it is of another kind. What works on faces is unknown where faces are missing; nothing fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Literal, cast

from msgspec import Struct
from msgspec.structs import replace

from stadtkern.query.odata import tree
from stadtkern.store.dialect import Bound, EngineName, Sql

UNKNOWN: Final = Sql("CAST(NULL AS boolean)")
TRUE: Final = Sql("TRUE")
FALSE: Final = Sql("FALSE")


class Number(Struct, frozen=True):
    """A number. integer: it is whole by its kind, so that ``div`` is the integer division. exact: the SQL is an integer
    column, to be compared as such so that an index serves. constant: its value, where it is a literal.
    """

    sql: Sql
    integer: bool = False
    exact: bool = False
    constant: float | None = None


class Time(Struct, frozen=True):
    """A point in time or an interval, microseconds UTC.

    end: None, or NULL in a row: an instant. range: ``stored`` within the years 1 to 9999; ``near`` an integer that may
    lie somewhat outside; ``far`` a double.
    """

    start: Sql
    end: Sql | None = None
    range: Literal["stored", "near", "far"] = "stored"


class Duration(Struct, frozen=True):
    """A length of time in microseconds: an integer or a double. constant: its value, where it is a literal."""

    sql: Sql
    constant: int | None = None


class Shape(Struct, frozen=True):
    """A geometry: of a literal (GeoJSON text), or the stored one of the entity with the number ``place``."""

    literal: str | None = None
    place: Sql | None = None
    search: Sql | None = None
    """A plain column that equals ``place`` wherever that is not NULL."""
    wrap: Callable[[Sql], Sql] | None = None
    """Puts SQL on ``place`` into the subselect that ``place`` belongs to."""


class Value(Struct, frozen=True):
    """An expression by its faces. present: whether it is not null, always true or false; None: by the only face."""

    number: Number | None = None
    text: Sql | None = None
    boolean: Sql | None = None
    time: Time | None = None
    duration: Duration | None = None
    shape: Shape | None = None
    present: Sql | None = None
    literal: tree.Literal | None = None

    def is_present(self) -> Sql:
        """Give the condition that it is not null; never NULL itself."""
        if self.present is not None:
            return self.present
        faces = [face for face in (*self.keys(), self._geometry_key()) if face is not None]
        return Sql("({} IS NOT NULL)", faces[0]) if faces else FALSE

    def keys(self) -> tuple[Sql, ...]:
        """Give what it is sorted by, in this order: each kind's values together."""
        faces = (
            None
            if self.boolean is None
            else Sql("CASE WHEN {} THEN 1 WHEN NOT {} THEN 0 END", self.boolean, self.boolean),
            None if self.number is None else self.number.sql,
            self.text,
            None if self.time is None else self.time.start,
            None if self.duration is None else self.duration.sql,
        )
        return tuple(face for face in faces if face is not None)

    def _geometry_key(self) -> Sql | None:
        return None if self.shape is None else self.shape.place

    def map(self, change: Callable[[Sql], Sql]) -> Value:
        """Change the SQL of every face, for example into a subselect of it."""
        number, time, duration, shape = self.number, self.time, self.duration, self.shape
        return replace(
            self,
            number=None if number is None else replace(number, sql=change(number.sql)),
            text=None if self.text is None else change(self.text),
            boolean=None if self.boolean is None else change(self.boolean),
            time=None
            if time is None
            else replace(time, start=change(time.start), end=None if time.end is None else change(time.end)),
            duration=None if duration is None else replace(duration, sql=change(duration.sql)),
            shape=None if shape is None else replace(shape, wrap=change),
            present=Sql("coalesce({}, FALSE)", change(self.is_present())),
        )


NOTHING: Final = Value(present=FALSE)
"""What is null, or of no kind that is known here."""


def number_value(sql: Sql, *, integer: bool = False) -> Value:
    """Make the value of SQL that is a double."""
    return Value(number=Number(sql, integer=integer))


def text_value(sql: Sql) -> Value:
    """Make the value of SQL that is a text comparing by code point."""
    return Value(text=sql)


def boolean_value(sql: Sql) -> Value:
    """Make the value of a condition."""
    return Value(boolean=sql)


def literal_value(literal: tree.Literal, engine: EngineName) -> Value:
    """Make the value of a constant."""
    match literal.kind:
        case "number":
            number = cast("float", literal.value)
            integer = literal.text.lstrip("+-").isdigit() if literal.text else number.is_integer()
            bound = Sql("{}", Bound(number, "double precision"))
            value = Value(number=Number(bound, integer=integer, constant=number))
        case "text":
            value = text_value(text_of(Bound(literal.value, "text"), engine))
        case "boolean":
            value = boolean_value(TRUE if literal.value else FALSE)
        case "instant":
            value = Value(time=Time(Sql("{}", Bound(literal.value, "bigint"))))
        case "interval":
            start, end = cast("tuple[int, int]", literal.value)
            value = Value(time=Time(Sql("{}", Bound(start, "bigint")), Sql("{}", Bound(end, "bigint"))))
        case "duration":
            value = duration_literal(cast("int", literal.value))
        case "geometry":
            value = Value(shape=Shape(literal=cast("str", literal.value)))
        case "null":
            return Value(present=FALSE, literal=literal)
    return replace(value, present=TRUE, literal=literal)


def duration_literal(micros: int) -> Value:
    """Make the value of a duration that is known."""
    return Value(duration=Duration(Sql("{}", Bound(micros, "bigint")), constant=micros), present=TRUE)


def text_of(sql: Sql | Bound, engine: EngineName) -> Sql:
    """Give a text that compares by code point."""
    return Sql('({} COLLATE "C")', sql) if engine == "postgres" else Sql("{}", sql)


def balanced(operator: Literal["AND", "OR"], parts: Sequence[Sql]) -> Sql:
    """Join conditions as a tree of little height: engines bound how deep one may be."""
    if not parts:
        return TRUE if operator == "AND" else FALSE
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    first, rest = balanced(operator, parts[:half]), balanced(operator, parts[half:])
    return Sql("({} AND {})", first, rest) if operator == "AND" else Sql("({} OR {})", first, rest)
