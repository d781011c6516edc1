"""How a reader wants to see entities: the options of a request in one hashable value.

Spec: CIM 009 4.5.1 to 4.5.23, 6.3.7.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from stadtkern.model.ids import Iri
from stadtkern.query.projection import EVERYTHING, Projection
from stadtkern.query.request import Join, TimeProperty
from stadtkern.views.ngsild.render_language import LanguageFilter

Format = Literal["normalized", "concise", "simplified"]
TemporalFormat = Literal["normalized", "concise", "temporalValues", "aggregatedValues"]

LOCATION = Iri("location")


class Representation(Struct, frozen=True, kw_only=True, cache_hash=True):
    """What an answer with entities shows, and in which form; part of the key of every cache of rendered bytes.

    sys_attrs: createdAt, modifiedAt, deletedAt and expiresAt are shown (CIM 009 6.3.11). dataset_ids: only these
    instances (``""`` is the default one). lang: LanguageProperties become Properties in one language (4.15).
    geojson: as GeoJSON Feature, with the geometry of ``geometry_property`` (4.5.16). join: linked entities are
    shown inside (``inline``) or beside (``flat``), down to join_level relationships (4.5.23).
    temporal, time_property: form of the temporal evolution and the time shown beside each value (4.5.6 to 4.5.9).
    """

    format: Format = "normalized"
    sys_attrs: bool = False
    projection: Projection = EVERYTHING
    dataset_ids: frozenset[str] | None = None
    lang: LanguageFilter | None = None
    geojson: bool = False
    geometry_property: Iri = LOCATION
    join: Join | None = None
    join_level: int = 1
    contained_by: tuple[str, ...] = ()
    temporal: TemporalFormat = "normalized"
    time_property: TimeProperty = "observedAt"
