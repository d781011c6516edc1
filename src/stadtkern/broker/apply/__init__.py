"""What each write operation does to an entity: pure functions, no input or output, no clock.

``apply`` decides one operation, ``apply_masked`` that of somebody who does not see everything; ``history`` holds the
pure parts of operations on the temporal evolution. Spec: CIM 009 5.5.8, 5.5.12, 5.6.
"""

from __future__ import annotations

from stadtkern.broker.apply.describe import describe_series, named_entities
from stadtkern.broker.apply.dispatch import apply
from stadtkern.broker.apply.history import (
    becomes_current,
    drop_current,
    patch_recorded,
    record_history,
    record_instance,
    split_history,
    time_of,
)
from stadtkern.broker.apply.masked import apply_masked, strip_hidden
from stadtkern.broker.apply.place import leave_locations

__all__ = [
    "apply",
    "apply_masked",
    "becomes_current",
    "describe_series",
    "drop_current",
    "leave_locations",
    "named_entities",
    "patch_recorded",
    "record_history",
    "record_instance",
    "split_history",
    "strip_hidden",
    "time_of",
]
