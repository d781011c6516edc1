"""What each write operation does to an entity: pure functions, no input or output, no clock.

``apply`` decides one operation, ``apply_all`` a sequence on one entity; ``history`` holds the pure parts of
operations on the temporal evolution. Spec: CIM 009 5.5.8, 5.5.12, 5.6.
"""

from __future__ import annotations

from stadtkern.broker.apply.batch import apply_all
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

__all__ = [
    "apply",
    "apply_all",
    "becomes_current",
    "drop_current",
    "patch_recorded",
    "record_history",
    "record_instance",
    "split_history",
    "time_of",
]
