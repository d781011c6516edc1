"""Requests made from the OpenAPI description, right ones and wrong ones: every answer is one that it describes."""

from __future__ import annotations

import re
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from stadtkern.views.health.describe import DESCRIPTION as HEALTH
from stadtkern.views.manage.describe import DESCRIPTION as MANAGE
from stadtkern.views.ngsild.describe import DESCRIPTION as NGSI_LD
from stadtkern.views.openapi.describe import DESCRIPTION as OPENAPI
from stadtkern.views.openapi.document import path_of
from tests.badinput.asking import Asker
from tests.badinput.bodies import ID
from tests.server_process import ServerProcess

_EXAMPLES, _EXAMPLES_MORE_SLOWLY = 6, 3
_CHECKS = [
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.status_code_conformance,
    checks.response_headers_conformance,
]
_OPERATIONS = [
    (method, path_of((*mount, *pattern), operation))
    for mount, description in ((("ngsi-ld", "v1"), NGSI_LD), (("v1",), MANAGE), ((), HEALTH), ((), OPENAPI))
    for pattern, operations in description.operations.items()
    for method, operation in operations.items()
]


_CORE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.8.jsonld"
_GOOD: dict[str, list[str]] = {
    "id": [ID, f"{ID},urn:x:2"],
    "idPattern": ["^urn:", ".*"],
    "type": ["Thing", "Thing,Other", "(Thing;Other)"],
    "attrs": ["a", "a,b"],
    "pick": ["id,type,a", "a"],
    "omit": ["a"],
    "q": ["a>0", 'a=="x"|b', "!b;a==1..5"],
    "scopeQ": ["/A/#", "/A/+"],
    "csf": ["a>0"],
    "datasetId": ["@none", "urn:x:dataset"],
    "lang": ["de", "en;q=0.5,*"],
    "format": ["concise", "simplified"],
    "options": ["sysAttrs", "keyValues"],
    "orderBy": ["a;desc", "id"],
    "containedBy": [ID],
    "timeAt": ["2026-01-01T00:00:00Z"],
    "aggrMethods": ["avg,max"],
    "entityMapLifetime": ["PT10M"],
}
"""Texts in the small languages of some parameters, which no schema could make."""
_LONELY = {"georel", "geometry", "coordinates", "geoproperty", "endTimeAt", "timerel", "orderFrom", "orderGeometry"} | {
    *("collation", "aggrPeriodDuration", "geometryProperty", "entityMap", "keep", "lastN", "expandValues", "jsonKeys")
}
"""Parameters that are wrong without others."""


def _tame(draw: st.DrawFn, case: Any) -> None:
    """Make what fits the schema fit the standard, too: few parameters, the context in its place, names of names."""
    query = case.query or {}
    names = sorted(set(query) - _LONELY - ({"options"} if case.method != "GET" else set()))
    kept = draw(st.sets(st.sampled_from(names), max_size=2)) if names else set()
    case.query = {name: draw(st.sampled_from(_GOOD[name])) if name in _GOOD else query[name] for name in kept}
    if case.method == "GET" and case.path.endswith("/entities"):
        case.query["type"] = "Thing"
        if "temporal" in case.path:
            case.query |= {"timerel": "after", "timeAt": "2020-01-01T00:00:00Z"}
    case.body = _tame_body(case.body, linked=case.media_type == "application/ld+json")


def _tame_body(body: Any, *, linked: bool) -> Any:
    if isinstance(body, list):
        return [_tame_body(one, linked=linked) for one in body]
    if not isinstance(body, dict):
        return body
    named = {name: _tame_member(name, value) for name, value in body.items() if re.fullmatch("[A-Za-z]+[0-9]*", name)}
    return {**named, "@context": _CORE} if linked else named


def _tame_member(name: str, value: Any) -> Any:
    """Put times into UTC and into this century, at any depth."""
    if name in ("observedAt", "expiresAt", "timeAt", "endTimeAt"):
        return "2099-01-01T00:00:00Z"
    if isinstance(value, dict):
        return {inner: _tame_member(inner, one) for inner, one in value.items()}
    return [_tame_member("", one) for one in value] if isinstance(value, list) else value


@pytest.fixture(scope="module")
def schema(server: ServerProcess) -> Any:
    document = requests.get(f"{server.url}/openapi.json", timeout=10).json()
    return schemathesis.openapi.from_dict(document)


@pytest.fixture(scope="module")
def session(server: ServerProcess) -> requests.Session:
    """Keeps its connection."""
    return requests.Session()


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize(("method", "path"), _OPERATIONS)
def test_every_answer_is_described(
    server: ServerProcess,
    engine_url: str,
    schema: Any,
    session: requests.Session,
    method: str,
    path: str,
    mode: GenerationMode,
) -> None:
    operation = schema[path][method]
    entity = {"id": ID, "type": "Thing", "a": {"type": "Property", "value": 1}}
    session.post(f"{server.url}/ngsi-ld/v1/entityOperations/upsert", json=[entity], timeout=10)
    if mode == GenerationMode.NEGATIVE and not operation.query and not operation.path_parameters:
        mode = GenerationMode.POSITIVE  # there is nothing that could be wrong

    @hypothesis.settings(
        max_examples=_EXAMPLES_MORE_SLOWLY if engine_url else _EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def check(case: Any, data: st.DataObject) -> None:
        if mode == GenerationMode.POSITIVE and path.startswith("/ngsi-ld/"):
            _tame(data.draw, case)
        headers = {"Authorization": f"Bearer {Asker.TOKEN}"} if path.startswith("/v1/") else {}
        for name in ("Authorization", "X-API-Key", "NGSILD-Tenant", "Link"):
            # tenants that are not there and credentials that are wrong would hide all the rest
            (case.headers or {}).pop(name, None)
        if data.draw(st.booleans()) and "entityId" in (case.path_parameters or {}):
            case.path_parameters["entityId"] = ID
        response = case.call(base_url=server.url, session=session, headers=headers)
        # 504: a context that cannot be loaded (CIM 009 table 5.5.2-1)
        assert response.status_code < 500 or response.status_code == 504, response.text
        case.validate_response(response, checks=_CHECKS)

    check()
