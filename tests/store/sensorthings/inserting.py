"""A process that makes Things with all that belongs to them until it is killed; it prints the ids it was told.

Arguments: the folder of the store, and the address of its database (empty for the embedded one).
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from stadtkern.broker.sensorthings.writing import SensorThingsWriter
from tests.store.sensorthings.bodies import multi, place, stream, thing
from tests.store.stores import GRANT, open_tenants

CLIENTS = 8
BODY = thing(
    Locations=[place(1), place(2)],
    Datastreams=[stream(Observations=[{"result": 1}, {"result": 2}]), stream()],
    MultiDatastreams=[multi(Observations=[{"result": [1, 2]}])],
)


async def insert(folder: Path, database_url: str) -> None:
    """Insert for ever."""
    async with open_tenants(database_url, folder) as tenants, asyncio.TaskGroup() as clients:
        writer = SensorThingsWriter(tenants)
        for _ in range(CLIENTS):
            clients.create_task(_client(writer))


async def _client(writer: SensorThingsWriter) -> None:
    while True:
        created = await writer.create(GRANT, "Thing", json.dumps(BODY).encode())
        print(created.id, flush=True)


if __name__ == "__main__":
    asyncio.run(insert(Path(sys.argv[1]), sys.argv[2]))
