"""Batches as JSON. Spec: OData JSON format 4.01 19; the conditions of FROST beside those of OData."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Raw, Struct, field

from stadtkern.errors import BadRequestData
from stadtkern.model.json import parse_json
from stadtkern.views._http.message import Response
from stadtkern.views.sensorthings.batch_answer import Answer, Answers
from stadtkern.views.sensorthings.batch_request import (
    Batch,
    ChangeSet,
    SingleRequest,
    check_count,
    check_method,
    check_name,
)

_JSON: Final = "application/json"
_NULL: Final = Raw(b"null")


class _Item(Struct, kw_only=True):
    id: str | int
    method: str
    url: str
    headers: dict[str, str] = {}
    body: Raw = _NULL
    group: str | None = field(default=None, name="atomicityGroup")
    depends_on: list[str] | None = field(default=None, name="dependsOn")
    condition: str | None = field(default=None, name="if")


class _Batch(Struct):
    requests: list[Raw]


def read_json_batch(body: bytes) -> Batch:
    """Read a batch. Raises: InvalidRequest, BadRequestData, PayloadTooLarge; then nothing of it was done."""
    parse_json(body)
    try:
        items = msgspec.json.decode(body, type=_Batch).requests
    except msgspec.ValidationError as error:
        raise BadRequestData('A batch is an object {"requests": [...]}', pointer="/requests") from error
    check_count(len(items))
    return _grouped([_read(item, at) for at, item in enumerate(items)])


def _read(text: Raw, at: int) -> SingleRequest:
    try:
        item = msgspec.json.decode(text, type=_Item)
    except msgspec.ValidationError as error:
        raise BadRequestData(f"Request {at + 1} cannot be read: {error}", pointer=f"/requests/{at}") from error
    where = f"Request {at + 1}"
    return SingleRequest(
        method=check_method(item.method, where),
        url=item.url,
        headers={name.lower(): value for name, value in item.headers.items()},
        body=b"" if bytes(item.body) == bytes(_NULL) else bytes(item.body),
        name=check_name(str(item.id), where),
        group=check_name(item.group or "", where),
        condition=item.condition or "",
        depends_on=tuple(item.depends_on or ()),
    )


def _grouped(requests: Sequence[SingleRequest]) -> Batch:
    """Put the requests of a group together. Raises: BadRequestData (others stand between them)."""
    batch: list[SingleRequest | ChangeSet] = []
    groups: dict[str, list[SingleRequest]] = {}
    before = ""
    for at, one in enumerate(requests):
        if not one.group:
            batch.append(one)
        elif one.group == before:
            groups[one.group].append(one)
        elif one.group in groups:
            raise BadRequestData(
                f"The requests of the group {one.group!r} do not stand together", pointer=f"/requests/{at}"
            )
        else:
            groups[one.group] = [one]
            batch.append(ChangeSet(groups[one.group], reads=True))
        before = one.group
    return batch


def render_json_batch(answers: Sequence[Answer | Answers]) -> Response:
    """Render answers in the order of their requests."""
    flat = [one for answer in answers for one in (answer.answers if isinstance(answer, Answers) else [answer])]
    body = msgspec.json.encode({"responses": [_rendered(one) for one in flat]})
    return Response(200, body, [("content-type", _JSON)])


def _rendered(answer: Answer) -> dict[str, Any]:
    response = answer.response
    headers = dict(response.headers)
    shown: dict[str, Any] = {"id": answer.request.name, "status": response.status}
    if answer.request.group:
        shown["atomicityGroup"] = answer.request.group
    if "location" in headers:
        shown["location"] = headers["location"]
    kind = headers.get("content-type", _JSON)
    if headers and (kind != _JSON or headers.keys() - {"content-type"}):
        shown["headers"] = headers
    if response.body:
        is_json = kind.partition(";")[0] in {_JSON, "application/geo+json"}
        shown["body"] = Raw(response.body) if is_json else response.body.decode()
    return shown
