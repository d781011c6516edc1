"""The page docs/conformance.md, made from the results of a whole run and the lists."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conformance.expectation import Comparison, Expectations, KnownFailure, names_of
from conformance.suite import CORRECTED, FOLDERS, OFFICIAL, Origin

PAGE = Path(__file__).parents[1] / "docs" / "conformance.md"

_HEAD = """# Conformance with NGSI-LD

Made by `./do conform` (see [conformance/README.md](../conformance/README.md)); the reasons are in
[known_failures.toml](../conformance/known_failures.toml) and [exempt.toml](../conformance/exempt.toml).

The ETSI test suite for NGSI-LD 1.9.1, in the corrected form of its commit `{corrected}`, folders
{folders}, each on a server with an empty
store. *Official* are the tests whose files exist in commit `{official}`; *extension* are
those that came later and are not part of the acceptance. Exempt tests need registrations of context sources, which this
version does not have; they do not count for the share.

For SensorThings see [conformance-sensorthings.md](conformance-sensorthings.md).
"""

_KINDS = {
    "test": "the test is wrong",
    "choice": "decided otherwise",
    "missing": "missing here",
}


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over all folders."""

    engine: str
    origin: Origin
    configuration: str
    comparison: Comparison


def render_page(
    runs: Sequence[Run], expectations: Expectations, configurations: Mapping[str, Mapping[str, str]]
) -> str:
    """Write the page; it holds no date, so that it changes when a result does."""
    folders = ", ".join(f"`{folder}`" for folder in FOLDERS)
    parts = [_HEAD.format(corrected=CORRECTED, official=OFFICIAL, folders=folders)]
    parts.append("\n".join(["## Results", "", *_summary(runs)]))
    parts.append("\n".join(["## By folder", "", *_table(runs)]))
    parts.append("\n".join(["## Settings", "", *_settings(configurations)]))
    for title, origin in ("Failures of official tests", "official"), ("Failures of extension tests", "extension"):
        failing = {
            name for run in runs if run.origin == origin for result in run.comparison.known for name in names_of(result)
        }
        parts.append("\n".join([f"## {title}", "", *_failures(expectations.failures, failing)]))
    parts.append("\n".join(["## Exempt tests", "", *_exemptions(runs, expectations)]))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _summary(runs: Iterable[Run]) -> Iterator[str]:
    yield "| engine | tests | configuration | passed | exempt | failed | share passed |"
    yield "|---|---|---|--:|--:|--:|--:|"
    for run in runs:
        found = run.comparison
        failed = len(found.known) + len(found.unknown)
        counts = f"{len(found.passed)} | {len(found.exempt)} | {failed} | {_percent(found.share)}"
        yield f"| {run.engine} | {run.origin} | {run.configuration} | {counts} |"


def _table(runs: Sequence[Run]) -> Iterator[str]:
    yield "Passed / exempt / failed."
    yield ""
    yield "| folder | " + " | ".join(f"{run.engine}, {run.origin}, {run.configuration}" for run in runs) + " |"
    yield "|---|" + "--:|" * len(runs)
    for folder in FOLDERS:
        yield f"| `{folder}` | " + " | ".join(_counts(run.comparison, folder) for run in runs) + " |"


def _counts(found: Comparison, folder: str) -> str:
    groups = (found.passed, found.exempt, (*found.known, *found.unknown))
    return " / ".join(str(sum(result.folder == folder for result in group)) for group in groups)


def _settings(configurations: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for name, settings in configurations.items():
        shown = ", ".join(f"`STADTKERN_{key.upper()}={value}`" for key, value in settings.items())
        yield f"- *{name}*: {shown}"


def _failures(failures: Iterable[KnownFailure], failing: set[str]) -> Iterator[str]:
    shown = [failure for failure in failures if failing.intersection(failure.tests)]
    if not shown:
        yield "None."
        return
    yield "| tests | configuration | verdict | clause | reason |"
    yield "|---|---|---|---|---|"
    for failure in shown:
        tests = ", ".join(test for test in failure.tests if test in failing)
        where = ", ".join(failure.configurations) or "all"
        yield f"| {tests} | {where} | {_KINDS[failure.kind]} | {failure.clause} | {failure.reason} |"


def _exemptions(runs: Iterable[Run], expectations: Expectations) -> Iterator[str]:
    ran = {result.id: result.name for run in runs for result in run.comparison.exempt}
    for exemption in expectations.exemptions:
        names = [ran[test] for test in exemption.tests if test in ran]
        if names:
            yield f"Needs {exemption.needs}:"
            yield ""
            yield from (f"- {name}" for name in names)
            yield ""


def _percent(share: float) -> str:
    """Round down, so that 100 % means all."""
    return f"{int(share * 1000) / 10:.1f} %"
