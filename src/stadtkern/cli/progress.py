"""Progress bars, on a terminal only: logs and pipes stay clean."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.progress import Progress


class Bar:
    """One bar on standard error, drawn only where that is a terminal."""

    def __init__(self, what: str, unit: str, total: int | None = None) -> None:
        self._what = what
        self._unit = unit
        self._total = total
        self._progress: Progress | None = None
        self.done = 0

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._progress = _make(self._unit)
            self._progress.start()
            self._progress.add_task(self._what, total=self._total)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def expect(self, total: int) -> None:
        """Say how much there is to do."""
        self._total = total
        self._draw()

    def advance(self, more: int) -> None:
        """Tell what was done since."""
        self.done += more
        self._draw()

    def reach(self, done: int, total: int) -> None:
        """Tell how far it is, and of how much."""
        self.done, self._total = done, total
        self._draw()

    def _draw(self) -> None:
        if self._progress is not None:
            # estimates may be too low: a full bar must not stand while work goes on
            total = None if self._total is None else max(self._total, self.done)
            self._progress.update(self._progress.task_ids[0], completed=self.done, total=total)


def _make(unit: str) -> Progress:
    from rich.console import Console  # only where a bar is drawn
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    amount = DownloadColumn() if unit == "bytes" else TextColumn("{task.completed:,.0f} " + unit)
    columns = (TextColumn("{task.description}"), BarColumn(), amount, TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


@contextmanager
def bar(what: str, unit: str, total: int | None = None) -> Generator[Bar]:
    """Show progress while the block runs."""
    with Bar(what, unit, total) as shown:
        yield shown
