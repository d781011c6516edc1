"""Where the entities of each set come from: one derived table a type, with the Grant's row filter and masks in it.

Columns by type (all have ``n``, the ``@iot.id``):

==================  ===================================================================================================
Thing               entity (its number), iri
Location            entity, iri, implied (1: it is where a Thing is that names no Locations), described (1: an entity
                    of its own), place (GeoJSON text of a Location that only a HistoricalLocation leads to, else NULL;
                    its iri is NULL then)
HistoricalLocation  time, thing, series, places (JSON array of Locations' URIs, or NULL), place (else: the id of its
                    Location), geometry (else: GeoJSON text)
(Multi)Datastream   thing, iri (the Thing's), attribute, dataset_id, unit, name, description, sensor,
                    observed_property, properties, measurement, current, current_at
Sensor              entity and iri, both NULL of the unknown one
ObservedProperty    entity and iri, or attribute of one that no entity describes
Observation         series, time, end_time, result_time, kind, num, value, extra, feature, thing, unit, multi
FeatureOfInterest   entity, iri, described (1: an entity of its own and not just a Thing)
==================  ===================================================================================================
"""

from __future__ import annotations

from typing import Final, NamedTuple, assert_never

from stadtkern.model.measured import END, RESULT_TIME
from stadtkern.model.sensorthings import TypeName
from stadtkern.model.sensorthings_terms import LOCATION, LOCATIONS, TYPE_IRIS
from stadtkern.store.dialect import FALSE, TRUE, Bound, Sql, join
from stadtkern.store.sensorthings.sight import Row, Sight

PAST_PLACE: Final = 1 << 52
"""This plus an observation's id is the id of the Location that a Thing was at, where no entity is that Location."""


class Span(NamedTuple):
    """A stretch of time, both ends included, of the series that an observation is known to be in."""

    series: Sql
    start: Sql
    end: Sql


def source(sight: Sight, type: TypeName, row: Row, *, listed: bool = False, span: Span | None = None) -> Sql:
    """Give the derived table of a type under the name of ``row``, to be put behind FROM or JOIN.

    listed: only what the set itself lists. Without, also what can only be reached by its id or by navigation.
    span: where the observation lies that is asked for by its id (Observation, HistoricalLocation, and the Location of
    one).
    """
    return Sql("({}) {}", _select(sight, type, listed, span), row.alias)


def _select(sight: Sight, type: TypeName, listed: bool, span: Span | None) -> Sql:
    match type:
        case "Thing":
            return Sql("SELECT e.n AS n, e.n AS entity, e.id AS iri FROM entity e WHERE {}", _things(sight))
        case "Location":
            return _locations(sight) if listed else Sql("{} UNION ALL {}", _locations(sight), _past_places(sight, span))
        case "HistoricalLocation":
            return _historical_locations(sight, span)
        case "Datastream":
            return _streams(sight, Sql("0"))
        case "MultiDatastream":
            return _streams(sight, Sql("1"))
        case "Sensor":
            return _sensors(sight)
        case "ObservedProperty":
            return _observed_properties(sight)
        case "Observation":
            return _observations(sight, span)
        case "FeatureOfInterest":
            return _features(sight, listed=listed)
        case _:
            assert_never(type)


def _typed(type: TypeName) -> Sql:
    return Sql(
        "EXISTS (SELECT 1 FROM entity_type t WHERE t.type = {} AND t.n = e.n)", Bound(str(TYPE_IRIS[type]), "text")
    )


def _is_stream(sight: Sight) -> Sql:
    """Whether series ``s`` is a Datastream or MultiDatastream, as far as its own row tells."""
    others = Bound(sorted({str(LOCATION), "scope", str(LOCATIONS), *sight.hidden}), "text[]")
    return Sql("s.observed = 1 AND NOT ({})", sight.dialect.is_in(Sql("s.attribute"), others))


def _is_thing(sight: Sight) -> Sql:
    return Sql(
        "({} OR EXISTS (SELECT 1 FROM series s WHERE s.entity = e.n AND {}))", _typed("Thing"), _is_stream(sight)
    )


def _things(sight: Sight) -> Sql:
    return Sql("{} AND {}", sight.rows, _is_thing(sight))


def _names_locations(sight: Sight) -> Sql:
    """Whether entity ``e`` has the attribute that names its Locations."""
    if not sight.shows(LOCATIONS):
        return FALSE
    return Sql(
        "EXISTS (SELECT 1 FROM series s WHERE s.entity = e.n AND s.attribute = {} AND s.dataset_id = ''"
        " AND s.current IS NOT NULL)",
        Bound(str(LOCATIONS), "text"),
    )


def _is_place(sight: Sight) -> Sql:
    """Whether entity ``e`` is a Thing whose own geometry is its Location."""
    if not sight.shows(LOCATION):
        return FALSE
    return Sql(
        "(EXISTS (SELECT 1 FROM geo g WHERE g.n = e.n AND g.attribute = 'location') AND {} AND NOT {} AND EXISTS ({}))",
        _is_thing(sight),
        _names_locations(sight),
        sight.dialect.instances(Sql("e.n"), Bound(str(LOCATION), "text")),
    )


def _locations(sight: Sight) -> Sql:
    return Sql(
        "SELECT e.n AS n, e.n AS entity, e.id AS iri, CASE WHEN {} THEN 1 ELSE 0 END AS implied,"
        " CASE WHEN {} THEN 1 ELSE 0 END AS described, CAST(NULL AS text) AS place"
        " FROM entity e WHERE {} AND ({} OR {})",
        _is_place(sight),
        _typed("Location"),
        sight.rows,
        _typed("Location"),
        _is_place(sight),
    )


def _past_places(sight: Sight, span: Span | None) -> Sql:
    return Sql(
        "SELECT h.place AS n, h.thing AS entity, CAST(NULL AS text) AS iri, 0 AS implied, 0 AS described,"
        " h.geometry AS place"
        " FROM ({}) h WHERE h.place >= 4503599627370496",
        _historical_locations(sight, span),
    )


def _historical_locations(sight: Sight, span: Span | None) -> Sql:
    attributes = Bound([str(one) for one in (LOCATIONS, LOCATION) if sight.shows(one)], "text[]")
    named = Bound(str(LOCATIONS), "text")
    since_named = Sql(
        "NOT EXISTS (SELECT 1 FROM series l JOIN observation b ON b.series = l.n WHERE l.entity = s.entity"
        " AND l.attribute = {} AND l.dataset_id = '' AND b.observed = 1 AND b.deleted_at IS NULL AND b.time >= o.time)",
        named,
    )
    return Sql(
        "SELECT o.id AS n, o.time AS time, s.entity AS thing, s.n AS series,"
        " CASE WHEN s.attribute = {} THEN o.value END AS places,"
        " CASE WHEN s.attribute = 'location' THEN CASE WHEN s.current IS NOT NULL AND o.time = s.current_at AND NOT {}"
        " THEN s.entity ELSE 4503599627370496 + o.id END END AS place,"
        " CASE WHEN s.attribute = 'location' THEN o.value END AS geometry"
        " FROM series s JOIN entity e ON e.n = s.entity JOIN observation o ON o.series = s.n"
        " WHERE s.observed = 1 AND s.dataset_id = '' AND {} AND {} AND {} AND o.observed = 1 AND o.deleted_at IS NULL"
        " AND (s.attribute = {} OR {})",
        named,
        _names_locations(sight),
        sight.dialect.is_in(Sql("s.attribute"), attributes),
        _things(sight),
        _within(span),
        named,
        since_named if sight.shows(LOCATIONS) else TRUE,
    )


def _streams(sight: Sight, multi: Sql) -> Sql:
    return Sql(
        "SELECT s.n AS n, s.entity AS thing, e.id AS iri, s.attribute AS attribute, s.dataset_id AS dataset_id,"
        " s.unit AS unit, s.name AS name, s.description AS description, s.sensor AS sensor,"
        " s.observed_property AS observed_property, s.properties AS properties, s.measurement AS measurement,"
        " s.current AS current, s.current_at AS current_at"
        " FROM series s JOIN entity e ON e.n = s.entity WHERE {} AND s.multi = {} AND {}",
        _is_stream(sight),
        multi,
        sight.rows,
    )


def _sensors(sight: Sight) -> Sql:
    return Sql(
        "SELECT e.n AS n, e.n AS entity, e.id AS iri FROM entity e WHERE {} AND {}"
        " UNION ALL SELECT 2147483647, CAST(NULL AS bigint), CAST(NULL AS text) WHERE EXISTS"
        " (SELECT 1 FROM series s JOIN entity e ON e.n = s.entity"
        " WHERE (s.sensor IS NULL OR s.sensor = 2147483647) AND {} AND {})",
        sight.rows,
        _typed("Sensor"),
        _is_stream(sight),
        sight.rows,
    )


def _observed_properties(sight: Sight) -> Sql:
    return Sql(
        "SELECT e.n AS n, e.n AS entity, e.id AS iri, CAST(NULL AS text) AS attribute FROM entity e WHERE {} AND {}"
        " UNION ALL SELECT 1073741824 + a.n, CAST(NULL AS bigint), CAST(NULL AS text), a.attribute"
        " FROM observed_attribute a WHERE EXISTS (SELECT 1 FROM series s JOIN entity e ON e.n = s.entity"
        " WHERE s.attribute = a.attribute AND s.observed_property IS NULL AND s.multi = 0 AND {} AND {})"
        " OR EXISTS (SELECT 1 FROM series s JOIN entity e ON e.n = s.entity"
        " WHERE s.observed_property = 1073741824 + a.n AND {} AND {})",
        sight.rows,
        _typed("ObservedProperty"),
        _is_stream(sight),
        sight.rows,
        _is_stream(sight),
        sight.rows,
    )


def _observations(sight: Sight, span: Span | None = None) -> Sql:
    return Sql(
        "SELECT o.id AS n, o.series AS series, o.time AS time, {} AS end_time, {} AS result_time,"
        " o.kind AS kind, o.num AS num, o.value AS value, o.extra AS extra, o.feature AS feature, s.entity AS thing,"
        " s.unit AS unit, s.multi AS multi"
        " FROM series s JOIN entity e ON e.n = s.entity JOIN observation o ON o.series = s.n"
        " WHERE {} AND {} AND {} AND o.observed = 1 AND o.deleted_at IS NULL",
        Sql("o.end_time") if sight.shows(END) else Sql("CAST(NULL AS bigint)"),
        Sql("o.result_time") if sight.shows(RESULT_TIME) else Sql("CAST(NULL AS bigint)"),
        _is_stream(sight),
        sight.rows,
        _within(span),
    )


def _within(span: Span | None) -> Sql:
    if span is None:
        return TRUE
    return Sql("(o.series = {} AND o.time BETWEEN {} AND {})", span.series, span.start, span.end)


def _features(sight: Sight, *, listed: bool) -> Sql:
    kinds = [_typed("FeatureOfInterest"), _typed("Location"), _is_thing(sight)]
    every = Sql(
        "SELECT e.n AS n, e.n AS entity, e.id AS iri, CASE WHEN {} THEN 1 ELSE 0 END AS typed,"
        " CASE WHEN {} THEN 1 ELSE 0 END AS described FROM entity e WHERE {} AND ({})",
        kinds[0],
        join(" OR ", kinds[:2]),
        sight.rows,
        join(" OR ", kinds),
    )
    observed = Sql("EXISTS (SELECT 1 FROM ({}) o WHERE o.feature = f.n)", _observations(sight))
    return Sql(
        "SELECT f.n AS n, f.entity AS entity, f.iri AS iri, f.described AS described FROM ({}) f WHERE {}",
        every,
        Sql("(f.typed = 1 OR {})", observed) if listed else TRUE,
    )
