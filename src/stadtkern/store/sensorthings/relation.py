"""When two rows are related: one condition for each relation of ``model.sensorthings.TYPES``, the same both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stadtkern.model.sensorthings import TYPES, TypeName
from stadtkern.model.sensorthings_terms import LOCATIONS
from stadtkern.store.dialect import Bound, Sql
from stadtkern.store.sensorthings.sight import Row, Sight
from stadtkern.store.sensorthings.source import Span, source

Condition = Callable[[Sight, Row, Row], Sql]
"""Of a sight, the row that the relation starts from, and one that it may lead to."""


def relation_join(sight: Sight, type: TypeName, relation: str, parent: Row, child: Row) -> Sql:
    """Give the condition under which ``parent`` (of ``type``) has ``child`` in a relation."""
    return _CONDITIONS[type, relation](sight, parent, child)


def related_source(sight: Sight, type: TypeName, relation: str, child: Row, parent: Row | None = None) -> Sql:
    """Give the derived table that a relation of ``type`` leads into, under the name of ``child``.

    parent: where the table may look at the row it is related to, so that it holds less.
    """
    beyond = (type, relation) in {("HistoricalLocation", "Locations"), ("Observation", "FeatureOfInterest")}
    span = None
    if parent is not None and (type, relation) == ("HistoricalLocation", "Locations"):
        span = Span(parent["series"], parent["time"], parent["time"])
    return source(sight, TYPES[type].relations[relation].target, child, listed=not beyond, span=span)


def natural_order(sight: Sight, type: TypeName, relation: str, parent: Row, child: Row) -> Sql | None:
    """Give what orders the entities of a relation whose order means something (OGC 18-088 14.2), else None."""
    if (type, relation) != ("MultiDatastream", "ObservedProperties"):
        return None
    if sight.engine == "sqlite":
        return Sql(
            "(SELECT min(j.key) FROM json_each({}, '$.observedProperties') j WHERE j.value = {})",
            parent["measurement"],
            child["n"],
        )
    return Sql(
        "(SELECT min(j.place) FROM jsonb_array_elements_text(({})::jsonb -> 'observedProperties')"
        " WITH ORDINALITY AS j(v, place) WHERE j.v::bigint = {})",
        parent["measurement"],
        child["n"],
    )


def _thing_locations(sight: Sight, parent: Row, child: Row) -> Sql:
    if not sight.shows(LOCATIONS):
        return Sql("({} = {} AND {} = 1)", child["n"], parent["n"], child["implied"])
    return Sql(
        "({} IN (SELECT a.n FROM link l JOIN entity a ON a.id = l.target WHERE l.source = {} AND l.attribute = {}"
        " AND l.dataset_id = '' UNION ALL SELECT {}) AND ({} <> {} OR {} = 1))",
        child["n"],
        parent["n"],
        Bound(str(LOCATIONS), "text"),
        parent["n"],
        child["n"],
        parent["n"],
        child["implied"],
    )


def _location_things(sight: Sight, parent: Row, child: Row) -> Sql:
    if not sight.shows(LOCATIONS):
        return _thing_locations(sight, child, parent)
    return Sql(
        "{} IN (SELECT l.source FROM link l WHERE l.target = {} AND l.attribute = {} AND l.dataset_id = ''"
        " AND l.source <> {} UNION ALL SELECT {} WHERE {} = 1)",
        child["n"],
        parent["iri"],
        Bound(str(LOCATIONS), "text"),
        parent["n"],
        parent["n"],
        parent["implied"],
    )


def _elements(sight: Sight, array: Sql) -> Sql:
    """Give the elements of a JSON array text (NULL: none) as column ``v`` of a table in brackets."""
    if sight.engine == "sqlite":
        return Sql("(SELECT j.value AS v FROM json_each(coalesce({}, '[]')) j)", array)
    return Sql("(SELECT j.v FROM jsonb_array_elements_text(coalesce({}, '[]')::jsonb) AS j(v))", array)


def _past_locations(sight: Sight, parent: Row, child: Row) -> Sql:
    return Sql(
        "{} IN (SELECT a.n FROM {} w JOIN entity a ON a.id = w.v UNION ALL SELECT {} WHERE {} IS NOT NULL)",
        child["n"],
        _elements(sight, parent["places"]),
        parent["place"],
        parent["place"],
    )


def _location_past(sight: Sight, parent: Row, child: Row) -> Sql:
    return Sql(
        "({} = {} OR {} IN (SELECT w.v FROM {} w))",
        child["place"],
        parent["n"],
        parent["iri"],
        _elements(sight, child["places"]),
    )


def _described(sight: Sight, stream: Row) -> Sql:
    """Give the numbers of the ObservedProperties of a MultiDatastream as column ``v`` of a table in brackets."""
    if sight.engine == "sqlite":
        return Sql("(SELECT j.value AS v FROM json_each({}, '$.observedProperties') j)", stream["measurement"])
    return Sql(
        "(SELECT j.v::bigint AS v FROM jsonb_array_elements_text(({})::jsonb -> 'observedProperties') AS j(v))",
        stream["measurement"],
    )


def _multi_properties(sight: Sight, parent: Row, child: Row) -> Sql:
    return Sql("{} IN (SELECT w.v FROM {} w)", child["n"], _described(sight, parent))


def _stream_sensor(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql("{} = coalesce({}, 2147483647)", child["n"], parent["sensor"])


def _sensor_streams(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql(
        "({} = {} OR ({} IS NULL AND {} = 2147483647))", child["sensor"], parent["n"], child["sensor"], parent["n"]
    )


def _stream_property(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql(
        "{} = coalesce({}, (SELECT 1073741824 + w.n FROM observed_attribute w WHERE w.attribute = {}))",
        child["n"],
        parent["observed_property"],
        parent["attribute"],
    )


def _property_streams(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql(
        "({} = {} OR ({} IS NULL AND {} = {}))",
        child["observed_property"],
        parent["n"],
        child["observed_property"],
        child["attribute"],
        parent["attribute"],
    )


def _observation_feature(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql("{} = coalesce({}, {})", child["n"], parent["feature"], parent["thing"])


def _feature_observations(sight: Sight, parent: Row, child: Row) -> Sql:
    # the list of series is there for the sake of indexes
    del sight
    return Sql(
        "({} IN (SELECT w.n FROM series w WHERE w.entity = {} UNION SELECT w.series FROM observation w"
        " WHERE w.feature = {}) AND ({} = {} OR ({} IS NULL AND {} = {})))",
        child["series"],
        parent["n"],
        parent["n"],
        child["feature"],
        parent["n"],
        child["feature"],
        child["thing"],
        parent["n"],
    )


def _has_thing(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql("{} = {}", child["n"], parent["thing"])


def _of_thing(sight: Sight, parent: Row, child: Row) -> Sql:
    return _has_thing(sight, child, parent)


def _has_stream(sight: Sight, parent: Row, child: Row) -> Sql:
    del sight
    return Sql("{} = {}", child["n"], parent["series"])


def _of_stream(sight: Sight, parent: Row, child: Row) -> Sql:
    return _has_stream(sight, child, parent)


_CONDITIONS: Final[dict[tuple[TypeName, str], Condition]] = {
    ("Thing", "Locations"): _thing_locations,
    ("Thing", "HistoricalLocations"): _of_thing,
    ("Thing", "Datastreams"): _of_thing,
    ("Thing", "MultiDatastreams"): _of_thing,
    ("Location", "Things"): _location_things,
    ("Location", "HistoricalLocations"): _location_past,
    ("HistoricalLocation", "Thing"): _has_thing,
    ("HistoricalLocation", "Locations"): _past_locations,
    ("Datastream", "Thing"): _has_thing,
    ("Datastream", "Sensor"): _stream_sensor,
    ("Datastream", "ObservedProperty"): _stream_property,
    ("Datastream", "Observations"): _of_stream,
    ("MultiDatastream", "Thing"): _has_thing,
    ("MultiDatastream", "Sensor"): _stream_sensor,
    ("MultiDatastream", "ObservedProperties"): _multi_properties,
    ("MultiDatastream", "Observations"): _of_stream,
    ("Sensor", "Datastreams"): _sensor_streams,
    ("Sensor", "MultiDatastreams"): _sensor_streams,
    ("ObservedProperty", "Datastreams"): _property_streams,
    ("ObservedProperty", "MultiDatastreams"): lambda sight, parent, child: _multi_properties(sight, child, parent),
    ("Observation", "Datastream"): _has_stream,
    ("Observation", "MultiDatastream"): _has_stream,
    ("Observation", "FeatureOfInterest"): _observation_feature,
    ("FeatureOfInterest", "Observations"): _feature_observations,
}
