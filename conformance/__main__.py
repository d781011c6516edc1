"""``python -m conformance CLONE VENV``: run the suite on both engines, compare with the lists, write the page."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from conformance.expectation import BadList, Comparison, Expectations
from conformance.page import PAGE, Run, render_page
from conformance.suite import FOLDERS, Origin, Result, Suite, SuiteFailed
from tests.postgres_server import PostgresMissing, PostgresServer
from tests.server_process import ServerProcess

ENGINES = ("sqlite", "postgres")
SETTINGS = {"anonymous": "write", "implicit_tenants": "true", "allow_private_addresses": "true"}
"""What the suite needs: it sends no credentials, makes tenants by writing, and serves contexts on this machine."""
CONFIGURATIONS = {"suite": {**SETTINGS, "temporal_instances": "30"}, "default": SETTINGS}
RUNS: tuple[tuple[Origin, str], ...] = (("official", "suite"), ("official", "default"), ("extension", "suite"))
"""Which tests run in which configuration; the former are the acceptance."""


def main() -> int:
    """Give 1 where a test fails that no list has, or passes that one has; 2 where nothing could be run."""
    arguments = _read_arguments()
    suite = Suite(arguments.clone.resolve(), arguments.venv.resolve(), arguments.host)
    try:
        suite.check()
        expectations = Expectations.load()
        runs = [run for engine in arguments.engines for run in _run_engine(engine, suite, expectations)]
    except (SuiteFailed, BadList, PostgresMissing) as failure:
        print(failure, file=sys.stderr)
        return 2
    if tuple(arguments.engines) == ENGINES:
        PAGE.write_text(render_page(runs, expectations, CONFIGURATIONS), encoding="utf-8")
    return 0 if all(_is_as_expected(run.comparison) for run in runs) else 1


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="conformance", description=__doc__)
    parser.add_argument("clone", type=Path, help="a clone of the suite")
    parser.add_argument("venv", type=Path, help="an environment with Robot Framework and its libraries")
    parser.add_argument("--host", default="127.0.0.1", help="loopback address for the suite's stand-ins")
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    return parser.parse_args()


def _run_engine(engine: str, suite: Suite, expectations: Expectations) -> Iterator[Run]:
    with ExitStack() as stack:
        postgres = stack.enter_context(PostgresServer(fsync=False)) if engine == "postgres" else None
        for origin, configuration in RUNS:
            results: list[Result] = []
            for folder in FOLDERS:
                with _server(postgres, CONFIGURATIONS[configuration]) as (url, work):
                    results += suite.run(folder, origin, url, work)
            run = Run(engine, origin, configuration, expectations.compare(results, configuration))
            _report(run)
            yield run


@contextmanager
def _server(postgres: PostgresServer | None, settings: dict[str, str]) -> Generator[tuple[str, Path]]:
    """Start a server on an empty store: every folder of the suite counts what it finds."""
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        database = {} if postgres is None else {"database_url": postgres.database_url(postgres.create_database())}
        with ServerProcess(work, **settings, **database) as server:
            yield server.start().url, work
            server.stop()


def _report(run: Run) -> None:
    comparison = run.comparison
    print(
        f"{run.engine:8} {run.origin:9} {run.configuration:7} passed {len(comparison.passed)},"
        f" exempt {len(comparison.exempt)}, known failures {len(comparison.known)}, {comparison.share:.1%}"
    )
    for result in comparison.unknown:
        print(f"  fails: {result.file} {result.name}: {result.message}")
    for test in comparison.unexpected:
        print(f"  passes, so take it off its list: {test}")
    sys.stdout.flush()


def _is_as_expected(comparison: Comparison) -> bool:
    return not comparison.unknown and not comparison.unexpected


if __name__ == "__main__":
    sys.exit(main())
