"""Reading history over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.model.entity import Instance
from stadtkern.model.history import EntityHistory, Series
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import parse_instant
from stadtkern.model.json import raw
from tests.ngsild.consumption_services import LINKED, Histories, ReadingServices, header
from tests.ngsild.provision_services import slug, told

SPEED = Iri("https://example.org/speed")
EARLY, LATE = parse_instant("2026-01-01T00:00:00Z"), parse_instant("2026-01-03T00:00:00Z")
WINDOW = "timerel=after&timeAt=2025-12-01T00:00:00Z"


def make_history(id_: str) -> EntityHistory:
    instances = [Instance(kind="Property", value=raw(n), observed_at=at) for n, at in ((1, EARLY), (2, LATE))]
    return EntityHistory(
        id=EntityId(id_),
        types=[Iri("https://example.org/Car")],
        attributes={SPEED: [Series(kind="Property", instances=instances)]},
    )


@pytest.fixture
def services() -> ReadingServices:
    found = ReadingServices()
    found.histories = Histories([make_history("urn:x:1"), make_history("urn:x:2")])
    return found


@pytest.mark.clause("CIM009 5.7.3")
async def test_retrieve_history_gives_instances(services: ReadingServices) -> None:
    response = await services.ask("GET", f"/temporal/entities/urn:x:1?{WINDOW}&lastN=5", headers=LINKED)
    assert response.status == 200
    assert [one["value"] for one in told(response)["speed"]] == [1, 2]
    id_, query, attributes, most = services.asked
    assert (id_, attributes, most) == ("urn:x:1", None, services.temporal_instances)
    assert (query.time_relation, query.last_n) == ("after", 5)


async def test_retrieve_history_asks_for_attributes_only(services: ReadingServices) -> None:
    await services.ask("GET", "/temporal/entities/urn:x:1?pick=id,speed", headers=LINKED)
    assert services.asked[2] == {SPEED}


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("options=temporalValues", "values"),
        ("format=temporalValues", "values"),
        ("format=simplified&options=normalized", "values"),
        ("format=temporalValues&options=aggregatedValues&aggrMethods=sum", "values"),
    ],
)
async def test_retrieve_history_gives_pairs(services: ReadingServices, query: str, form: str) -> None:
    response = await services.ask("GET", f"/temporal/entities/urn:x:1?{query}", headers=LINKED)
    assert form in told(response)["speed"]
    assert services.asked[1].aggregation is None


async def test_retrieve_history_asks_for_aggregates(services: ReadingServices) -> None:
    target = f"/temporal/entities/urn:x:1?{WINDOW}&options=aggregatedValues&aggrMethods=avg,max&aggrPeriodDuration=PT1H"
    await services.ask("GET", target, headers=LINKED)
    assert services.asked[1].aggregation.methods == ("avg", "max")


@pytest.mark.clause("CIM009 6.3.10")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "2026-01-01T00:00:00Z-2026-01-03T00:00:00Z/*"),
        ("timerel=before&timeAt=2027-01-01T00:00:00Z", "2026-01-01T00:00:00Z-2026-01-03T00:00:00Z/*"),
        (WINDOW, "2025-12-01T00:00:00Z-2026-01-03T00:00:00Z/*"),
        (
            "timerel=between&timeAt=2025-12-01T00:00:00Z&endTimeAt=2027-01-01T00:00:00Z",
            "2025-12-01T00:00:00Z-2026-01-03T00:00:00Z/*",
        ),
    ],
)
async def test_retrieve_history_tells_range_when_cut(services: ReadingServices, query: str, expected: str) -> None:
    services.histories = Histories([make_history("urn:x:1")], truncated=True, first=EARLY, last=LATE)
    response = await services.ask("GET", f"/temporal/entities/urn:x:1?{query}")
    assert response.status == 206
    assert header(response, "content-range") == [f"date-time {expected}"]


@pytest.mark.clause("CIM009 6.3.10")
@pytest.mark.parametrize(
    ("query", "start"),
    [
        ("", "2026-01-03T00:00:00Z"),
        (f"&{WINDOW}", "2026-01-03T00:00:00Z"),
        ("&timerel=before&timeAt=2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        (
            "&timerel=between&timeAt=2025-12-01T00:00:00Z&endTimeAt=2027-01-01T00:00:00Z",
            "2027-01-01T00:00:00Z",
        ),
    ],
)
async def test_retrieve_history_tells_range_backwards_with_last_n(
    services: ReadingServices, query: str, start: str
) -> None:
    services.histories = Histories([make_history("urn:x:1")], truncated=True, first=LATE, last=EARLY)
    response = await services.ask("GET", f"/temporal/entities/urn:x:1?lastN=20{query}")
    assert header(response, "content-range") == [f"date-time {start}-2026-01-01T00:00:00Z/20"]


@pytest.mark.parametrize(
    ("prefer", "most"),
    [
        ("instances=5000", 5000),
        ('return=minimal, Instances="7"', 7),
        ("instances=0", 1),
        ("instances=999999999", 100_000),
    ],
)
async def test_retrieve_history_gives_more_when_preferred(services: ReadingServices, prefer: str, most: int) -> None:
    response = await services.ask("GET", "/temporal/entities/urn:x:1", headers={"prefer": prefer})
    assert services.asked[3] == most
    assert header(response, "preference-applied") == [f"instances={most}"]


@pytest.mark.parametrize(
    ("query", "status", "kind"),
    [
        ("pick=owner{name}", 400, "BadRequestData"),
        ("pick=speed&attrs=speed", 400, "BadRequestData"),
        ("pick=unknown", 404, "ResourceNotFound"),
        ("timerel=after", 400, "BadRequestData"),
        ("timerel=during&timeAt=2026-01-01T00:00:00Z", 400, "BadRequestData"),
        ("lastN=0", 400, "BadRequestData"),
        ("options=aggregatedValues", 400, "BadRequestData"),
        ("options=aggregatedValues,temporalValues&aggrMethods=avg", 400, "BadRequestData"),
        ("options=aggregatedValues&aggrMethods=median", 400, "BadRequestData"),
        ("options=invalid", 400, "InvalidRequest"),
        ("format=invalid", 400, "InvalidRequest"),
        ("join=inline", 400, "InvalidRequest"),
    ],
)
async def test_retrieve_history_refuses(services: ReadingServices, query: str, status: int, kind: str) -> None:
    response = await services.ask("GET", f"/temporal/entities/urn:x:1?{query}", headers=LINKED)
    assert (response.status, slug(response)) == (status, kind)


async def test_retrieve_history_refuses_unknown_entity_and_attribute(services: ReadingServices) -> None:
    services.histories = Histories([EntityHistory(id=EntityId("urn:x:1"), types=[Iri("https://example.org/Car")])])
    assert (await services.ask("GET", "/temporal/entities/urn:x:1?attrs=speed", headers=LINKED)).status == 404
    services.histories = Histories([])
    assert (await services.ask("GET", "/temporal/entities/urn:x:1")).status == 404
    assert (await services.ask("GET", "/temporal/entities/nouri")).status == 400


@pytest.mark.clause("CIM009 5.7.4")
async def test_query_histories_gives_page(services: ReadingServices) -> None:
    services.histories.count = 5
    services.histories.more = True
    target = f"/temporal/entities?type=Car&{WINDOW}&count=true&limit=2&options=temporalValues"
    response = await services.ask("GET", target, headers={**LINKED, "accept": "application/ld+json"})
    assert [one["id"] for one in told(response)] == ["urn:x:1", "urn:x:2"]
    assert all("@context" in one for one in told(response))
    assert header(response, "ngsild-results-count") == ["5"]
    assert 'rel="next"' in header(response, "link")[0]
    assert services.asked[0].limit == 2


async def test_query_histories_orders_by_id(services: ReadingServices) -> None:
    response = await services.ask("GET", f"/temporal/entities?type=Car&{WINDOW}&orderBy=id;desc", headers=LINKED)
    assert [one["id"] for one in told(response)] == ["urn:x:2", "urn:x:1"]


async def test_query_histories_leaves_out_what_has_no_such_dataset(services: ReadingServices) -> None:
    response = await services.ask("GET", f"/temporal/entities?type=Car&{WINDOW}&datasetId=urn:d:1", headers=LINKED)
    assert told(response) == []


async def test_query_histories_tells_range_when_cut(services: ReadingServices) -> None:
    services.histories = Histories([make_history("urn:x:1")], truncated=True, first=EARLY, last=LATE)
    response = await services.ask("GET", f"/temporal/entities?type=Car&{WINDOW}", headers=LINKED)
    assert response.status == 206


@pytest.mark.parametrize(
    "query",
    [
        "type=Car",
        f"id=urn:x:1&{WINDOW}",
        f"attrs=createdAt&{WINDOW}",
        f"type=Car&id=no uri&{WINDOW}",
        f"type=Car&pick=owner{{name}}&{WINDOW}",
        f'type=Car&q=owner{{name}}=="x"&{WINDOW}',
        f"type=Car&csf=))bad((&{WINDOW}",
        f"type=Car&orderBy=name&{WINDOW}",
        f"type=Car&orderBy=id,name&{WINDOW}",
        f"type=Car&orderBy=createdAt&{WINDOW}",
    ],
)
async def test_query_histories_refuses(services: ReadingServices, query: str) -> None:
    response = await services.ask("GET", f"/temporal/entities?{query}", headers=LINKED)
    assert (response.status, slug(response)) == (400, "BadRequestData")


def make_query(**members: Any) -> dict[str, Any]:
    time = {"timerel": "after", "timeAt": "2026-01-01T00:00:00Z"}
    return {"type": "Query", "entities": [{"type": "Car"}], "temporalQ": {**time, **members}}


@pytest.mark.clause("CIM009 5.2.21")
async def test_query_histories_by_body_reads_temporal_query(services: ReadingServices) -> None:
    response = await services.ask("POST", "/temporal/entityOperations/query", make_query(lastN=3), headers=LINKED)
    assert response.status == 200
    assert services.asked[1].last_n == 3


@pytest.mark.parametrize(
    "body",
    [
        make_query(aggrMethods=["avg"]),
        make_query(aggrMethods="avg"),
        {**make_query(), "aggrParams": {"aggrMethods": ["avg"], "aggrPeriodDuration": "PT0S"}},
    ],
)
async def test_query_histories_by_body_reads_aggregation(services: ReadingServices, body: dict[str, Any]) -> None:
    response = await services.ask("POST", "/temporal/entityOperations/query", body, headers=LINKED)
    assert response.status == 200
    assert services.asked[1].aggregation.methods == ("avg",)


@pytest.mark.parametrize(
    "body",
    [
        make_query(lastN=0),
        make_query(lastN=1.5),
        make_query(lastN="x"),
        make_query(lastN=True),
        make_query(timerel="during"),
        make_query(timerel="between"),
        make_query(timerel=5),
        make_query(timeproperty="resultTime"),
        make_query(aggrMethods=["median"]),
        make_query(aggrMethods=[5]),
        make_query(aggrMethods="avg", aggrPeriodDuration="soon"),
        make_query(unknown=1),
        {**make_query(), "aggrParams": {"aggrMethods": ["median"]}},
        {**make_query(), "aggrParams": {"aggrPeriodDuration": "PT1H"}},
        {**make_query(), "aggrParams": {"aggrMethods": ["avg"], "more": 1}},
        {**make_query(), "temporalQ": []},
        {"type": "Query", "entities": [{"type": "Car"}]},
    ],
)
async def test_query_histories_by_body_refuses(services: ReadingServices, body: dict[str, Any]) -> None:
    response = await services.ask("POST", "/temporal/entityOperations/query", body, headers=LINKED)
    assert (response.status, slug(response)) == (400, "BadRequestData")
