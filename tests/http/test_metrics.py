"""/metrics: what is counted, and who may read it."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import AsyncGenerator
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from stadtkern import telemetry
from stadtkern.metrics import Load, Metrics
from stadtkern.settings import MetricsReaders, Settings
from tests.asgi_client import Client
from tests.asgi_client import client as run_client
from tests.server_process import START_TIMEOUT_S, ServerProcess

_ENTITY = {"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 1}}
_TOKEN = "let me in"


@pytest_asyncio.fixture
async def client(tmp_path: Path) -> AsyncGenerator[Client]:
    async with run_client(Settings(data=tmp_path, anonymous="write")) as made:
        yield made


def _read(text: str) -> dict[str, float]:
    """Give the value of each series, by its name and its labels in order."""
    return {
        sample.name + "".join(f" {name}={value}" for name, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_metrics_count_requests_by_view_method_and_status(client: Client) -> None:
    for _ in range(3):
        await client.ask("GET", "/ngsi-ld/v1/entities/urn:x:none")
    found = _read((await client.ask("GET", "/metrics")).text)
    assert found["stadtkern_request_duration_seconds_count method=GET status=404 view=ngsi-ld"] == 3
    assert found["stadtkern_request_duration_seconds_bucket le=+Inf method=GET status=404 view=ngsi-ld"] == 3


async def test_metrics_count_batches_and_what_is_open(client: Client) -> None:
    assert (await client.ask("POST", "/ngsi-ld/v1/entities", body=_ENTITY)).status == 201
    found = _read((await client.ask("GET", "/metrics")).text)
    assert found["stadtkern_write_batch_operations_sum"] == 1
    assert found["stadtkern_write_batch_commit_seconds_count"] == 1
    assert found["stadtkern_tenants_open"] == 1
    assert found["stadtkern_write_queue_bytes"] == 0
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert found["process_cpu_seconds"] > 0


async def test_methods_that_clients_think_up_make_no_series(client: Client) -> None:
    for number in range(20):
        await client.ask(f"FOO{number}", "/livez")
    found = _read((await client.ask("GET", "/metrics")).text)
    counts = [name for name in found if "_count" in name and "view=health" in name]
    assert counts == ["stadtkern_request_duration_seconds_count method=other status=405 view=health"]


async def test_metrics_name_no_tenant_and_no_path(client: Client) -> None:
    await client.ask("GET", "/ngsi-ld/v1/entities/urn:x:secret", headers={"ngsild-tenant": "hidden"})
    text = (await client.ask("GET", "/metrics")).text
    assert "secret" not in text
    assert "hidden" not in text


@pytest.mark.parametrize(
    ("readers", "peer", "headers", "status"),
    [
        ("local", "127.0.0.1", {}, 200),
        ("local", "127.0.0.1", {"host": "localhost:8080"}, 200),
        ("local", "127.0.0.1", {"host": "[::1]:8080"}, 200),
        ("local", "127.0.0.1", {"host": "city.example"}, 401),
        ("local", "127.0.0.1", {"x-forwarded-for": "10.0.0.1"}, 401),
        ("local", "10.0.0.1", {}, 401),
        ("local", "10.0.0.1", {"authorization": f"Bearer {_TOKEN}"}, 200),
        ("administrator", "127.0.0.1", {}, 401),
        ("administrator", "127.0.0.1", {"authorization": f"Bearer {_TOKEN}"}, 200),
        ("all", "10.0.0.1", {"x-forwarded-for": "10.0.0.2"}, 200),
    ],
)
async def test_metrics_are_shown_to_those_the_setting_names(
    tmp_path: Path, readers: MetricsReaders, peer: str, headers: dict[str, str], status: int
) -> None:
    settings = Settings(data=tmp_path, metrics=readers, admin_token=_TOKEN)
    async with run_client(settings) as client:
        client.peer = peer
        assert (await client.ask("GET", "/metrics", headers=headers)).status == status


async def test_metrics_stop_counting_at_the_end() -> None:
    before = len(telemetry._listeners)
    async with Metrics(Load):
        assert len(telemetry._listeners) == before + 1
    assert len(telemetry._listeners) == before


def test_any_worker_answers_for_all(postgres_database_url: str, tmp_path: Path) -> None:
    settings = {"database_url": postgres_database_url, "workers": "2"}
    with ServerProcess(tmp_path, **settings) as server:
        server.start()
        name = "stadtkern_request_duration_seconds_count method=GET status=200 view=health"
        counts: list[float] = []
        pids: set[str] = set()
        deadline = monotonic() + START_TIMEOUT_S
        # The first answer may come before the second worker listens.
        while len(counts) < 30 or (len(pids) < 2 and monotonic() < deadline):
            with urllib.request.urlopen(f"{server.url}/metrics") as answer:
                text = answer.read().decode()
            counts.append(_read(text).get(name, 0))
            pids |= set(re.findall(r'process_open_fds\{pid="(\d+)"\}', text))
            assert counts[-1] >= len(counts) - 1
        assert counts == sorted(counts)
        assert len(pids) == 2
        assert server.stop() == 0
