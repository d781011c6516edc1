"""A throwaway MQTT broker (mosquitto) for the tests: plain and TLS, with users, ended with the tests in any case.

``python -m tests.mosquitto_server`` says what is missing and ends with 1 where the tests cannot have one.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

START_TIMEOUT_S = 30
USER, PASSWORD = "anna", "kün:st@lich"
FORBIDDEN = "forbidden/topic"
"""Nobody but the user may publish there."""

# Ends the broker when standard input ends: it is a pipe from the tests, so however they end.
_SUPERVISE = """
program=$1 folder=$2
"$program" -c "$folder/mosquitto.conf" </dev/null >>"$folder/log" 2>&1 &
echo $! >"$folder/pid.new" && mv "$folder/pid.new" "$folder/pid"
read -r word
kill -KILL $! 2>/dev/null
wait
if [ "$word" != keep ]; then rm -rf "$folder"; fi
"""

_ACL = f"""
topic readwrite t/#
user {USER}
topic readwrite #
"""


class MosquittoMissing(Exception):
    """There is no MQTT broker here that the tests can use; the message says what to install."""


def find_mosquitto() -> Path:
    """Give the broker's program. Raises: MosquittoMissing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    for program in ("mosquitto", "mosquitto_passwd", "openssl"):
        if shutil.which(program, path=path) is None:
            raise MosquittoMissing(f"{program} is not installed; install mosquitto and openssl")
    return Path(shutil.which("mosquitto", path=path) or "")


class MosquittoServer:
    """A running broker; leave it by ``with`` or ``stop``. options: further lines of its configuration.

    Anonymous clients may use the topics below ``t``, and USER with PASSWORD all.
    """

    def __init__(self, *options: str) -> None:
        self._program = find_mosquitto()
        self._options = options
        self._account = _unprivileged_account()
        self.folder = Path(tempfile.mkdtemp(prefix="stadtkern-mosquitto-"))
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.port = self.tls_port = 0
        try:
            self._make_files()
            self._start_on_free_ports()
        except BaseException:
            self.stop()
            raise

    @property
    def trust(self) -> ssl.SSLContext:
        """What a client needs that shall trust this broker; its certificate names ``localhost`` only."""
        return ssl.create_default_context(cafile=self.folder / "certificate.pem")

    def start(self) -> None:
        """Start on the same ports again after ``kill``."""
        if not self._start():
            raise RuntimeError("mosquitto does not start again; its log is above")

    def kill(self) -> None:
        """End the broker at once, as a power cut does; it forgets everything but its configuration."""
        if self._supervisor is not None:
            self._supervisor.communicate(b"keep\n", START_TIMEOUT_S)
            self._supervisor = None

    def freeze(self) -> None:
        """Let the broker take connections and bytes but say nothing."""
        os.kill(self._pid(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen broker go on."""
        os.kill(self._pid(), signal.SIGCONT)

    def stop(self) -> None:
        """End the broker and remove its folder; a second time does nothing."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _make_files(self) -> None:
        self._run("mosquitto_passwd", "-c", "-b", "users", USER, PASSWORD)
        self._run(
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-keyout", "key.pem", "-out", "certificate.pem", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost"),
        )
        (self.folder / "acl").write_text(_ACL)

    def _start_on_free_ports(self) -> None:
        for _ in range(3):  # somebody may take a free port before the broker does
            self.port, self.tls_port = _free_port(), _free_port()
            self._configure()
            if self._start():
                return
            self.kill()
        raise RuntimeError("mosquitto does not start; its log is above")

    def _configure(self) -> None:
        lines = [
            "per_listener_settings false",
            "allow_anonymous true",
            *(f"password_file {self.folder}/users", f"acl_file {self.folder}/acl"),
            *("persistence false", "log_dest stderr", "log_type error", "log_type warning", "log_type notice"),
            f"listener {self.port} 127.0.0.1",
            *self._options,
            f"listener {self.tls_port} 127.0.0.1",
            *(f"certfile {self.folder}/certificate.pem", f"keyfile {self.folder}/key.pem"),
        ]
        (self.folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
        for path in (self.folder, *self.folder.iterdir()):
            if self._account:
                os.chown(path, *self._account)

    def _start(self) -> bool:
        (self.folder / "pid").unlink(missing_ok=True)
        self._supervisor = subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISE, "sh", self._program, self.folder],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests; they end the broker
            cwd=self.folder,
            **self._as_account(),
        )
        return self._wait_until_ready()

    def _wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and not self._gave_up():
            if all(_answers(port) for port in (self.port, self.tls_port)):
                return True
            time.sleep(0.02)
        sys.stderr.write((self.folder / "log").read_text(errors="replace"))
        return False

    def _gave_up(self) -> bool:
        try:
            os.kill(self._pid(), 0)
        except FileNotFoundError:
            return False  # not even begun
        except ProcessLookupError:
            return True
        return Path(f"/proc/{self._pid()}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    def _pid(self) -> int:
        return int((self.folder / "pid").read_text())

    def _run(self, *command: str) -> None:
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")

    def _as_account(self) -> dict[str, object]:
        if self._account is None:
            return {}
        return {"user": self._account[0], "group": self._account[1], "extra_groups": []}


def _unprivileged_account() -> tuple[int, int] | None:
    """Give the user and group to run as when we are root: a broker needs no rights."""
    if os.getuid() != 0:
        return None
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    try:
        find_mosquitto()
    except MosquittoMissing as missing:
        sys.exit(str(missing))
