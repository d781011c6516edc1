"""One batch while it is carried out: who asks for what, what the requests call each other, and what went wrong."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import msgspec
from msgspec import Raw, Struct

from stadtkern import telemetry
from stadtkern.errors import BadRequestData, FailedDependency, OperationNotSupported, Problem, TooManyResults, quoted
from stadtkern.policy.grant import Action, Grant
from stadtkern.query.odata.target import parse_target
from stadtkern.views._http.message import Request, Response
from stadtkern.views._http.problem import internal_error, problem_response
from stadtkern.views._http.routing import Route
from stadtkern.views.sensorthings.addresses import service_root, target_type
from stadtkern.views.sensorthings.batch_answer import Answer, Answers
from stadtkern.views.sensorthings.batch_names import Address, Named, Names
from stadtkern.views.sensorthings.batch_request import Batch, ChangeSet, SingleRequest

Router = Callable[[str, Sequence[str]], Route]
"""Finds the route of a method at an address. Raises: ResourceNotFound, MethodNotAllowed."""
_JSON: Final = "application/json"
_NULL: Final = Raw(b"null")
_STOP: Final = frozenset({"continue-on-error=false", "odata.continue-on-error=false"})
_CONDITION: Final = re.compile(r"\s*(not\s+)?\$([0-9A-Za-z_.:,;~-]{1,128})(/\$succeeded)?\s*")


class _Found(Struct):
    """What tells in an answer which entity it is about; of a set the first one."""

    id: Raw = msgspec.field(default=_NULL, name="@iot.id")
    value: Raw = _NULL


CarryOut = Callable[["BatchRun", ChangeSet], Awaitable[Answers]]
"""Carries out a change set."""


class BatchRun:
    """One batch while it is carried out."""

    def __init__(self, request: Request, router: Router, most: int, carry_out: CarryOut) -> None:
        """most: bytes of all answers. carry_out: for change sets."""
        self.names = Names()
        self.request = request
        self._router = router
        self._room = most
        self._carry_out = carry_out
        self._outcomes: dict[str, bool] = {}
        """Whether what was carried out so far succeeded, by the names of requests and groups."""
        self._grants: dict[Action, Grant] = {}

    async def all(self, batch: Batch) -> Sequence[Answer | Answers]:
        """Carry out all requests; where the client prefers it, up to the first one that fails."""
        answers: list[Answer | Answers] = []
        for one in batch:
            if isinstance(one, ChangeSet):
                answers.append(await self._carry_out(self, one))
                self.note(one.requests[0].group if one.requests else "", answers[-1].failed)
            else:
                answers.append(await self.single(one))
            if answers[-1].failed and self._stops():
                break
        return answers

    def _stops(self) -> bool:
        given = (self.request.header("prefer") or "").lower().replace(" ", "").replace(";", ",")
        return not _STOP.isdisjoint(given.split(","))

    async def single(self, one: SingleRequest) -> Answer:
        """Carry out one request; what goes wrong is its answer."""
        try:
            skipped = self.skipped(one)
            if skipped is not None:
                return Answer(one, skipped)
            answer = Answer(one, await self.ask(one, self.names.address(one.url, self.request)))
        except Exception as error:  # the others are to be carried out all the same
            self.names.forget(one.name)
            answer = self.refused(one, error)
        self.note(one.name, answer.failed)
        return answer

    def note(self, name: str, failed: bool) -> None:
        """Note what came of a request or a group."""
        if name:
            self._outcomes[name] = not failed

    def skipped(self, one: SingleRequest) -> Response | None:
        """Answer a request that is not to be carried out, because of what came of others.

        Raises: FailedDependency, BadRequestData (there are no such others), OperationNotSupported (the condition).
        """
        if one.condition:
            if self._holds(one.condition):
                return None
            text = f"Skipped: the condition {quoted(one.condition)} does not hold"
            return Response(200, msgspec.json.encode({"message": text}), [("content-type", _JSON)])
        for name in one.depends_on:
            if name not in self._outcomes:
                raise BadRequestData(f"Nothing before this request is called {quoted(name)}", pointer="/dependsOn")
            if not self._outcomes[name]:
                raise FailedDependency(f"{quoted(name)} failed, and this request depends on it")
        return None

    def _holds(self, condition: str) -> bool:
        found = _CONDITION.fullmatch(condition)
        if found is None:
            raise OperationNotSupported(
                f"The condition {quoted(condition)} cannot be decided", hint="$id, not $id, $id/$succeeded"
            )
        name = found.group(2)
        holds = self._outcomes.get(name, False) if found.group(3) else self.names.get(name) is not None
        return holds != bool(found.group(1))

    def refused(self, one: SingleRequest, error: Exception) -> Answer:
        """Answer with what went wrong."""
        problem = error if isinstance(error, Problem) else internal_error(error)
        if problem.status >= 500:
            telemetry.emit(telemetry.RequestFailed(self.request.request_id, error))
        return Answer(one, problem_response(problem, "sensorthings", self.request.request_id))

    async def ask(self, one: SingleRequest, address: Address) -> Response:
        """Let the route of an address answer, and remember which entity it was about."""
        if one.method == "GET" and self._room <= 0:
            raise TooManyResults("The answers of this batch are larger than one answer may be", hint="read in parts")
        route = self._router(one.method, address.segments)
        response = await route.handler(self.alone(one, address, await self.grant(route.action)))
        self._room -= len(response.body)
        if one.name:
            self._remember(one, address, response)
        return response

    def alone(self, one: SingleRequest, address: Address, grant: Grant) -> Request:
        """Give a request of the batch as if it had come alone."""
        whole = self.request
        headers = {"content-type": _JSON, **one.headers} if one.body else one.headers
        return Request(
            method=one.method,
            path=whole.path.rpartition("/")[0] + "/" + "/".join(address.segments),
            segments=address.segments,
            query=address.query,
            headers=headers,
            body=self.names.in_body(one.body),
            grant=grant,
            base_url=whole.base_url,
            request_id=whole.request_id,
            tenant_header=whole.tenant_header,
        )

    async def grant(self, action: Action) -> Grant:
        """Judge the caller for one request. Raises: Unauthorized, Forbidden, NonexistentTenant."""
        if action not in self._grants:
            judge = self.request.judge
            self._grants[action] = self.request.grant if judge is None else await judge(action)
        return self._grants[action]

    def _remember(self, one: SingleRequest, address: Address, response: Response) -> None:
        """Name the entity that a request made, changed or read; one that found none has none any more."""
        self.names.forget(one.name)
        root = f"{service_root(self.request.base_url)}/"
        location = dict(response.headers).get("location", "")
        if response.status == 201 and location.startswith(root):
            target = parse_target(location[len(root) :])
            self.names.set(one.name, Named(target_type(target).name, target.steps[-1].id or 0))
        elif response.status == 200 and address.segments and one.method != "DELETE":
            target = parse_target("/".join(address.segments))
            is_read = one.method == "GET" and target.property is None
            id_ = _id_in(response.body) if is_read else target.steps[-1].id
            if id_ is not None:
                self.names.set(one.name, Named(target_type(target).name, id_))


def _id_in(body: bytes) -> int | None:
    """Find the id of the entity that an answer is about, or of the first one of a set."""
    try:
        found = msgspec.json.decode(body, type=_Found)
        if bytes(found.value)[:1] == b"[":
            first = msgspec.json.decode(found.value, type=list[Raw])[:1]
            found = msgspec.json.decode(first[0], type=_Found) if first else _Found()
        return msgspec.json.decode(found.id, type=int | None)
    except msgspec.DecodeError:
        return None
