"""What every test may ask for: a database on each engine, an MQTT broker, and a browser.

Without PostgreSQL, mosquitto or Chromium the tests on it are skipped and named at the end; with CI set they fail.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from typing import NoReturn

import hypothesis
import pytest
import pytest_asyncio

from tests.chromium import Chromium, ChromiumMissing
from tests.mosquitto_server import MosquittoMissing, MosquittoServer
from tests.postgres_server import PostgresMissing, PostgresServer

_LEFT_OUT = ("no PostgreSQL to test on: ", "no MQTT broker to test on: ", "no browser to test with: ")

# The machine decides how long an example takes, and in CI only the change may decide what fails.
_SLOW_IS_FINE = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("here", deadline=None, suppress_health_check=_SLOW_IS_FINE)
# the same examples each time, and so many that the whole run stays below twelve minutes; here others come each time
hypothesis.settings.register_profile(
    "ci", deadline=None, suppress_health_check=_SLOW_IS_FINE, derandomize=True, max_examples=50
)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-fsync", action="store_true", help="let PostgreSQL lose data when the machine stops")


def pytest_configure(config: pytest.Config) -> None:
    """Forget the settings of whoever runs the tests: they are not the tests' own."""
    for name in [name for name in os.environ if name.startswith("STADTKERN_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def postgres_server(pytestconfig: pytest.Config) -> Iterator[PostgresServer]:
    """A PostgreSQL server with PostGIS of this run's own (one for each worker of pytest-xdist)."""
    try:
        server = PostgresServer(fsync=not pytestconfig.getoption("--no-fsync"))
    except PostgresMissing as missing:
        _leave_out(_LEFT_OUT[0] + str(missing))
    with server:
        yield server


@pytest.fixture(scope="session")
def mosquitto_server() -> Iterator[MosquittoServer]:
    """An MQTT broker of this run's own, for tests that leave it running."""
    with _start_mosquitto() as server:
        yield server


@pytest.fixture
def start_mosquitto() -> Iterator[Callable[..., MosquittoServer]]:
    """Starts brokers for one test, with these further lines of configuration."""
    with ExitStack() as servers:
        yield lambda *options: servers.enter_context(_start_mosquitto(*options))


def _start_mosquitto(*options: str) -> MosquittoServer:
    try:
        return MosquittoServer(*options)
    except MosquittoMissing as missing:
        _leave_out(_LEFT_OUT[1] + str(missing))


@pytest_asyncio.fixture
async def chromium() -> AsyncIterator[Chromium]:
    """A browser of this test's own."""
    try:
        browser = Chromium()
    except ChromiumMissing as missing:
        _leave_out(_LEFT_OUT[2] + str(missing))
    async with browser:
        yield browser


def _leave_out(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_url(postgres_server: PostgresServer) -> str:
    """The address of the server's maintenance database; a test that writes takes ``postgres_database_url``."""
    return postgres_server.url


@pytest.fixture
def postgres_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The address of a new, empty database with PostGIS, for one test."""
    name = postgres_server.create_database()
    yield postgres_server.database_url(name)
    postgres_server.drop_database(name)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """STADTKERN_DATABASE_URL for each engine in turn: empty for the embedded one, else a new database's address."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres_database_url")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name the tests that were left out for want of a program."""
    left_out: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
            if reason.startswith(_LEFT_OUT):
                left_out[reason, report.nodeid.partition("::")[0]] += 1
    if left_out:
        terminalreporter.section("left out")
        for reason in {reason: None for reason, _ in left_out}:
            terminalreporter.line(reason)
            for (why, file), count in left_out.items():
                if why == reason:
                    terminalreporter.line(f"{file}: {count} tests")
