"""The README's tour, taken as a reader takes it: every block for the shell is run, and does what the text promises."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.demo.demo_process import DemoProcess

_README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
_SHELL = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PRINTED_ADDRESS = "http://127.0.0.1:8080"
_CURL_SETTINGS = 'silent\nshow-error\nmax-time = 20\nwrite-out = "\\n"\n'


def _section(title: str) -> str:
    return _README.split(f"\n## {title}\n")[1].partition("\n## ")[0]


_START, *_STEPS = _SHELL.findall(_section("A first tour"))


class Tour:
    """A demonstration that runs, and a terminal beside it."""

    def __init__(self, process: DemoProcess, home: Path) -> None:
        self._process = process
        self._home = home
        home.joinpath(".curlrc").write_text(_CURL_SETTINGS, encoding="utf-8")

    def run(self, block: str) -> str:
        """Run a block as the reader does who pasted the token; only the port is another."""
        done = subprocess.run(
            ["sh", "-eu", "-c", block.replace(_PRINTED_ADDRESS, self._process.url)],
            env={"PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": str(self._home), "TOKEN": self._process.token()},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, ""), block
        return done.stdout


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tour]:
    """A demonstration with its month of history, as ``./do demo`` starts it."""
    assert _START == "./do demo\n"
    home = tmp_path_factory.mktemp("tour")
    with DemoProcess(home, days=31) as process:
        yield Tour(process.start(), home)


def _answers(output: str) -> list[Any]:
    return [json.loads(line) for line in output.splitlines() if line.startswith(("{", "["))]


def _statuses(output: str) -> list[int]:
    return [int(status) for status in re.findall(r"^HTTP/1.1 (\d+)", output, re.MULTILINE)]


def _check_parking(output: str) -> None:
    (car_parks,) = _answers(output)
    assert len(car_parks) == 8
    assert all(0 <= one["availableSpotNumber"] <= one["totalSpotNumber"] for one in car_parks)
    assert car_parks[0]["name"] == "Car park Town Hall"


def _check_finding(output: str) -> None:
    trees, containers = _answers(output)
    assert len(trees) == 5
    assert all(one["height"]["value"] > 25 and one["plantingYear"]["value"] < 1950 for one in trees)
    assert 0 < len(containers) < 100
    assert all(one.keys() == {"id", "fillingLevel"} for one in containers)


def _check_geojson(output: str) -> None:
    (districts,) = _answers(output)
    assert districts["type"] == "FeatureCollection"
    assert [one["geometry"]["type"] for one in districts["features"]] == ["Polygon"] * 7


def _check_history(output: str) -> None:
    weeks, last = (answer["no2"] for answer in _answers(output))
    assert len(weeks["avg"]) == len(weeks["max"]) == 5
    assert all(average[0] < most[0] for average, most in zip(weeks["avg"], weeks["max"], strict=True))
    assert len(last["values"]) == 3


def _check_creation(output: str) -> None:
    assert _statuses(output) == [201]
    assert "/ngsi-ld/v1/entities/urn:ngsi-ld:AirQualityObserved:mine" in output


def _check_measurement(output: str) -> None:
    assert _statuses(output) == [204]
    now, history = _answers(output)
    assert now["no2"] == 21.0
    assert history["no2"]["values"] == [[18.5, "2026-03-01T12:00:00Z"], [21.0, "2026-03-01T13:00:00Z"]]


def _check_refusal(output: str) -> None:
    (problem,) = _answers(output)
    assert problem["status"] == 400
    assert re.fullmatch(r"[A-Z].*\bq\b.*", problem["detail"])


_CHECKS: list[Callable[[str], None]] = [
    _check_parking,
    _check_finding,
    _check_geojson,
    _check_history,
    _check_creation,
    _check_measurement,
    _check_refusal,
]
"""What to expect of the tour's steps after its start, in their order."""


def test_tour_does_what_the_text_promises(tour: Tour) -> None:
    assert len(_STEPS) == len(_CHECKS), "a step of the tour has no check"
    for block, check in zip(_STEPS, _CHECKS, strict=True):
        check(tour.run(block))


@pytest.mark.parametrize("block", _SHELL.findall(_README))
def test_blocks_are_shell(block: str) -> None:
    done = subprocess.run(["sh", "-n", "-c", block], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
