"""What lives long is not looked through again and again, and what dies in cycles still goes."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from stadtkern.server import garbage
from stadtkern.server.garbage import Collector


class Cycle:
    def __init__(self) -> None:
        self.self = self


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    monkeypatch.setattr(garbage, "LONG_S", 0.0)
    found = gc.get_threshold()
    collector = Collector()
    collector.start()
    yield collector
    collector.stop()
    assert gc.get_freeze_count() == 0
    assert gc.get_threshold() == found


def test_what_survives_a_long_look_is_set_aside(collector: Collector) -> None:
    before = gc.get_freeze_count()
    kept = [[number] for number in range(10_000)]
    gc.collect()
    assert gc.get_freeze_count() >= before + len(kept)


def test_short_look_sets_nothing_aside(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(garbage, "LONG_S", 1e9)
    before = gc.get_freeze_count()
    kept = [[number] for number in range(10_000)]
    gc.collect()
    assert gc.get_freeze_count() < before + len(kept)


def test_cycles_that_die_after_they_were_set_aside_go_when_all_is_looked_through(
    collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    cycle = Cycle()
    gone = weakref.ref(cycle)
    gc.collect()
    del cycle
    gc.collect()
    assert gone() is not None, "it was not set aside, so that this test shows nothing"
    monkeypatch.setattr(garbage, "monotonic", lambda: 1e18)
    gc.collect()
    monkeypatch.undo()
    gc.collect()
    assert gone() is None
