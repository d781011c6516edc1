"""Can this process serve? One cheap question to the store."""

from __future__ import annotations

from stadtkern.store.system import SystemStore


class Health:
    """Readiness of the store."""

    def __init__(self, system: SystemStore) -> None:
        self._system = system

    async def check(self) -> None:
        """Ask the store for something small. Raises: Unavailable."""
        await self._system.epochs()
