"""The root document: which sets there are and which requirements of the standard are met. Spec: OGC 18-088 9.2.1."""

from __future__ import annotations

from typing import Final

import msgspec

from stadtkern.model.sensorthings import TYPES, TypeName

_REQUIREMENTS: Final = "http://www.opengis.net/spec/iot_sensing/1.1/req/"
_TYPES: Final = (
    "thing",
    "location",
    "historical-location",
    "datastream",
    "sensor",
    "observed-property",
    "observation",
    "feature-of-interest",
)
READING: Final = (
    "datamodel/entity-control-information/common-control-information",
    *(f"datamodel/{name}/{part}" for name in _TYPES for part in ("properties", "relations")),
    "resource-path/resource-path-to-entities",
    "request-data/status-code",
    "request-data/query-status-code",
    "request-data/order",
    "request-data/expand",
    "request-data/select",
    "request-data/orderby",
    "request-data/top",
    "request-data/skip",
    "request-data/count",
    "request-data/filter",
    "request-data/built-in-filter-operations",
    "request-data/built-in-query-functions",
    "request-data/pagination",
    "multi-datastream/properties",
    "multi-datastream/relations",
    "multi-datastream/constraints",
)
"""The requirements that readers can rely on."""
WRITING: Final = (
    "data-array/data-array",
    *(
        f"create-update-delete/{name}"
        for name in (
            "create-entity",
            "link-to-existing-entities",
            "deep-insert",
            "deep-insert-status-code",
            "update-entity",
            "update-entity-put",
            "update-entity-jsonpatch",
            "delete-entity",
            "historical-location-auto-creation",
            "historical-location-manual-creation",
        )
    ),
)
"""The requirements that writers can rely on."""
BATCHES: Final = ("batch-request/batch-request",)
"""The requirement of those who send several requests in one."""
_EXTENSIONS: Final = ("https://fraunhoferiosb.github.io/FROST-Server/extensions/JsonBatchRequest.html",)
"""What clients of the widespread server look for beside the standard."""
_ORDER: Final[tuple[TypeName, ...]] = (
    "Datastream",
    "MultiDatastream",
    "FeatureOfInterest",
    "HistoricalLocation",
    "Location",
    "Observation",
    "ObservedProperty",
    "Sensor",
    "Thing",
)


def render_root(root: str) -> bytes:
    """Render the document. root: the address of the service."""
    sets = [{"name": TYPES[name].set, "url": f"{root}/{TYPES[name].set}"} for name in _ORDER]
    requirements = [_REQUIREMENTS + name for name in (*READING, *WRITING, *BATCHES)]
    settings = {"conformance": [*requirements, *_EXTENSIONS]}
    return msgspec.json.encode({"value": sets, "serverSettings": settings})
