"""The collector of cyclic garbage, set for a process that serves for months.

Nearly all that a server holds dies by reference counts; the collector only looks for cycles, and while it looks
everything waits. What lives as long as the process, such as ten thousand subscriptions, would be looked through again
and again: a quarter of a second at a time. It is set aside instead ("frozen": it still dies by reference counts).
"""

from __future__ import annotations

import gc
from time import monotonic, perf_counter
from typing import Literal

YOUNG = 10_000
"""Objects made, less those gone, between looks at the young: one request makes some dozens."""
LONG_S = 0.01
"""A look that took so long looked through things that stay."""
THAW_S = 6 * 3600.0
"""What was set aside is looked through so often after all: cycles may have died in it."""


class Collector:
    """Sets aside what survived a long look."""

    def __init__(self) -> None:
        self._begun = 0.0
        self._found = gc.get_threshold()
        self._thaw_at = monotonic() + THAW_S

    def start(self) -> None:
        """Set aside what there is now: modules, tables and the application. Once, when the process has started."""
        gc.set_threshold(YOUNG, 10, 10)
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self._looked)

    def stop(self) -> None:
        """Leave the collector as it was found."""
        gc.callbacks.remove(self._looked)
        gc.unfreeze()
        gc.set_threshold(*self._found)

    def _looked(self, phase: Literal["start", "stop"], info: dict[str, int]) -> None:
        if info["generation"] != 2:
            return
        if phase == "start":
            self._begun = perf_counter()
            return
        if monotonic() > self._thaw_at:
            # the next look goes through all of it, and what survives that is set aside again
            self._thaw_at = monotonic() + THAW_S
            gc.unfreeze()
        elif perf_counter() - self._begun > LONG_S:
            gc.freeze()
