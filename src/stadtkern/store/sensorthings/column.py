"""The properties of SensorThings entities in SQL: what filters and orders compare. What is shown is made in ``decode``,
and says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from stadtkern.model.ids import Iri
from stadtkern.model.measured import END, EXTRAS, RESULT_TIME
from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_terms import (
    DEFINITION,
    DESCRIPTIONS,
    ENCODING_TYPE,
    LOCATION,
    LOCATIONS,
    METADATA,
    NAMES,
    PROPERTIES,
    RAW_LOCATION,
)
from stadtkern.model.sensorthings_units import UNITS
from stadtkern.store.dialect import NOW, Bound, EngineName, Sql, join
from stadtkern.store.sensorthings.naming import named_text
from stadtkern.store.sensorthings.relation import related_source, relation_join
from stadtkern.store.sensorthings.scope import Column, Joined
from stadtkern.store.sensorthings.sight import Row, Sight

_NO_NUMBER: Final = Sql("CAST(NULL AS bigint)")
Inside = tuple[str | int, ...]
_Reader = Callable[[Sight, Row], Column]

_OBSERVATION_TYPE: Final = "http://www.opengis.net/def/observationType/OGC-OM/2.0/"
MEASUREMENT: Final = _OBSERVATION_TYPE + "OM_Measurement"
TRUTH: Final = _OBSERVATION_TYPE + "OM_TruthObservation"
CATEGORY: Final = _OBSERVATION_TYPE + "OM_CategoryObservation"
ANY_OBSERVATION: Final = _OBSERVATION_TYPE + "OM_Observation"
COMPLEX: Final = _OBSERVATION_TYPE + "OM_ComplexObservation"
GEOJSON: Final = "application/geo+json"
SENSOR_ENCODING: Final = "text/html"
"""Of a Sensor that tells none: its metadata is then its address, or empty."""


class EntityScope:
    """One entity of a statement, under its alias: the ``Scope`` that expressions are compiled against."""

    __slots__ = ("_row", "_sight", "_type")

    def __init__(self, sight: Sight, type: TypeName, row: Row) -> None:
        self._sight: Final = sight
        self._type: Final[TypeName] = type
        self._row: Final = row

    @property
    def engine(self) -> EngineName:
        """The engine that the SQL is for."""
        return self._sight.engine

    def column(self, property: str, inside: Inside) -> tuple[Column, Inside]:
        """Give a property's column, and what is left of the way inside its JSON."""
        if property == "id":
            return Column("id", self._row["n"]), inside
        if property == "properties" and self._type not in {"Datastream", "MultiDatastream"}:
            return _properties(self._sight, self._type, self._row, inside)
        return _COLUMNS[self._type, property](self._sight, self._row), inside

    def enter(self, relation: str) -> Joined:
        """Give one step to the entities of a relation that the Grant shows, each time under a new alias."""
        child = self._sight.row()
        return Joined(
            related_source(self._sight, self._type, relation, child),
            relation_join(self._sight, self._type, relation, self._row, child),
            EntityScope(self._sight, TYPES[self._type].relations[relation].target, child),
            _reference(relation, self._row),
        )


def _reference(relation: str, row: Row) -> Sql | None:
    """Give the column that holds the id of what a relation leads to."""
    match relation:
        case "Thing":
            return row["thing"]
        case "Datastream" | "MultiDatastream":
            return row["series"]
        case _:
            return None


def static_json(sight: Sight, entity: Sql, attribute: str) -> Sql:
    """Give the JSON text of the first instance of an attribute that lies in the document of an entity."""
    name = Bound(attribute, "text")
    if sight.engine == "sqlite":
        return Sql(
            "(SELECT j.value -> '$.value' FROM doc d, json_each(d.doc, '$.attributes') a, json_each(a.value) j"
            " WHERE d.n = {} AND a.key = {} AND coalesce(j.value ->> '$.expires_at', 9e18) > {} LIMIT 1)",
            entity,
            name,
            NOW,
        )
    return Sql(
        "(SELECT (y.i -> 'value')::text FROM (SELECT json_array_elements(d.doc::json -> 'attributes' -> {}) AS i"
        " FROM doc d WHERE d.n = {}) y WHERE coalesce((y.i ->> 'expires_at')::bigint, 9223372036854775807) > {}"
        " LIMIT 1)",
        name,
        entity,
        NOW,
    )


def _present_json(sight: Sight, entity: Sql, attribute: str) -> Sql:
    """Give the JSON text of an attribute's value wherever it lies, observed or not."""
    instances = sight.dialect.instances(entity, Bound(attribute, "text"))
    if sight.engine == "sqlite":
        return Sql(
            "(SELECT w.i -> '$.value' FROM ({}) w ORDER BY coalesce(w.i ->> '$.dataset_id', '') LIMIT 1)", instances
        )
    return Sql(
        "(SELECT (w.i -> 'value')::text FROM ({}) w ORDER BY coalesce(w.i ->> 'dataset_id', '') COLLATE \"C\" LIMIT 1)",
        instances,
    )


def _member_of(sight: Sight, json: Sql, key: str) -> Sql:
    """Give the JSON text of a member of a JSON object's text; NULL where it is none or has none."""
    name = Bound(key, "text")
    if sight.engine == "sqlite":
        return Sql(
            "(SELECT CASE r.type WHEN 'object' THEN r.value WHEN 'array' THEN r.value WHEN 'true' THEN 'true'"
            " WHEN 'false' THEN 'false' WHEN 'null' THEN 'null' ELSE json_quote(r.value) END"
            " FROM json_each(CASE WHEN json_type({}) = 'object' THEN {} END) r WHERE r.key = {} LIMIT 1)",
            json,
            json,
            name,
        )
    return Sql("(({})::json -> {})::text", json, name)


def element_of(sight: Sight, json: Sql, key: str | int) -> Sql:
    """Give the JSON text of a member of an object or an element of an array, of a JSON text; NULL where it has none."""
    if isinstance(key, str):
        return _member_of(sight, json, key)
    index = Bound(min(key, 2**31 - 1), "bigint")
    if sight.engine == "sqlite":
        return Sql("CASE WHEN json_type({}) = 'array' THEN {} -> {} END", json, json, index)
    return Sql(
        "CASE WHEN json_typeof(({})::json) = 'array' THEN (({})::json -> ({})::int)::text END", json, json, index
    )


def own_attributes(type: TypeName) -> frozenset[Iri]:
    """Name the attributes that a type shows elsewhere than in its ``properties``."""
    return _OWN[type]


_EVERYWHERE: Final = frozenset({*NAMES, *DESCRIPTIONS, PROPERTIES, LOCATION, LOCATIONS})
_OWN: Final[dict[TypeName, frozenset[Iri]]] = {
    "Thing": _EVERYWHERE,
    "Location": _EVERYWHERE | {ENCODING_TYPE, RAW_LOCATION},
    "Sensor": _EVERYWHERE | {ENCODING_TYPE, METADATA},
    "ObservedProperty": _EVERYWHERE | {DEFINITION},
    "FeatureOfInterest": _EVERYWHERE | {ENCODING_TYPE, RAW_LOCATION},
}


def _properties(sight: Sight, type: TypeName, row: Row, inside: Inside) -> tuple[Column, Inside]:
    own = static_json(sight, row["entity"], PROPERTIES) if sight.shows(PROPERTIES) else Sql("CAST(NULL AS text)")
    if inside and isinstance(inside[0], str):
        choices = [_member_of(sight, own, inside[0])] if sight.shows(PROPERTIES) else []
        others = [one for one in sight.attributes.get(inside[0], ()) if one not in own_attributes(type)]
        choices += [static_json(sight, row["entity"], one) for one in others]
        value, rest = Sql("coalesce({}, NULL)", join(", ", [*choices, Sql("NULL")])), inside[1:]
    else:
        value, rest = own, inside
    if type in {"Location", "FeatureOfInterest"}:
        value = Sql("CASE WHEN {} = 1 THEN {} END", row["described"], value)
    return Column("json", value), rest


def _name(sight: Sight, row: Row) -> Column:
    return Column("text", named_text(sight, row["entity"], NAMES, row["iri"]))


def _sensor_name(sight: Sight, row: Row) -> Column:
    return Column("text", named_text(sight, row["entity"], NAMES, Sql("coalesce({}, 'unknown')", row["iri"])))


def _description(sight: Sight, row: Row) -> Column:
    return Column("text", named_text(sight, row["entity"], DESCRIPTIONS, Sql("''")))


def short(attribute: Sql) -> Sql:
    """Give the part of an IRI after its last slash or hash: what ``sight.short_name`` says, in SQL."""
    return Sql(
        "coalesce(nullif(substr({}, length(rtrim({}, replace(replace({}, '/', ''), '#', ''))) + 1), ''), {})",
        attribute,
        attribute,
        attribute,
        attribute,
    )


def _property_name(sight: Sight, row: Row) -> Column:
    default = Sql("coalesce({}, {})", row["iri"], short(row["attribute"]))
    return Column("text", named_text(sight, row["entity"], NAMES, default))


def _definition(sight: Sight, row: Row) -> Column:
    default = Sql("coalesce({}, {})", row["attribute"], row["iri"])
    return Column("text", named_text(sight, row["entity"], (DEFINITION,), default))


def _encoding(default: Sql) -> _Reader:
    return lambda sight, row: Column("text", named_text(sight, row["entity"], (ENCODING_TYPE,), default))


def _metadata(sight: Sight, row: Row) -> Column:
    default = Sql("json_quote(coalesce({}, ''))", row["iri"])
    if sight.engine == "postgres":
        default = Sql("to_json(coalesce({}, ''))::text", row["iri"])
    if not sight.shows(METADATA):
        return Column("json", default)
    return Column("json", Sql("coalesce({}, {})", static_json(sight, row["entity"], METADATA), default))


def _geometry(sight: Sight, entity: Sql, place: Sql, more: Sequence[Sql] = (), search: Sql | None = None) -> Column:
    texts = [*more]
    if sight.shows(RAW_LOCATION):
        texts.append(static_json(sight, entity, RAW_LOCATION))
    if sight.shows(LOCATION):
        texts.append(_present_json(sight, entity, LOCATION))
    column = Sql("coalesce({}, NULL)", join(", ", [*texts, Sql("NULL")]))
    if not sight.shows(LOCATION):
        return Column("geometry", column, place=_NO_NUMBER)
    return Column("geometry", column, place=place, search=search)


def _location(sight: Sight, row: Row) -> Column:
    own = Sql("CASE WHEN {} IS NULL THEN {} END", row["place"], row["entity"])
    return _geometry(sight, own, own, [row["place"]], row["entity"])


def _feature(sight: Sight, row: Row) -> Column:
    return _geometry(sight, row["entity"], row["entity"])


def _stream_name(sight: Sight, row: Row) -> Column:
    thing = named_text(sight, row["thing"], NAMES, row["iri"])
    return Column("text", Sql("coalesce({}, {} || ': ' || {})", row["name"], thing, short(row["attribute"])))


def _stream_description(sight: Sight, row: Row) -> Column:
    del sight
    return Column("text", Sql("coalesce({}, '')", row["description"]))


def _measured(member: str) -> _Reader:
    """Read a member of what a Datastream says of its measurement."""
    return lambda sight, row: Column("json", _member_of(sight, row["measurement"], member))


_UNIT_TABLE: Final = Bound(msgspec.json.encode(UNITS).decode(), "text")


def _unit(sight: Sight, row: Row) -> Column:
    told = _member_of(sight, row["measurement"], "unitOfMeasurement")
    if sight.engine == "sqlite":
        known = Sql("(SELECT r.value FROM json_each({}) r WHERE r.key = {})", _UNIT_TABLE, row["unit"])
        other = Sql("json_object('name', {}, 'symbol', {}, 'definition', NULL)", row["unit"], row["unit"])
    else:
        known = Sql("(({})::jsonb -> {})::text", _UNIT_TABLE, row["unit"])
        other = Sql("json_build_object('name', {}, 'symbol', {}, 'definition', NULL)::text", row["unit"], row["unit"])
    return Column("json", Sql("coalesce({}, {}, {})", told, known, other))


def _observation_type(sight: Sight, row: Row) -> Column:
    if sight.engine == "sqlite":
        told = Sql("{} ->> '$.observationType'", row["measurement"])
        kind = Sql("{} ->> '$.kind'", row["current"])
        value = Sql("json_type({}, '$.value')", row["current"])
        is_number, is_boolean = Sql("{} IN ('integer', 'real')", value), Sql("{} IN ('true', 'false')", value)
    else:
        told = Sql("({})::json ->> 'observationType'", row["measurement"])
        kind = Sql("({})::json ->> 'kind'", row["current"])
        value = Sql("json_typeof(({})::json -> 'value')", row["current"])
        is_number, is_boolean = Sql("{} = 'number'", value), Sql("{} = 'boolean'", value)
    return Column(
        "text",
        Sql(
            "coalesce({}, CASE WHEN {} THEN {} WHEN {} THEN {} WHEN {} IN ('Relationship', 'VocabProperty') THEN {}"
            " ELSE {} END)",
            told,
            is_number,
            Bound(MEASUREMENT, "text"),
            is_boolean,
            Bound(TRUTH, "text"),
            kind,
            Bound(CATEGORY, "text"),
            Bound(ANY_OBSERVATION, "text"),
        ),
    )


def _phenomena(sight: Sight, row: Row) -> Column:
    first = Sql("(SELECT min(c.first) FROM series_chunk c WHERE c.series = {})", row["n"])
    last = Sql("(SELECT max(c.last) FROM series_chunk c WHERE c.series = {})", row["n"])
    if not sight.shows(END):
        # the summaries know when the last one ended
        last = Sql(
            "(SELECT o.time FROM observation o WHERE o.series = {} AND o.observed = 1 AND o.deleted_at IS NULL"
            " ORDER BY o.time DESC LIMIT 1)",
            row["n"],
        )
    return Column("time", first, end=last)


def _results(sight: Sight, row: Row) -> Column:
    if not sight.shows(RESULT_TIME):
        return Column("time", _NO_NUMBER, end=_NO_NUMBER)
    return Column(
        "time",
        Sql("(SELECT min(c.result_first) FROM series_chunk c WHERE c.series = {})", row["n"]),
        end=Sql("(SELECT max(c.result_last) FROM series_chunk c WHERE c.series = {})", row["n"]),
    )


def _no_area(sight: Sight, row: Row) -> Column:
    del sight, row
    return Column("geometry", Sql("CAST(NULL AS text)"), place=_NO_NUMBER)


def _stream_properties(sight: Sight, row: Row) -> Column:
    del sight
    return Column("json", row["properties"])


def _result(sight: Sight, row: Row) -> Column:
    del sight
    return Column("result", row["value"], number=row["num"])


def _extra(member: str) -> _Reader:
    """Read what an observation has beside its columns."""

    def read(sight: Sight, row: Row) -> Column:
        if not sight.shows(EXTRAS[member]):
            return Column("json", Sql("CAST(NULL AS text)"))
        if sight.engine == "sqlite":
            return Column("json", _member_of(sight, Sql("({} -> '$.extra')", row["extra"]), member))
        return Column("json", Sql("(({})::jsonb -> 'extra' -> {})::text", row["extra"], Bound(member, "text")))

    return read


def _valid_time(sight: Sight, row: Row) -> Column:
    """Read the interval that is kept as ISO texts, ``a/b``; SQLite knows no instants finer than a millisecond."""
    if not sight.shows(EXTRAS["validTime"]):
        return Column("time", _NO_NUMBER, end=_NO_NUMBER)
    if sight.engine == "sqlite":
        text = Sql("({} ->> '$.extra.validTime')", row["extra"])
        slash = Sql("instr({}, '/')", text)
        start, end = Sql("substr({}, 1, {} - 1)", text, slash), Sql("substr({}, {} + 1)", text, slash)
        return Column("time", _milliseconds(start), end=_milliseconds(end))
    text = Sql("(({})::json -> 'extra' ->> 'validTime')", row["extra"])
    start, end = Sql("split_part({}, '/', 1)", text), Sql("split_part({}, '/', 2)", text)
    return Column("time", _microseconds(start), end=_microseconds(end))


def _milliseconds(text: Sql) -> Sql:
    return Sql("CAST(round(unixepoch({}, 'subsec') * 1000) AS INTEGER) * 1000", text)


def _microseconds(text: Sql) -> Sql:
    return Sql("(extract(epoch FROM nullif({}, '')::timestamptz) * 1000000)::bigint", text)


def _began(sight: Sight, row: Row) -> Column:
    del sight
    return Column("time", row["time"])


def _phenomenon(sight: Sight, row: Row) -> Column:
    del sight
    return Column("time", row["time"], end=row["end_time"])


def _result_time(sight: Sight, row: Row) -> Column:
    del sight
    return Column("time", row["result_time"])


def _constant(text: str) -> _Reader:
    return lambda sight, row: Column("text", Sql("{}", Bound(text, "text")))


_STREAM: Final[dict[str, _Reader]] = {
    "name": _stream_name,
    "description": _stream_description,
    "observedArea": _no_area,
    "phenomenonTime": _phenomena,
    "resultTime": _results,
    "properties": _stream_properties,
}
_READERS: Final[dict[TypeName, dict[str, _Reader]]] = {
    "Thing": {"name": _name, "description": _description},
    "Location": {
        "name": _name,
        "description": _description,
        "encodingType": _encoding(Sql("'application/geo+json'")),
        "location": _location,
    },
    "HistoricalLocation": {"time": _began},
    "Datastream": {**_STREAM, "unitOfMeasurement": _unit, "observationType": _observation_type},
    "MultiDatastream": {
        **_STREAM,
        "unitOfMeasurements": _measured("unitOfMeasurements"),
        "multiObservationDataTypes": _measured("multiObservationDataTypes"),
        "observationType": _constant(COMPLEX),
    },
    "Sensor": {
        "name": _sensor_name,
        "description": _description,
        "encodingType": _encoding(Sql("'text/html'")),
        "metadata": _metadata,
    },
    "ObservedProperty": {"name": _property_name, "definition": _definition, "description": _description},
    "Observation": {
        "phenomenonTime": _phenomenon,
        "result": _result,
        "resultTime": _result_time,
        "resultQuality": _extra("resultQuality"),
        "validTime": _valid_time,
        "validText": _extra("validTime"),
        "parameters": _extra("parameters"),
    },
    "FeatureOfInterest": {
        "name": _name,
        "description": _description,
        "encodingType": _encoding(Sql("'application/geo+json'")),
        "feature": _feature,
    },
}
_COLUMNS: Final = {(type, name): reader for type, readers in _READERS.items() for name, reader in readers.items()}
