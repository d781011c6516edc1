"""The suite itself: a copy that needs no internet, run by Robot Framework against one server.

The clone is never changed. In the copy, addresses of contexts on the web become addresses of a server of our own, and
tests of the wrong origin are left out. Nothing of the suite is kept but names of tests and whether they passed.
"""

from __future__ import annotations

import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
import xml.etree.ElementTree as ET
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Origin = Literal["official", "extension"]

CORRECTED = "5da9091"
"""The suite's commit that is run: the official tests in a corrected form, and extensions."""
OFFICIAL = "1d442dc"
"""The commit whose test files are the official ones."""
ROOT = Path("TP/NGSI-LD")
FOLDERS = (
    "ContextInformation/Provision",
    "ContextInformation/Consumption",
    "ContextInformation/Subscription",
    "CommonBehaviours",
    "jsonldContext",
)
CORE_CONTEXT = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld"
PORTS = {"notification_server": 8085, "context_source": 8086, "context_server": 8087}
"""Where the suite's own stand-ins listen, by the names it calls them."""
STATIC_PORT = 8077
MQTT_PORTS = (1883, 18851)
"""Of the MQTT broker that the tests start; the first one is what MQTT means where no port is named."""
FOLDER_TIMEOUT_S = 1800

_COMPOUND = "ngsi-ld-test-suite-compound.jsonld"
_ADDRESSES = (
    (re.compile(r"https://[^\s\"']+/resources/jsonld-contexts/"), "{static}/"),
    (
        re.compile(r"https://easy-global-market\.github\.io/[^\s\"']+-compound\.jsonld"),
        "{static}/other-compound.jsonld",
    ),
    (re.compile(r"https://fiware\.github\.io/data-models/context\.jsonld"), "{static}/data-models.jsonld"),
    (re.compile(r"https://fiware\.github\.io/NGSI-LD_TestSuite/[^\s\"']+\.jsonld"), "{static}/test.jsonld"),
    (re.compile(r"http://localhost:9090"), "{server}"),
)
_OTHER_CONTEXTS = {
    "data-models.jsonld": '{"@context": {"fdm": "https://uri.fiware.org/ns/data-models#"}}',
    "test.jsonld": '{"@context": {"T1": "urn:x:T1", "P1": "urn:x:P1", "R1": "urn:x:R1"}}',
}


class SuiteFailed(Exception):
    """The suite could not be run; the message says why."""


@dataclass(frozen=True, slots=True)
class Result:
    """One test: ``id`` is the number that its name begins with."""

    folder: str
    file: str
    id: str
    name: str
    passed: bool
    message: str


@dataclass(frozen=True, slots=True)
class Suite:
    """A clone of the suite, the environment that Robot Framework lies in, and the address of its stand-ins.

    host: an address of this machine; two runs at once need two of them.
    """

    clone: Path
    venv: Path
    host: str

    @property
    def static(self) -> str:
        """Where contexts are that the suite expects on the web."""
        return f"http://{self.host}:{STATIC_PORT}"

    def check(self) -> None:
        """Check that everything is there. Raises: SuiteFailed."""
        if not (self.venv / "bin" / "robot").exists():
            raise SuiteFailed(f"{self.venv} has no bin/robot: see conformance/README.md for what it needs")
        head = self._git("rev-parse", "HEAD")
        if not head.startswith(CORRECTED):
            raise SuiteFailed(f"The clone is at {head[:7]}; check out {CORRECTED}")

    def run(self, folder: str, origin: Origin, server: str, work: Path) -> list[Result]:
        """Run one folder against a server. work: an empty folder. Raises: SuiteFailed."""
        copy = work / "suite"
        self._copy(copy, origin, server)
        with _serve(copy / "contexts", self.host):
            output = self._run_robot(copy, folder, server, work)
        return list(_read_results(output, folder))

    def _git(self, *arguments: str) -> str:
        command = ["git", "-C", str(self.clone), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SuiteFailed(f"git {arguments[0]} fails in the clone: {done.stderr.strip()}")
        return done.stdout.strip()

    def _copy(self, copy: Path, origin: Origin, server: str) -> None:
        shutil.copytree(self.clone, copy, ignore=shutil.ignore_patterns(".git", "results*"))
        official = set(self._git("ls-tree", "-r", "--name-only", OFFICIAL, "--", str(ROOT)).splitlines())
        for path in list((copy / ROOT).rglob("*.robot")):
            is_official = path.relative_to(copy).as_posix() in official
            if path.name != "__init__.robot" and is_official != (origin == "official"):
                path.unlink()
        for part in (ROOT, Path("data"), Path("resources")):
            for path in (copy / part).rglob("*.*"):
                self._rewrite(path, server)
        contexts = copy / "contexts"
        shutil.copytree(copy / "resources" / "jsonld-contexts", contexts)
        shutil.copy(contexts / _COMPOUND, contexts / "other-compound.jsonld")
        for name, text in _OTHER_CONTEXTS.items():
            (contexts / name).write_text(text)

    def _rewrite(self, path: Path, server: str) -> None:
        if not path.is_file():
            return
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return
        local = text
        for pattern, address in _ADDRESSES:
            local = pattern.sub(address.format(static=self.static, server=server), local)
        if local != text:
            path.write_text(local, encoding="utf-8")

    def _run_robot(self, copy: Path, folder: str, server: str, work: Path) -> Path:
        variables = {
            "url": f"{server}/ngsi-ld/v1",
            "temporal_api_url": f"{server}/ngsi-ld/v1",
            "ngsild_test_suite_context": f"{self.static}/{_COMPOUND}",
            "core_context": CORE_CONTEXT,
            **{f"{name}_host": self.host for name in PORTS},
            **{f"{name}_port": str(port) for name, port in PORTS.items()},
            "mqtt_broker_host": self.host,
            "mqtt_broker_non_default_port": str(MQTT_PORTS[1]),
        }
        listener = Path(__file__).with_name("robot_timeout.py")
        command = [str(self.venv / "bin" / "robot"), "--nostatusrc", "--console=none", f"--listener={listener}"]
        command += [f"--variable={name}:{value}" for name, value in variables.items()]
        command += [f"--outputdir={work / 'out'}", str(ROOT / folder)]
        libraries = copy / "libraries" / "robotframework-httpctrl" / "src"
        environment = {
            "PYTHONPATH": str(libraries),
            "NO_PROXY": "*",
            "HOME": str(work),
            **self._offer_broker(copy, work),
        }
        try:
            subprocess.run(
                command, cwd=copy, env=environment, capture_output=True, check=False, timeout=FOLDER_TIMEOUT_S
            )
        except subprocess.TimeoutExpired as error:
            raise SuiteFailed(f"{folder} did not end within {FOLDER_TIMEOUT_S} s") from error
        return work / "out" / "output.xml"

    def _offer_broker(self, copy: Path, work: Path) -> dict[str, str]:
        """Put what starts an MQTT broker where the suite looks for ``docker``."""
        program = work / "bin" / "docker"
        program.parent.mkdir(exist_ok=True)
        container = Path(__file__).with_name("container.py")
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{container}" "$@"\n', encoding="utf-8")
        program.chmod(0o755)
        return {
            "PATH": f"{program.parent}:/usr/bin:/bin",
            "MQTT_FOLDER": str(work),
            "MQTT_CONFIGURATIONS": str(copy / "resources" / "mqttUtils" / "mosquitto"),
            "MQTT_HOST": self.host,
            "MQTT_PORTS": ",".join(map(str, MQTT_PORTS)),
        }


def _read_results(output: Path, folder: str) -> Iterator[Result]:
    try:
        root = ET.parse(output).getroot()
    except (OSError, ET.ParseError) as error:
        raise SuiteFailed(f"{folder} gave no results: {error}") from error
    for suite in root.iter("suite"):
        file = Path(suite.get("source") or "").name
        for test in suite.findall("test"):
            status = test.find("status")
            name = test.get("name") or ""
            passed = status is not None and status.get("status") == "PASS"
            message = "" if status is None else " ".join((status.text or "").split())
            yield Result(folder, file, name.split(" ", 1)[0], name, passed, message[:300])


class _Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    extensions_map = {"": "application/json", ".jsonld": "application/ld+json"}  # noqa: RUF012, the base class says so

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


@contextmanager
def _serve(folder: Path, host: str) -> Generator[None]:
    """Serve the contexts."""
    handler = functools.partial(_Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer((host, STATIC_PORT), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()
