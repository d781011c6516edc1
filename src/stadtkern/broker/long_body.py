"""Work on long request bodies, in a thread: others are answered meanwhile.

The work is pure, and Python changes between threads every few milliseconds. Only single steps of a parser written in C
cannot be interrupted; ``model.json`` bounds the number of values in a body, and with it their length.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

LONG: Final = 32 * 1024
"""Bodies of so many bytes take long enough; a thread costs some hundred microseconds."""
_T = TypeVar("_T")


async def work_on(size: int, work: Callable[[], _T]) -> _T:
    """Do pure work on so many bytes of a body. Raises: whatever the work raises."""
    return work() if size < LONG else await asyncio.to_thread(work)
