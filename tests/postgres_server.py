"""A throwaway PostgreSQL server with PostGIS for the tests, and databases on it that cost a copy each.

``python -m tests.postgres_server`` says what is missing and ends with 1 where the tests cannot have one.
"""

from __future__ import annotations

import itertools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

OLDEST = 15
START_TIMEOUT_S = 30
_TEMPLATE = "stadtkern_template"
_USER = "stadtkern"

# Ends the server and removes its folder when standard input ends: it is a pipe from the tests, so however they end.
_SUPERVISE = """
bindir=$1 folder=$2; shift 2
"$bindir/postgres" -D "$folder/data" "$@" </dev/null >"$folder/log" 2>&1 &
read -r word
kill -INT $! 2>/dev/null
wait
if [ "$word" != keep ]; then rm -rf "$folder"; fi
"""

_EMPTY = """
DO $$ DECLARE name text; BEGIN
  FOR name IN SELECT nspname FROM pg_namespace WHERE nspname = 'stadtkern' OR starts_with(nspname, 't_')
  LOOP EXECUTE format('DROP SCHEMA %I CASCADE', name); END LOOP;
END $$"""

_SETTINGS = {
    "autovacuum": "off",  # nothing lives long enough
    "listen_addresses": "127.0.0.1",
    "log_min_messages": "warning",
    "max_connections": "100",
    "max_wal_senders": "0",
    "shared_buffers": "64MB",
    "wal_level": "minimal",
}


class PostgresMissing(Exception):
    """There is no PostgreSQL here that the tests can use; the message says what to install."""


def find_postgres() -> Path:
    """Give the folder of the newest PostgreSQL's programs that has PostGIS too.

    Raises: PostgresMissing.
    """
    installed = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        installed.append(Path(on_path).resolve().parent)
    usable = [(version, folder) for folder in installed if (version := _version(folder)) >= OLDEST]
    if not usable:
        raise PostgresMissing(
            f"PostgreSQL {OLDEST} or newer is not installed; install postgresql and postgresql-postgis"
        )
    with_postgis = [(version, folder) for version, folder in usable if _has_postgis(folder)]
    if not with_postgis:
        raise PostgresMissing(f"PostgreSQL has no PostGIS; install postgresql-{max(usable)[0]}-postgis-3")
    return max(with_postgis)[1]


def _version(folder: Path) -> int:
    """Give the major version, 0 where the programs do not run."""
    try:
        answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    number = answer.stdout.split()[2]
    return int("".join(itertools.takewhile(str.isdigit, number)))


def _has_postgis(folder: Path) -> bool:
    try:
        answer = subprocess.run([folder / "pg_config", "--sharedir"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return Path(answer.stdout.strip(), "extension", "postgis.control").exists()


class PostgresServer:
    """A running server; leave it by ``with`` or ``stop``. It ends, and its folder goes, with the process in any case.

    Texts sort by German rules there, so that a query which needs the order of code points has to say so.
    """

    def __init__(self, *, fsync: bool = True) -> None:
        self._bindir = find_postgres()
        self._fsync = fsync
        self._account = _unprivileged_account()
        self._password = secrets.token_hex(16)
        self._numbers = itertools.count(1)
        # A socket's path may have 107 bytes at most, and the unprivileged account must reach it: hence not $TMPDIR.
        self.folder = Path(tempfile.mkdtemp(prefix="stadtkern-postgres-", dir="/tmp"))
        self._supervisor: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            self._initialise()
            self._start()
            self._make_template()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self) -> str:
        """The address of the server's ``postgres`` database."""
        return self.database_url("postgres")

    def database_url(self, name: str) -> str:
        """Give the address of the database of that name."""
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self.port}/{name}"

    def create_database(self) -> str:
        """Make a new database with PostGIS in it; gives its name."""
        name = f"test_{next(self._numbers)}"
        self._sql("postgres", f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return name

    def empty_database(self, name: str) -> None:
        """Remove all that Stadtkern made in a database: much cheaper than a new one."""
        self._sql(name, _EMPTY)

    def drop_database(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        self._sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")

    def stop(self) -> None:
        """End the server and remove its folder; a second time does nothing."""
        if self._supervisor is not None:
            _end(self._supervisor)
        shutil.rmtree(self.folder, ignore_errors=True)

    def pause(self) -> None:
        """End the server but keep its data, as if somebody had stopped it."""
        if self._supervisor is not None:
            _end(self._supervisor, keep_folder=True)
            self._supervisor = None

    def resume(self) -> None:
        """Start the server again where it was."""
        (self.folder / "log").unlink()  # it tells of the end before
        self._supervisor = self._supervise()
        if not self._wait_until_ready():
            raise RuntimeError("PostgreSQL does not start again; its log is above")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initialise(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self._password)
        if self._account:
            os.chown(self.folder, *self._account)
            os.chown(password_file, *self._account)
        self._run(
            [
                *(self._bindir / "initdb", "--pgdata", self.folder / "data", "--no-sync", "--encoding=UTF8"),
                *("--locale=C", "--locale-provider=icu", "--icu-locale=de-DE"),
                *(f"--username={_USER}", "--auth=password", f"--pwfile={password_file}"),
            ]
        )

    def _start(self) -> None:
        for _ in range(3):  # somebody may take the free port before the server does
            self.port = _free_port()
            self._supervisor = self._supervise()
            if self._wait_until_ready():
                return
            _end(self._supervisor, keep_folder=True)
        raise RuntimeError("PostgreSQL does not start; its log is above")

    def _supervise(self) -> subprocess.Popen[bytes]:
        settings = _SETTINGS | {"fsync": "on" if self._fsync else "off", "port": str(self.port)}
        settings["unix_socket_directories"] = str(self.folder)
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        return subprocess.Popen(
            ["/bin/sh", "-c", _SUPERVISE, "sh", self._bindir, self.folder, *arguments],
            stdin=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests; they end the server
            cwd=self.folder,
            **self._as_account(),
        )

    def _wait_until_ready(self) -> bool:
        """Wait for the server; False, and its log on standard error, where it gave up."""
        state, log = self.folder / "data" / "postmaster.pid", self.folder / "log"
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and not any("FATAL:" in line for line in _lines(log)):
            # The eighth line tells the state; see LOCK_FILE_LINE_PM_STATUS in PostgreSQL's miscadmin.h.
            if _lines(state)[7:8] == ["ready"]:
                return True
            time.sleep(0.02)
        sys.stderr.write("\n".join(_lines(log)))
        return False

    def _make_template(self) -> None:
        self._sql("postgres", f"CREATE DATABASE {_TEMPLATE}")
        self._sql(_TEMPLATE, "CREATE EXTENSION postgis")

    def _sql(self, database: str, statement: str) -> None:
        options = ["-qX", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port), "-U", _USER]
        command = [self._bindir / "psql", *options, "-d", database, "-c", statement]
        self._run(command, {"PGPASSWORD": self._password})

    def _run(self, command: list[str | Path], environment: dict[str, str] | None = None) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=self.folder, check=False, **self._as_account()
        )
        if done.returncode != 0:
            raise RuntimeError(f"{Path(command[0]).name} failed: {done.stderr.strip()}")

    def _as_account(self) -> dict[str, object]:
        if self._account is None:
            return {}
        return {"user": self._account[0], "group": self._account[1], "extra_groups": []}


def _unprivileged_account() -> tuple[int, int] | None:
    """Give the user and group to run as when we are root, whom PostgreSQL refuses to serve; else None."""
    if os.getuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise PostgresMissing("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _end(supervisor: subprocess.Popen[bytes], *, keep_folder: bool = False) -> None:
    supervisor.communicate(b"keep\n" if keep_folder else b"", START_TIMEOUT_S)


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text().splitlines()]
    except FileNotFoundError:
        return []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    try:
        find_postgres()
    except PostgresMissing as missing:
        sys.exit(str(missing))
