"""Numbers out of a seed: the same for the same question, on every machine, in any order of asking."""

from __future__ import annotations

import random
from functools import lru_cache

_MASK = (1 << 64) - 1
_SPAN = float(1 << 64)


@lru_cache(maxsize=65_536)
def key_of(seed: int, name: str) -> int:
    """Make the key of a named source of chance, such as one sensor's attribute."""
    return source(seed, name).getrandbits(64)


def source(seed: int, name: str) -> random.Random:
    """Make a generator for what is drawn one after another."""
    return random.Random(f"{seed}:{name}")  # noqa: S311 - nothing secret


def fraction(key: int, number: int) -> float:
    """Draw the number-th value of a key, in [0, 1)."""
    # splitmix64: good enough bits, and any of them without those before
    mixed = (key + (number + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return (mixed ^ (mixed >> 31)) / _SPAN


def drift(key: int, moment: float, period: float) -> float:
    """Give a value in [-1, 1] that changes smoothly over time.

    moment, period: in one unit; about so long lie between turns.
    """
    step, part = divmod(moment / period, 1.0)
    before = fraction(key, int(step))
    after = fraction(key, int(step) + 1)
    return 2.0 * (before + (after - before) * part * part * (3.0 - 2.0 * part)) - 1.0
