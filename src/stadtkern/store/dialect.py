"""SQL as a value, and the few things the two engines say differently.

An ``Sql`` is made of literal text and bound parameters. Its template must be a literal (``LiteralString``: the type
checker refuses composed text), and everything else enters through ``{}``: another ``Sql`` or a ``Bound``. So no text
of a client can become SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, LiteralString, final

import msgspec

EngineName = Literal["sqlite", "postgres"]
ParamType = Literal["text", "bigint", "double precision", "boolean", "text[]", "bigint[]"]


@final
class Bound:
    """One bound parameter; ``type`` tells PostgreSQL what it is. Lists become JSON text on SQLite."""

    __slots__ = ("type", "value")

    def __init__(self, value: Any, type: ParamType) -> None:
        self.value: Final = value
        self.type: Final[ParamType] = type


NUMBER_IN_TEXT: Final = "^[+-]?[0-9]{1,100}([.][0-9]{1,100})?([eE][+-]?[0-9]{1,2})?$"
"""A text that both engines read as a number: none that a double cannot hold."""
NOW: Final = Bound(None, "bigint")
"""The instant of the request, given when the statement is rendered, so that compiled filters can be kept."""


@final
class Sql:
    """A piece of SQL: literal text with bound parameters in it."""

    __slots__ = ("pieces",)

    def __init__(self, template: LiteralString, *values: Sql | Bound) -> None:
        texts = template.split("{}")
        if len(texts) != len(values) + 1:
            raise ValueError(f"the template takes {len(texts) - 1} values, not {len(values)}")
        pieces: list[str | Bound] = [texts[0]]
        for value, text in zip(values, texts[1:], strict=True):
            if isinstance(value, Sql):
                pieces.extend(value.pieces)
            else:
                pieces.append(value)
            pieces.append(text)
        self.pieces: Final = tuple(pieces)

    def render(self, engine: EngineName, now: object = 0) -> tuple[str, list[Any]]:
        """Give the text with ``?1`` or ``$1`` placeholders, and the parameters in their order.

        now: microseconds, UTC; what has expired before it does not exist.
        """
        texts: list[str] = []
        params: list[Any] = []
        numbers: dict[int, int] = {}
        for piece in self.pieces:
            if isinstance(piece, str):
                texts.append(piece)
                continue
            if id(piece) not in numbers:
                params.append(_adapt(now if piece is NOW else piece.value, piece.type, engine))
                numbers[id(piece)] = len(params)
            number = numbers[id(piece)]
            texts.append(f"?{number}" if engine == "sqlite" else f"${number}::{piece.type}")
        return "".join(texts), params

    def __repr__(self) -> str:
        text, params = self.render("sqlite")
        return f"<Sql {text!r} {params!r}>"


def join(separator: Literal[" AND ", " OR ", " UNION ", " UNION ALL ", ", "], parts: Iterable[Sql]) -> Sql:
    """Put pieces one after the other."""
    pieces: list[str | Bound] = []
    for part in parts:
        if pieces:
            pieces.append(separator)
        pieces.extend(part.pieces)
    joined = Sql("")
    object.__setattr__(joined, "pieces", tuple(pieces))
    return joined


def _adapt(value: Any, type: ParamType, engine: EngineName) -> Any:
    if type.endswith("[]"):
        items: Sequence[Any] = list(value)
        return items if engine == "postgres" else msgspec.json.encode(items).decode()
    return float(value) if type == "double precision" else value


TRUE: Final = Sql("TRUE")
FALSE: Final = Sql("FALSE")


class Dialect:
    """What the engines write differently: lists, JSON and geometry. There are exactly two: SQLITE and POSTGRES.

    JSON is read in steps, each a derived table of the one before: *instances* (column ``i``: one stored attribute
    instance), *targets* (``kind`` and what the engine needs of the value), *elements* (of one target, called ``p``).
    Conditions on elements call them ``q``. Keys and names are always bound, never part of a JSON path.
    """

    engine: EngineName

    def is_in(self, operand: Sql, values: Bound) -> Sql:
        """Whether a text or number is one of a list."""
        raise NotImplementedError

    def code_point(self, operand: Sql) -> Sql:
        """A text that compares by code point."""
        raise NotImplementedError

    def starts_like(self, operand: Sql, pattern: Bound) -> Sql:
        """Whether a text fits a pattern made by ``wildcard``."""
        raise NotImplementedError

    def wildcard(self, parts: Sequence[str]) -> Bound:
        """Make a pattern: these parts with anything between them."""
        raise NotImplementedError

    def instances(self, entity: Sql, attribute: Bound) -> Sql:
        """The unexpired instances of an attribute in the current state; entity: the number of the entity's row."""
        raise NotImplementedError

    def sub_instances(self, instances: Sql, attribute: Bound) -> Sql:
        """The unexpired instances of a sub-attribute of each instance."""
        raise NotImplementedError

    def values(self, instances: Sql) -> Sql:
        """The value of each instance, as targets."""
        raise NotImplementedError

    def object_types(self, instances: Sql) -> Sql:
        """The objectType of each relationship that has one, as targets."""
        raise NotImplementedError

    def member(self, targets: Sql, key: Bound) -> Sql:
        """The member of each target that is an object with such a key."""
        raise NotImplementedError

    def languages(self, targets: Sql) -> Sql:
        """The targets that are language maps with a language."""
        raise NotImplementedError

    def not_languages(self, targets: Sql) -> Sql:
        """The targets that are no language maps."""
        raise NotImplementedError

    def column(self, instances: Sql, field: InstanceColumn) -> Sql:
        """A core member of each instance that has it, as column ``v``."""
        raise NotImplementedError

    def elements(self, *, of_languages: bool) -> Sql:
        """The elements of target ``p``; of_languages: a language map is split into its values."""
        raise NotImplementedError

    is_number: Sql
    number: Sql
    is_text: Sql
    text: Sql
    is_boolean: Sql
    is_true: Sql
    is_null: Sql
    """Of element ``q``. All are true or false, never NULL; ``number`` and ``text`` only where the type is right."""

    looks_like_instant: Sql
    """Whether the text of ``q`` may be a date-time."""

    def box(self, entity: Sql, attribute: Bound, dataset: Bound | None, box: Sequence[Bound] | None) -> Sql:
        """Whether a geometry of the attribute may touch the box (west, south, east, north); None: whether any
        exists.
        """
        raise NotImplementedError

    def near(self, entity: Sql, attribute: Bound, dataset: Bound | None, geometry: Bound, metres: Bound) -> Sql | None:
        """Whether a geometry of the attribute may be so near to one (GeoJSON text); None where only boxes can tell."""
        del entity, attribute, dataset, geometry, metres
        return None


InstanceColumn = Literal[
    "created_at", "modified_at", "deleted_at", "expires_at", "observed_at", "unit_code", "dataset_id", "value_type"
]

_SQLITE_COLUMNS: dict[InstanceColumn, LiteralString] = {
    "created_at": "coalesce(x.i ->> '$.created_at', 0)",
    "modified_at": "coalesce(x.i ->> '$.modified_at', 0)",
    "deleted_at": "x.i ->> '$.deleted_at'",
    "expires_at": "x.i ->> '$.expires_at'",
    "observed_at": "x.i ->> '$.observed_at'",
    "unit_code": "x.i ->> '$.unit_code'",
    "dataset_id": "x.i ->> '$.dataset_id'",
    "value_type": "x.i ->> '$.value_type'",
}
_POSTGRES_COLUMNS: dict[InstanceColumn, LiteralString] = {
    "created_at": "coalesce((x.i ->> 'created_at')::bigint, 0)",
    "modified_at": "coalesce((x.i ->> 'modified_at')::bigint, 0)",
    "deleted_at": "(x.i ->> 'deleted_at')::bigint",
    "expires_at": "(x.i ->> 'expires_at')::bigint",
    "observed_at": "(x.i ->> 'observed_at')::bigint",
    "unit_code": "x.i ->> 'unit_code'",
    "dataset_id": "x.i ->> 'dataset_id'",
    "value_type": "x.i ->> 'value_type'",
}


class _Sqlite(Dialect):
    """apsw's SQLite: targets have ``kind``, ``t`` (type as json_each names it) and ``v`` (JSON text for containers)."""

    engine: EngineName = "sqlite"

    def is_in(self, operand: Sql, values: Bound) -> Sql:
        return Sql("{} IN (SELECT value FROM json_each({}))", operand, values)

    def code_point(self, operand: Sql) -> Sql:
        return operand

    def starts_like(self, operand: Sql, pattern: Bound) -> Sql:
        return Sql("{} GLOB {}", operand, pattern)

    def wildcard(self, parts: Sequence[str]) -> Bound:
        escaped = ("".join(f"[{char}]" if char in "*?[" else char for char in part) for part in parts)
        return Bound("*".join(escaped), "text")

    def instances(self, entity: Sql, attribute: Bound) -> Sql:
        return Sql(
            "SELECT i FROM (SELECT j.value AS i FROM doc d, json_each(d.doc, '$.attributes') a, json_each(a.value) j"
            " WHERE d.n = {} AND a.key = {}"
            " UNION ALL SELECT s.current AS i FROM series s"
            " WHERE s.entity = {} AND s.attribute = {} AND s.current IS NOT NULL)"
            " WHERE coalesce(i ->> '$.expires_at', 9e18) > {}",
            entity,
            attribute,
            entity,
            attribute,
            NOW,
        )

    def sub_instances(self, instances: Sql, attribute: Bound) -> Sql:
        return Sql(
            "SELECT j.value AS i FROM ({}) x, json_each(x.i, '$.subs') k, json_each(k.value) j WHERE k.key = {}"
            " AND coalesce(j.value ->> '$.expires_at', 9e18) > {}",
            instances,
            attribute,
            NOW,
        )

    def values(self, instances: Sql) -> Sql:
        return Sql(
            "SELECT x.i ->> '$.kind' AS kind, r.type AS t, r.value AS v FROM ({}) x, json_each(x.i) r"
            " WHERE r.key = 'value'",
            instances,
        )

    def object_types(self, instances: Sql) -> Sql:
        return Sql(
            "SELECT 'text' AS kind, r.type AS t, r.value AS v FROM ({}) x, json_each(x.i) r"
            " WHERE r.key = 'object_type'",
            instances,
        )

    def member(self, targets: Sql, key: Bound) -> Sql:
        return Sql(
            "SELECT p.kind AS kind, r.type AS t, r.value AS v"
            " FROM ({}) p, json_each(CASE WHEN p.t = 'object' THEN p.v ELSE 'null' END) r WHERE r.key = {}",
            targets,
            key,
        )

    def languages(self, targets: Sql) -> Sql:
        return Sql(
            "SELECT * FROM ({}) p WHERE p.kind = 'LanguageProperty' AND p.t = 'object'"
            " AND EXISTS (SELECT 1 FROM json_each(p.v))",
            targets,
        )

    def not_languages(self, targets: Sql) -> Sql:
        return Sql("SELECT * FROM ({}) p WHERE p.kind <> 'LanguageProperty'", targets)

    def column(self, instances: Sql, field: InstanceColumn) -> Sql:
        return Sql(
            "SELECT v FROM (SELECT {} AS v FROM ({}) x) WHERE v IS NOT NULL", Sql(_SQLITE_COLUMNS[field]), instances
        )

    def elements(self, *, of_languages: bool) -> Sql:
        if not of_languages:
            members = Sql(
                "SELECT CASE WHEN p.t = 'array' THEN m.type ELSE p.t END AS t,"
                " CASE WHEN p.t = 'array' THEN m.value ELSE p.v END AS v"
                " FROM json_each(CASE WHEN p.t = 'array' THEN p.v ELSE '[0]' END) m"
            )
        else:
            values = Sql(
                "SELECT CASE WHEN p.kind = 'LanguageProperty' AND p.t = 'object' THEN l.type ELSE p.t END AS t,"
                " CASE WHEN p.kind = 'LanguageProperty' AND p.t = 'object' THEN l.value ELSE p.v END AS v"
                " FROM json_each(CASE WHEN p.kind = 'LanguageProperty' AND p.t = 'object' THEN p.v ELSE '[0]' END) l"
            )
            members = Sql(
                "SELECT CASE WHEN l.t = 'array' THEN m.type ELSE l.t END AS t,"
                " CASE WHEN l.t = 'array' THEN m.value ELSE l.v END AS v"
                " FROM ({}) l, json_each(CASE WHEN l.t = 'array' THEN l.v ELSE '[0]' END) m",
                values,
            )
        return Sql(
            "SELECT CASE WHEN t = 'object' THEN coalesce(json_type(v, '$.\"@value\"'), t) ELSE t END AS t,"
            " CASE WHEN t = 'object' THEN json_extract(v, '$.\"@value\"') ELSE v END AS v FROM ({})",
            members,
        )

    is_number = Sql("q.t IN ('integer', 'real')")
    number = Sql("CAST(q.v AS REAL)")
    is_text = Sql("q.t = 'text'")
    text = Sql("q.v")
    is_boolean = Sql("q.t IN ('true', 'false')")
    is_true = Sql("q.t = 'true'")
    is_null = Sql("q.t = 'null'")
    looks_like_instant = Sql("q.v GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T*'")

    def box(self, entity: Sql, attribute: Bound, dataset: Bound | None, box: Sequence[Bound] | None) -> Sql:
        one = TRUE if dataset is None else Sql("g.dataset_id = {}", dataset)
        if box is None:
            return Sql(
                "EXISTS (SELECT 1 FROM geo g WHERE g.n = {} AND g.attribute = {} AND {})", entity, attribute, one
            )
        west, south, east, north = box
        return Sql(
            "{} IN (SELECT g.n FROM geo_box b JOIN geo g ON g.id = b.id WHERE b.west <= {} AND b.east >= {}"
            " AND b.south <= {} AND b.north >= {} AND g.attribute = {} AND {})",
            entity,
            east,
            west,
            north,
            south,
            attribute,
            one,
        )


class _Postgres(Dialect):
    """PostgreSQL 15 with PostGIS in schema public: targets have ``kind`` and ``v`` (jsonb), elements ``v``."""

    engine: EngineName = "postgres"

    def is_in(self, operand: Sql, values: Bound) -> Sql:
        return Sql("{} = ANY({})", operand, values)

    def code_point(self, operand: Sql) -> Sql:
        return Sql('({}) COLLATE "C"', operand)

    def starts_like(self, operand: Sql, pattern: Bound) -> Sql:
        return Sql("{} LIKE {}", operand, pattern)

    def wildcard(self, parts: Sequence[str]) -> Bound:
        escaped = ("".join(f"\\{char}" if char in "%_\\" else char for char in part) for part in parts)
        return Bound("%".join(escaped), "text")

    def instances(self, entity: Sql, attribute: Bound) -> Sql:
        return Sql(
            "SELECT y.i FROM (SELECT jsonb_array_elements(d.doc::jsonb -> 'attributes' -> {}) AS i FROM doc d"
            " WHERE d.n = {}"
            " UNION ALL SELECT s.current::jsonb AS i FROM series s"
            " WHERE s.entity = {} AND s.attribute = {} AND s.current IS NOT NULL) y"
            " WHERE coalesce((y.i ->> 'expires_at')::bigint, 9223372036854775807) > {}",
            attribute,
            entity,
            entity,
            attribute,
            NOW,
        )

    def sub_instances(self, instances: Sql, attribute: Bound) -> Sql:
        return Sql(
            "SELECT j.value AS i FROM ({}) x, jsonb_array_elements(x.i -> 'subs' -> {}) j"
            " WHERE coalesce((j.value ->> 'expires_at')::bigint, 9223372036854775807) > {}",
            instances,
            attribute,
            NOW,
        )

    def values(self, instances: Sql) -> Sql:
        return Sql("SELECT x.i ->> 'kind' AS kind, x.i -> 'value' AS v FROM ({}) x", instances)

    def object_types(self, instances: Sql) -> Sql:
        return Sql(
            "SELECT 'text' AS kind, x.i -> 'object_type' AS v FROM ({}) x WHERE x.i -> 'object_type' IS NOT NULL",
            instances,
        )

    def member(self, targets: Sql, key: Bound) -> Sql:
        return Sql("SELECT p.kind, p.v -> {} AS v FROM ({}) p WHERE p.v -> {} IS NOT NULL", key, targets, key)

    def languages(self, targets: Sql) -> Sql:
        return Sql(
            "SELECT * FROM ({}) p WHERE p.kind = 'LanguageProperty' AND jsonb_typeof(p.v) = 'object'"
            " AND p.v <> jsonb_build_object()",
            targets,
        )

    def not_languages(self, targets: Sql) -> Sql:
        return Sql("SELECT * FROM ({}) p WHERE p.kind <> 'LanguageProperty'", targets)

    def column(self, instances: Sql, field: InstanceColumn) -> Sql:
        return Sql(
            "SELECT y.v FROM (SELECT {} AS v FROM ({}) x) y WHERE y.v IS NOT NULL",
            Sql(_POSTGRES_COLUMNS[field]),
            instances,
        )

    def elements(self, *, of_languages: bool) -> Sql:
        source = (
            "jsonb_each(CASE WHEN p.kind = 'LanguageProperty' AND jsonb_typeof(p.v) = 'object' THEN p.v"
            " ELSE jsonb_build_object('', p.v) END) l"
            if of_languages
            else "(SELECT p.v AS value) l"
        )
        return Sql(
            "SELECT CASE WHEN jsonb_typeof(m.value) = 'object' AND m.value ? '@value' THEN m.value -> '@value'"
            " ELSE m.value END AS v FROM {}, jsonb_array_elements(CASE jsonb_typeof(l.value)"
            " WHEN 'array' THEN l.value ELSE jsonb_build_array(l.value) END) m",
            Sql(source),
        )

    is_number = Sql("jsonb_typeof(q.v) = 'number'")
    # numbers below the least double are zero in JSON parsers, but an error in the cast
    number = Sql(
        "CASE WHEN jsonb_typeof(q.v) <> 'number' THEN 0 WHEN abs(q.v::numeric) < 2.5e-324 THEN 0"
        " ELSE q.v::numeric::double precision END"
    )
    is_text = Sql("jsonb_typeof(q.v) = 'string'")
    text = Sql("(q.v #>> ARRAY[]::text[])")
    is_boolean = Sql("jsonb_typeof(q.v) = 'boolean'")
    is_true = Sql("q.v = 'true'::jsonb")
    is_null = Sql("q.v = 'null'::jsonb")
    looks_like_instant = Sql("(q.v #>> ARRAY[]::text[]) LIKE '____-__-__T%'")

    def box(self, entity: Sql, attribute: Bound, dataset: Bound | None, box: Sequence[Bound] | None) -> Sql:
        one = TRUE if dataset is None else Sql("g.dataset_id = {}", dataset)
        if box is None:
            return Sql(
                "EXISTS (SELECT 1 FROM geo g WHERE g.n = {} AND g.attribute = {} AND {})", entity, attribute, one
            )
        west, south, east, north = box
        return Sql(
            "{} IN (SELECT g.n FROM geo g WHERE g.geom OPERATOR(public.&&)"
            " public.ST_MakeEnvelope({}, {}, {}, {}, 4326) AND g.attribute = {} AND {})",
            entity,
            west,
            south,
            east,
            north,
            attribute,
            one,
        )

    def near(self, entity: Sql, attribute: Bound, dataset: Bound | None, geometry: Bound, metres: Bound) -> Sql | None:
        one = TRUE if dataset is None else Sql("g.dataset_id = {}", dataset)
        return Sql(
            "{} IN (SELECT g.n FROM geo g WHERE NOT g.wide AND public.ST_DWithin(g.geom::public.geography,"
            " public.ST_MakeValid(public.ST_SetSRID(public.ST_GeomFromGeoJSON({}), 4326))::public.geography, {})"
            " AND g.attribute = {} AND {}"
            " UNION ALL SELECT g.n FROM geo g WHERE g.wide AND g.attribute = {} AND {})",
            entity,
            geometry,
            metres,
            attribute,
            one,
            attribute,
            one,
        )


SQLITE: Final = _Sqlite()
POSTGRES: Final = _Postgres()


def dialect_of(engine: EngineName) -> Dialect:
    """Give the dialect of an engine."""
    return SQLITE if engine == "sqlite" else POSTGRES
