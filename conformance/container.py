"""Stands in for ``docker`` where the suite starts its MQTT broker: the mosquitto of this machine does as well.

Put as an executable named ``docker`` before others on the PATH. It knows what the suite says: ``run … CONF=file``
starts a broker with one of the suite's configurations, ``rm`` and ``container`` stop it.
Environment: MQTT_FOLDER (scratch), MQTT_CONFIGURATIONS, MQTT_HOST, MQTT_PORTS (separated by commas).
"""

from __future__ import annotations

import contextlib
import getpass
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Do what is asked."""
    folder = Path(os.environ["MQTT_FOLDER"])
    _stop(folder)
    if arguments[:1] == ["run"]:
        found = re.search(r"CONF=(\S+)", " ".join(arguments))
        if found is None:
            return 1
        _start(folder, Path(os.environ["MQTT_CONFIGURATIONS"]) / found[1])
    return 0


def _start(folder: Path, given: Path) -> None:
    lines = given.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith(("listener", "password_file"))]
    if len(kept) < len(lines) and any(line.startswith("password_file") for line in lines):
        passwords = folder / "passwords"
        shutil.copy(given.with_name("mosquitto_pwd"), passwords)
        passwords.chmod(0o600)
        kept.append(f"password_file {passwords}")
    ports = os.environ["MQTT_PORTS"].split(",")
    kept += [f"listener {port} {os.environ['MQTT_HOST']}" for port in ports]
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join([f"user {getpass.getuser()}", *kept, ""]), encoding="utf-8")
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin") or "mosquitto"
    with (folder / "mosquitto.log").open("ab") as log:
        broker = subprocess.Popen([program, "-c", str(configuration)], stdout=log, stderr=log, start_new_session=True)
    (folder / "mosquitto.pid").write_text(str(broker.pid), encoding="ascii")
    time.sleep(0.5)


def _stop(folder: Path) -> None:
    pid = folder / "mosquitto.pid"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        os.kill(int(pid.read_text(encoding="ascii")), signal.SIGTERM)
        time.sleep(0.2)
    pid.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
