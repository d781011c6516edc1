"""The same numbers for the same seed, everywhere and for ever: people compare what they see."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stadtkern.demo.chance import drift, fraction, key_of

_KEYS = st.integers(0, 2**64 - 1)


def test_key_of_is_the_same_on_every_machine() -> None:
    assert key_of(1, "air:ring") == 5373496940720262589
    assert [f"{fraction(42, number):.6f}" for number in (0, 1, 10**12)] == ["0.741565", "0.159910", "0.186869"]


def test_key_of_differs_by_seed_and_name() -> None:
    assert len({key_of(seed, name) for seed in range(50) for name in ("a", "b")}) == 100


def test_fraction_is_spread_evenly() -> None:
    drawn = [fraction(key_of(1, "even"), number) for number in range(10_000)]
    shares = [sum(step <= one * 10 < step + 1 for one in drawn) for step in range(10)]
    assert sum(shares) == 10_000
    assert min(shares) > 900


@given(_KEYS, st.floats(0, 1e7), st.floats(0.1, 1e4))
def test_drift_stays_within_its_bounds(key: int, moment: float, period: float) -> None:
    assert -1 <= drift(key, moment, period) <= 1


@given(_KEYS, st.floats(0, 1e5), st.floats(0.5, 100))
def test_drift_has_no_jumps(key: int, moment: float, period: float) -> None:
    assert abs(drift(key, moment + period / 1000, period) - drift(key, moment, period)) < 0.01
