"""A headless Chromium for the tests of pages, driven by its DevTools protocol.

``python -m tests.chromium`` says what is missing and ends with 1 where the tests cannot have one.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

START_TIMEOUT_S = 60
WAIT_S = 60
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS = (
    "--headless=new",
    "--remote-debugging-port=0",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-proxy-server",
    "--window-size=1400,900",
)

# Ends the browser when standard input ends: it is a pipe from the tests, so however they end.
_SUPERVISE = """
"$@" </dev/null &
read -r word
kill -KILL $! 2>/dev/null
wait
"""


class ChromiumMissing(Exception):
    """There is no Chromium here that the tests can use; the message says what to install."""


def find_chromium() -> str:
    """Give the browser's program. Raises: ChromiumMissing."""
    for name in _NAMES:
        program = shutil.which(name)
        if program is not None:
            return program
    raise ChromiumMissing("chromium is not installed; install chromium")


class Chromium:
    """A browser with one tab; ``async with`` it. ``faults`` are the errors and violations that pages caused."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._program = find_chromium()
        self._folder = Path(tempfile.mkdtemp(prefix="stadtkern-chromium-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._reading: asyncio.Task[None] | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}

    async def __aenter__(self) -> Self:
        self._launch()
        try:
            self._session = aiohttp.ClientSession()
            self._socket = await self._session.ws_connect(await self._find_tab(), max_msg_size=0)
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        self._reading = asyncio.create_task(self._read())
        for domain in ("Page", "Runtime", "Log", "Network"):
            await self.call(f"{domain}.enable")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
        if self._socket is not None:
            await self._socket.close()
        if self._session is not None:
            await self._session.close()
        if self._process is not None:
            self._process.communicate(timeout=START_TIMEOUT_S)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def call(self, method: str, **parameters: Any) -> Any:
        """Give a command of the protocol and wait for its answer."""
        assert self._socket is not None
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        async with asyncio.timeout(WAIT_S):
            return await answer

    async def open(self, url: str) -> None:
        """Go to a page and wait until it was loaded."""
        await self.call("Page.navigate", url=url)
        await self.wait(f"location.href === {url!r} && document.readyState === 'complete'")

    async def run(self, expression: str) -> Any:
        """Evaluate JavaScript in the page; gives its value."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def wait(self, expression: str) -> Any:
        """Wait until JavaScript gives something true; gives it."""
        deadline = time.monotonic() + WAIT_S
        while not (value := await self.run(expression)):
            assert time.monotonic() < deadline, f"never true: {expression}\n{await self.text()}"
            await asyncio.sleep(0.05)
        return value

    async def text(self) -> str:
        """Give what a reader sees."""
        return str(await self.run("document.body.innerText"))

    async def press(self, key: str) -> None:
        """Press and release a key: ``Enter`` or ``Tab``."""
        known = {"Enter": ("\r", 13), "Tab": ("", 9)}
        text, code = known[key]
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        await self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **common)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def _launch(self) -> None:
        options = [*_OPTIONS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
        command = [self._program, *options, f"--user-data-dir={self._folder / 'profile'}", "about:blank"]
        with (self._folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", _SUPERVISE, "sh", *command], stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    async def _find_tab(self) -> str:
        assert self._session is not None
        file = self._folder / "profile" / "DevToolsActivePort"
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            assert time.monotonic() < deadline, (self._folder / "log").read_text(errors="replace")
            await asyncio.sleep(0.05)
            if file.exists() and "\n" in (text := file.read_text()):
                async with self._session.get(f"http://127.0.0.1:{text.split()[0]}/json/list") as answer:
                    tabs = [tab for tab in await answer.json(content_type=None) if tab["type"] == "page"]
                if tabs:
                    return str(tabs[0]["webSocketDebuggerUrl"])

    async def _read(self) -> None:
        assert self._socket is not None
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                answer = self._answers.pop(told["id"])
                if not answer.done():
                    answer.set_result(told.get("result", told))
            elif told["method"] == "Network.requestWillBeSent":
                self.requests.append(told["params"]["request"]["url"])
            elif told["method"] == "Runtime.exceptionThrown":
                self.faults.append(str(told["params"]["exceptionDetails"]))
            elif told["method"] == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                self.faults.append(told["params"]["entry"]["text"])


if __name__ == "__main__":
    try:
        find_chromium()
    except ChromiumMissing as missing:
        sys.exit(str(missing))
