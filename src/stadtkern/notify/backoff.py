"""How long to leave a receiver alone that did not take a notification."""

from __future__ import annotations

import random

FIRST_S = 0.5
LONGEST_S = 300.0


def delay_s(failures: int, cooldown_s: float = 0.0, retry_after_s: float | None = None) -> float:
    """Give seconds to wait after so many failures in a row: twice as long each time, up to five minutes.

    A fifth is left to chance, so that the subscriptions of one receiver do not come back all at once.
    cooldown_s: what the subscriber asked for at least (CIM 009 5.2.15); retry_after_s: what the receiver asked for.
    """
    growing = min(FIRST_S * 2.0 ** min(failures - 1, 20), LONGEST_S)
    wanted = max(growing, cooldown_s, retry_after_s or 0.0)
    return wanted * random.uniform(1.0, 1.2)  # noqa: S311 - no secret
