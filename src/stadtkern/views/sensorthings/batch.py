"""``POST $batch``: several requests in one, each judged for what it does. Spec: OGC 18-088 11; OData 4.01 part 1 11.7.

They are carried out in order, one after the other, each as if it had come alone. One that fails does not keep the
others from being done, unless the client prefers that (``Prefer: continue-on-error=false``).
"""

from __future__ import annotations

from typing import Final

from stadtkern.broker.long_body import work_on
from stadtkern.errors import UnsupportedMediaType, quoted
from stadtkern.views._http.message import Request, Response
from stadtkern.views.sensorthings.batch_answer import render_multipart
from stadtkern.views.sensorthings.batch_changes import Begin, change_sets
from stadtkern.views.sensorthings.batch_json import read_json_batch, render_json_batch
from stadtkern.views.sensorthings.batch_multipart import MULTIPART, media_type
from stadtkern.views.sensorthings.batch_request import read_batch
from stadtkern.views.sensorthings.batch_run import BatchRun, Router
from stadtkern.views.sensorthings.services import Reader

_JSON: Final = "application/json"


class Batches:
    """The handler of batches."""

    def __init__(self, reader: Reader, begin: Begin, most: int) -> None:
        """begin: begins a group of writes. most: bytes of all answers of one batch."""
        self._change_sets = change_sets(reader, begin)
        self._most = most

    async def run(self, router: Router, request: Request) -> Response:
        """Carry out a batch. router: finds what answers single requests.

        Raises: InvalidRequest and others where it cannot be read; nothing of it was done then.
        """
        content_type, body = request.header("content-type") or "", request.body
        run = BatchRun(request, router, self._most, self._change_sets)
        match media_type(content_type):
            case "multipart/mixed":
                batch = await work_on(len(body), lambda: read_batch(body, content_type))
                return render_multipart(await run.all(batch))
            case "application/json":
                batch = await work_on(len(body), lambda: read_json_batch(body))
                return render_json_batch(await run.all(batch))
            case _:
                raise UnsupportedMediaType(f"A batch is {MULTIPART}; boundary=… or {_JSON}, not {quoted(content_type)}")
