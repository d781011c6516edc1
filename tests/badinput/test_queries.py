"""Every parameter of every operation against texts that nobody should send: bounded, explained, never a fault."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from stadtkern.views.ngsild.describe import DESCRIPTION
from tests.badinput.asking import Asker, check_answer, check_problem
from tests.badinput.bodies import ID, TIME, WRONG_TIMES

NGSI_LD = "/ngsi-ld/v1"
TEXTS: dict[str, str] = {
    "empty": "",
    "blank": " ",
    "quote": '"',
    "open text": '"x',
    "NUL": "\0",
    "control characters": "\x01\x7f\u0085\u2028",
    "direction marks": "\u202e\ufeff",
    "beyond the first plane": "🏙" * 100,
    "SQL": "' OR 1=1; DROP TABLE entity; --",
    "SQL wildcards": "%_*?",
    "path": "../../etc/passwd",
    "template": "${jndi:ldap://x}{{7*7}}<script>",
    "number": "1",
    "negative": "-1",
    "too large": "99999999999999999999",
    "1e400": "1e400",
    "NaN": "NaN",
    "fraction": "0.5",
    "other digits": "٣",
    "10,000 parentheses": "(" * 10_000,
    "pairs of parentheses": "(" * 100 + "a" + ")" * 100,
    "10,000 braces": "a{" * 5_000,
    "10,000 brackets": "[" * 10_000,
    "10,000 commas": "," * 10_000,
    "10,000 semicolons": "a;" * 5_000,
    "10,000 bars": "a|" * 5_000,
    "10,000 dots": "a." * 5_000,
    "10,000 slashes": "/" * 10_000,
    "30,000 letters": "a" * 30_000,
    "pattern that explodes": "(a+)+$",
    "pattern that explodes quoted": 'a~="(a|aa)+$"',
    "pattern with huge repeats": 'a~="((a{1,1000}){1,1000}){1,1000}"',
    "pattern with look-ahead": 'a~="(?=x)"',
    "pattern that is none": 'a~="("',
    "infinite number in q": "a==1e400;a>-1e400",
    "absurd time in q": "observedAt==9999-99-99T00:00:00Z",
    "range the wrong way": "a==5..1",
    "JSON": '{"a": [1, 2',
    "GeoJSON": "[[[0,0],[1,1],[0,0]]]",
    "far coordinates": "[1e308,-1e308]",
    "coordinates of texts": '["a","b"]',
    "duration without sense": "P99999999999Y",
    "URI": "urn:x:1",
    "2,000 URIs": ",".join(["urn:x:1"] * 2_000),
    "star": "*",
    "at none": "@none",
}
_COMPANIONS: dict[str, dict[str, str]] = {
    "georel": {"geometry": "Point", "coordinates": "[1,1]"},
    "geometry": {"georel": "within", "coordinates": "[1,1]"},
    "coordinates": {"georel": "near;maxDistance==1", "geometry": "Point"},
    "geoproperty": {"georel": "within", "geometry": "Point", "coordinates": "[1,1]"},
    "orderFrom": {"orderBy": "location;dist-asc"},
    "orderGeometry": {"orderBy": "location;dist-asc", "orderFrom": "[1,1]"},
    "collation": {"orderBy": "a"},
    "expandValues": {"q": "a==x"},
    "jsonKeys": {"q": "a.b==1"},
    "joinLevel": {"join": "flat"},
    "containedBy": {"join": "flat"},
    "endTimeAt": {"timerel": "between", "timeAt": TIME},
    "timerel": {"timeAt": TIME},
    "aggrPeriodDuration": {"aggrMethods": "avg"},
}
"""What else a parameter needs to be looked at."""


def _operations() -> Iterator[tuple[str, str, list[str]]]:
    """Give method, address and query parameters of each operation without a body."""
    for pattern, methods in DESCRIPTION.operations.items():
        for method, operation in methods.items():
            if operation.body is None and operation.answers:
                path = "/".join(part if part != "*" else ID for part in pattern)
                names = [one.name for one in operation.parameters if one.place == "query"]
                yield method, f"{NGSI_LD}/{path}", names


_CASES = [(method, target, name) for method, target, names in _operations() for name in names]


def _escape(parameters: dict[str, str]) -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())


@pytest.mark.parametrize(("method", "target", "parameter"), _CASES)
def test_parameter_is_answered_whatever_it_says(asker: Asker, method: str, target: str, parameter: str) -> None:
    reads = method == "GET"
    base: dict[str, str] = {}
    if target.endswith("/entities"):
        # a purge deletes nothing that is there
        base = {"type": "Thing"} if reads else {"type": "Nothing"}
    if "/temporal/" in target and reads:
        base |= {"timerel": "after", "timeAt": TIME}
    base |= _COMPANIONS.get(parameter, {})
    for name, text in TEXTS.items():
        reply = asker.ask(method, f"{target}?{_escape({**base, parameter: text})}")
        try:
            check_answer(reply)
        except AssertionError as error:
            raise AssertionError(f"{method} {target} {parameter}: {name}") from error
        if name == "NUL":
            assert reply.status == 400, parameter


@pytest.mark.parametrize("parameter", ["timeAt", "endTimeAt"])
def test_absurd_times_are_refused(asker: Asker, parameter: str) -> None:
    for time in WRONG_TIMES:
        if not isinstance(time, str) or time.endswith(("-14:00", "+14:00", "9Z")):
            continue
        query = {"timerel": "between", "timeAt": TIME, "endTimeAt": TIME, parameter: time, "type": "Thing"}
        check_problem(asker.ask("GET", f"{NGSI_LD}/temporal/entities?{_escape(query)}"), 400)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00Z"])
def test_times_at_the_ends_of_the_calendar_are_answered(asker: Asker, time: str) -> None:
    for relation in ("before", "after"):
        query = {
            "timerel": relation,
            "timeAt": time,
            "type": "Thing",
            "aggrMethods": "avg",
            "aggrPeriodDuration": "P1Y",
        }
        check_answer(asker.ask("GET", f"{NGSI_LD}/temporal/entities?{_escape(query)}"))
    for condition in (f"observedAt>{time}", f"a.observedAt<{time}", f"createdAt=={time}"):
        check_answer(asker.ask("GET", f"{NGSI_LD}/entities?{_escape({'type': 'Thing', 'q': condition})}"))


_TARGETS = ["/ngsi-ld/v1/entities?q={}", "/ngsi-ld/v1/entities/{}", "/{}", "/ngsi-ld/v1/{}"]


@pytest.mark.parametrize("target", _TARGETS)
def test_address_that_is_too_long_is_refused(asker: Asker, target: str) -> None:
    for text in ("a" * 40_000, quote('a~="(a+)+$";' * 1_500), "a/" * 20_000):
        check_problem(asker.ask("GET", target.format(text)), 414)
    # from 60 kB on the server refuses before it comes to us
    assert asker.ask("GET", target.format("a" * 100_000)).status == 414


def test_many_parameters_are_refused(asker: Asker) -> None:
    check_problem(asker.ask("GET", f"{NGSI_LD}/entities?" + "&".join(f"a{n}=1" for n in range(3_000))), 400)
    check_problem(asker.ask("GET", f"{NGSI_LD}/entities?" + "type=T&" * 300), 400)


@pytest.mark.parametrize("escape", ["%", "%4", "%zz", "%ff", "%c0%af", "%ed%a0%80", "%00", "%F0%9F"])
def test_bad_escapes_are_answered(asker: Asker, escape: str) -> None:
    for target in (
        f"{NGSI_LD}/entities?type={escape}",
        f"{NGSI_LD}/entities/{escape}",
        f"/{escape}",
        f"/t/{escape}/livez",
    ):
        check_answer(asker.ask("GET", target))


@pytest.mark.parametrize(
    "id",
    ["x", "urn", "urn:", ":", "a b", "urn:x:%00", "urn:x:" + "y" * 2_000, "..", ".", "%2e%2e%2f", "urn:x:a/b", "🏙"],
)
def test_bad_ids_in_the_address_are_refused(asker: Asker, id: str) -> None:
    escaped = quote(id, safe="%:/")
    for method in ("GET", "DELETE"):
        for target in (f"entities/{escaped}", f"temporal/entities/{escaped}", f"entities/{escaped}/attrs/a"):
            if method == "GET" and target.endswith("/attrs/a"):
                continue
            check_problem(asker.ask(method, f"{NGSI_LD}/{target}"), 400, 404, 405)


@pytest.mark.parametrize("tenant", ["x" * 100, "../x", "a b", "ä", "-", "1", "System", "pg_catalog", "a;b", '"', "%00"])
def test_bad_tenants_are_refused(asker: Asker, tenant: str) -> None:
    header = tenant.encode("latin-1").decode("latin-1")
    check_problem(asker.ask("GET", f"{NGSI_LD}/types", NGSILD_Tenant=header), 400, 404)
    check_problem(asker.ask("GET", f"/t/{quote(tenant, safe='%')}{NGSI_LD}/types"), 400, 404)
    check_problem(asker.administer("DELETE", f"/v1/tenants/{quote(tenant, safe='%')}"), 400, 404)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Link", "<"),
        ("Link", "<>; rel=x"),
        ("Link", "x" * 20_000),
        ("Link", "<a>," * 5_000),
        ("Link", '<file:///etc/passwd>; rel="http://www.w3.org/ns/json-ld#context"'),
        ("Link", '<http://127.0.0.1:1/x>; rel="http://www.w3.org/ns/json-ld#context"'),
        ("Link", '<"; rel="http://www.w3.org/ns/json-ld#context"'),
        ("Accept", "x"),
        ("Accept", "," * 20_000),
        ("Accept", "application/json;q=x;q=" + "9" * 1_000),
        ("Accept", "*/*;q=-1"),
        ("Accept", "image/png"),
        ("Accept-Language", "," * 20_000),
        ("Authorization", "Bearer"),
        ("Authorization", "Bearer " + "x" * 20_000),
        ("Authorization", "Basic Og=="),
        ("Authorization", "Bearer sk_x_\xff"),
        ("X-API-Key", "sk_" + "_" * 10_000),
        ("Prefer", "instances=" + "9" * 1_000),
        ("Prefer", 'body="' * 3_000),
        ("X-Request-ID", "\xff" * 1_000),
        ("Host", "x" * 10_000),
        ("Host", "a b"),
        ("Via", "1.1 x," * 3_000),
    ],
)
def test_bad_headers_are_answered(asker: Asker, name: str, value: str) -> None:
    for target in (f"{NGSI_LD}/entities?type=Thing", f"{NGSI_LD}/temporal/entities/{ID}", "/openapi", "/v1/keys"):
        reply = asker.ask("GET", target, **{name.replace("-", "_"): value})
        if reply.status == 504:
            assert reply.json["title"] == "LD context not available"
        elif reply.media_type:
            check_answer(reply)
        else:
            # what is no HTTP is refused before it comes to us
            assert reply.status == 400
