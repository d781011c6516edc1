"""``stadtkern demo`` as people meet it: start it, try what it prints, stop it, kill it, start it again."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from stadtkern.demo.addresses import list_addresses
from stadtkern.demo.local_time import DAY_US
from stadtkern.demo.town import build_town
from stadtkern.model.instant import Instant, now
from tests.demo.demo_process import DemoProcess
from tests.demo.stored import expected_times, read_times

_DAYS = 2


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demonstration with new values every second, for tests that only look."""
    with DemoProcess(tmp_path_factory.mktemp("demo"), "--interval", "1", days=9) as process:
        yield process.start()
        assert process.stop() == 0


def _fetch(line: str) -> Any:
    """Fetch what was printed, an address or a command for a shell: gives JSON, or the text of a page."""
    command = line if line.startswith("curl ") else f"curl '{line}'"
    done = subprocess.run(
        command.replace("curl ", "curl --silent --show-error --fail-with-body --max-time 20 ", 1),
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout if done.stdout.startswith("<!doctype html>") else json.loads(done.stdout)


def _all_tries() -> list[str]:
    return [address.title for address in list_addresses("http://127.0.0.1", now())]


@pytest.mark.parametrize("title", _all_tries())
def test_demo_prints_addresses_that_answer_with_content(demo: DemoProcess, title: str) -> None:
    assert _fetch(demo.tries()[title])


def test_demo_shows_what_the_titles_say(demo: DemoProcess) -> None:
    found = {title: _fetch(line) for title, line in demo.tries().items()}
    assert all(
        0 <= one["availableSpotNumber"] <= one["totalSpotNumber"] for one in found["Free spots in all car parks"]
    )
    assert all(one["fillingLevel"] > 0.8 for one in found["Waste containers that are nearly full"])
    trees = found["Trees over 20 m in the old town"]
    assert all(one["height"]["value"] > 20 and one["scope"] == "/Kernstadt/altstadt" for one in trees)
    assert len(found["Bicycle counters near the centre"]) < 10
    districts = found["Districts as GeoJSON"]
    assert districts["type"] == "FeatureCollection"
    assert {one["geometry"]["type"] for one in districts["features"]} == {"Polygon"}
    assert len(districts["features"]) == 7
    assert found["One air station, its name in German"]["name"] == "Luftmessstation Altstadtring"
    assert found["The same, in German terms"]["type"] == "Luftmessung"
    assert found["The same, in German terms"]["stickstoffdioxid"]["unitCode"] == "GQ"
    assert len(found["The last ten values of a car park"]["availableSpotNumber"]["values"]) == 10
    assert len(found["Nitrogen dioxide by day, a week"]["no2"]["avg"]) in {7, 8}
    assert len(found["All types"]) == 9
    assert "<h1" in found["Where to begin"]
    assert found["What the API can do"]["openapi"].startswith("3.1")


def test_demo_keeps_new_values_coming(demo: DemoProcess) -> None:
    line = demo.tries()["The last ten values of a car park"]
    before = _fetch(line)["availableSpotNumber"]["values"][0][1]
    deadline = time.monotonic() + 30
    while _fetch(line)["availableSpotNumber"]["values"][0][1] == before:
        assert time.monotonic() < deadline, "no new value came"
        time.sleep(0.2)


async def test_demo_lets_everybody_read_and_the_token_write(demo: DemoProcess) -> None:
    entity = {"id": "urn:ngsi-ld:Note:1", "type": "Note", "text": {"type": "Property", "value": "hello"}}
    address = f"{demo.url}/ngsi-ld/v1/entities"
    async with aiohttp.ClientSession() as session:
        async with session.post(address, json=entity) as answer:
            assert answer.status == 401
        async with session.post(address, json=entity, headers={"Authorization": f"Bearer {demo.token()}"}) as answer:
            assert answer.status == 201


async def test_demo_completes_a_filling_that_was_killed(tmp_path: Path) -> None:
    with DemoProcess(tmp_path, "--no-live", days=20) as process:
        begun = now()
        process.launch()
        process.wait_for("Filling")
        await _wait_for_values(process)
        process.kill()
        assert "Stop with Ctrl+C" not in process.output()
        process.restart()
        assert process.stop() == 0
        ended = now()
    town = build_town(1)
    times = await read_times(process.data)
    whole = expected_times(town, begun - 20 * DAY_US, ended)
    least = expected_times(town, ended - 20 * DAY_US, begun)
    for key, found in times.items():
        assert len(found) == len(set(found)), f"{key} has a value twice"
        assert set(least[key]) <= set(found) <= set(whole[key])
    assert times.keys() == whole.keys()


async def _wait_for_values(process: DemoProcess) -> None:
    """Wait until a part of the history is there."""
    sensor = build_town(1).sensors[5]
    address = f"{process.url}/ngsi-ld/v1/entities/{sensor.id}?options=keyValues&attrs=no2"
    async with aiohttp.ClientSession() as session:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            async with session.get(address) as answer:
                if answer.status == 200 and "no2" in await answer.json():
                    return
    raise AssertionError("the filling did not begin")


def test_demo_stops_cleanly_while_it_fills(tmp_path: Path) -> None:
    with DemoProcess(tmp_path, days=31) as process:
        process.launch()
        process.wait_for("Filling")
        assert process.stop() == 0
        assert "Traceback" not in process.output()
        assert "Stop with Ctrl+C" not in process.output()


def test_demo_goes_on_at_the_second_start(tmp_path: Path) -> None:
    with DemoProcess(tmp_path, "--no-live", "--seed", "5", days=1) as process:
        process.start()
        process.stop()
        first = process.output()
        process.restart()
        process.stop()
    assert "2,883 entities" in first
    assert " 0 values were added" not in first
    assert _added(process.output()[len(first) :]) < _added(first) / 10


def _added(output: str) -> int:
    return int(output.partition(" values were added")[0].rpartition(" ")[2].replace(",", ""))


def test_demo_says_so_when_the_seed_is_another_one(tmp_path: Path) -> None:
    with DemoProcess(tmp_path, days=1) as process:
        process.start()
        process.stop()
    with DemoProcess(tmp_path, "--seed", "6", days=1) as other:
        other.launch()
        assert other.wait() == 3
    assert "holds the town of seed 1, not of seed 6" in other.output()
    assert "Traceback" not in other.output()


def test_demo_says_so_when_the_port_is_taken(demo: DemoProcess, tmp_path: Path) -> None:
    with DemoProcess(tmp_path, "--port", str(demo.port)) as second:
        second.launch()
        assert second.wait() == 3
    assert f"{demo.port}" in second.output()
    assert "Traceback" not in second.output()


def test_addresses_need_no_quoting_by_the_server() -> None:
    for address in list_addresses("http://127.0.0.1:8080", Instant(1_800_000_000_000_000)):
        assert not set('<>"[] ') & set(address.url)
        assert address.url in address.render()
        assert bool(address.headers) == address.render().startswith("curl ")


_TOUR = Path(__file__).parents[2].joinpath("docs", "sensorthings.md").read_text(encoding="utf-8")
_READING, _, _WRITING = _TOUR.partition("## Writing")
_STEPS = re.findall(r"^```sh\n(curl .*?)^```$", _READING, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("step", _STEPS, ids=range(len(_STEPS)))
def test_tour_of_sensorthings_finds_something(demo: DemoProcess, step: str) -> None:
    done = subprocess.run(
        ["sh", "-c", step.replace("curl ", "curl -sS --fail-with-body ").replace("http://127.0.0.1:8080", demo.url)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    if done.stdout.startswith("{"):
        found = json.loads(done.stdout)
        assert found.get("value") or found["features"]
    else:
        assert len(done.stdout.splitlines()) > 10


def test_tour_of_sensorthings_is_there() -> None:
    assert len(_STEPS) > 5


def test_what_the_tour_of_sensorthings_writes_is_there_as_an_entity(demo: DemoProcess) -> None:
    answers = []
    for step in re.findall(r"^```sh\n(.*?)^```$", _WRITING, re.MULTILINE | re.DOTALL):
        script = re.sub(r"\bcurl ", "curl -sS --fail-with-body ", step).replace("http://127.0.0.1:8080", demo.url)
        done = subprocess.run(
            ["sh", "-c", f"TOKEN={demo.token()}\n{script}"], capture_output=True, text=True, check=False, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, ""), (step, done.stdout)
        answers.append(done.stdout)
    thing, observation, entities, batch = answers
    assert " 201 " in thing.splitlines()[0]
    assert " 201 " in observation.splitlines()[0]
    (oven,) = json.loads(entities)
    assert "Oven" in oven["type"]
    assert oven["temperature"] == 200
    assert {one["status"] for one in json.loads(batch)["responses"]} <= {200, 201, 204}
