"""Request bodies of the NGSI-LD API to patches; the front of the ``parse_…`` modules.

``read_object`` and ``read_batch`` check a body once and keep its text; the ``parse_…`` functions turn what was read
into ``EntityPatch`` and ``InstancePatch`` values with the context of the request.
"""

from stadtkern.views.ngsild.parse_attribute import Form
from stadtkern.views.ngsild.parse_entity import (
    BATCH_MERGE,
    BATCH_UPDATE,
    CREATE,
    HISTORY,
    HISTORY_FRAGMENT,
    HISTORY_INSTANCE,
    MERGE,
    PARTIAL,
    REPLACE,
    UPDATE,
    BatchElement,
    parse_attribute_fragment,
    parse_batch,
    parse_batch_ids,
    parse_entity,
    parse_fragment,
)
from stadtkern.views.ngsild.parse_node import Node, read_batch, read_node, read_object
from stadtkern.views.ngsild.parse_terms import expand_attribute

__all__ = [
    "BATCH_MERGE",
    "BATCH_UPDATE",
    "CREATE",
    "HISTORY",
    "HISTORY_FRAGMENT",
    "HISTORY_INSTANCE",
    "MERGE",
    "PARTIAL",
    "REPLACE",
    "UPDATE",
    "BatchElement",
    "Form",
    "Node",
    "expand_attribute",
    "parse_attribute_fragment",
    "parse_batch",
    "parse_batch_ids",
    "parse_entity",
    "parse_fragment",
    "read_batch",
    "read_node",
    "read_object",
]
