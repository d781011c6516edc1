"""Answers of the provision operations: nothing, a location, an UpdateResult or a BatchOperationResult.

Spec: CIM 009 5.2.18 (UpdateResult), 5.2.16 (BatchOperationResult), 5.2.17 (BatchEntityError).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from stadtkern.errors import AlreadyExists, Forbidden, Problem, ResourceNotFound
from stadtkern.model.change import Outcome
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import problem_body

ENTITIES_PATH: Final = "/ngsi-ld/v1/entities/"
Result = tuple[str, Outcome | Problem]
"""An entity's id as it was sent, and what became of it."""

_JSON = ("content-type", "application/json")


def no_content() -> Response:
    """Answer that all was done."""
    return Response(204)


def created(request: Request, id: str, path: str = ENTITIES_PATH) -> Response:
    """Answer that an entity was created, and where it is now. path: what its address begins with."""
    return Response(201, headers=[("location", request.base_url + path + quote(id, safe=":@!$&'()*+,;="))])


def update_result(outcome: Outcome) -> Response:
    """Answer which attributes were written and which were not, by their expanded names; nothing if all were."""
    if not outcome.not_updated:
        return no_content()
    refused = [{"attributeName": note.attribute, "reason": note.reason} for note in outcome.not_updated]
    return _multi_status({"updated": outcome.updated, "notUpdated": refused})


def batch_result(results: Sequence[Result], *, creates: bool = False) -> Response:
    """Answer a batch: 207 as soon as one element failed, else 201 with the ids that were created, else 204.

    creates: the operation may create entities. Spec: CIM 009 6.14 to 6.17, 6.31.
    """
    errors = [_entity_error(id, problem) for id, result in results if (problem := _failure(id, result)) is not None]
    if errors:
        success = dict.fromkeys(id for id, result in results if _failure(id, result) is None)
        return _multi_status({"success": list(success), "errors": errors})
    new = [id for id, result in results if isinstance(result, Outcome) and result.created]
    if creates and new:
        return Response(201, msgspec.json.encode(new), [_JSON])
    return no_content()


def _failure(id: str, result: Outcome | Problem) -> Problem | None:
    """See an element that was written in part as failed: the client must hear of it."""
    if isinstance(result, Problem):
        return result
    if not result.not_updated:
        return None
    names = ", ".join(note.attribute for note in result.not_updated)
    existing = any("exists" in note.reason for note in result.not_updated)
    forbidden = any(note.forbidden for note in result.not_updated)
    kind = Forbidden if forbidden else AlreadyExists if existing else ResourceNotFound
    return kind(f"Entity {id} was not updated in full: {names}", hint=result.not_updated[0].reason)


def _entity_error(id: str, problem: Problem) -> dict[str, Any]:
    return {"entityId": id, "error": problem_body(problem, "ngsi-ld")}


def _multi_status(body: dict[str, Any]) -> Response:
    return Response(207, msgspec.json.encode(body), [_JSON])
