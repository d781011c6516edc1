"""What is expected of the suite's tests: known failures and exempt tests, each with its reason, and the comparison."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from conformance.suite import Result

HERE = Path(__file__).parent


class BadList(Exception):
    """A list cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Exemption:
    """Tests that need what is not part of the acceptance."""

    tests: tuple[str, ...]
    needs: str
    configurations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KnownFailure:
    """Tests that fail for one reason. kind: ``test`` where the test is wrong, ``choice`` where the standard leaves the
    matter open, ``missing`` where we are behind. configurations: empty for all."""

    tests: tuple[str, ...]
    kind: str
    clause: str
    reason: str
    configurations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One run against the lists."""

    passed: tuple[Result, ...]
    exempt: tuple[Result, ...]
    known: tuple[Result, ...]
    unknown: tuple[Result, ...]
    """Failures that no list has."""
    unexpected: tuple[str, ...]
    """Tests on a list that passed."""

    @property
    def share(self) -> float:
        """The share of tests passed, exempt ones not counted."""
        counted = len(self.passed) + len(self.known) + len(self.unknown)
        return len(self.passed) / counted if counted else 0.0


@dataclass(frozen=True, slots=True)
class Expectations:
    """Both lists."""

    exemptions: tuple[Exemption, ...]
    failures: tuple[KnownFailure, ...]

    @classmethod
    def load(cls, folder: Path = HERE) -> Expectations:
        """Read both lists. Raises: BadList."""
        exemptions = tuple(Exemption(**entry) for entry in _entries(folder / "exempt.toml", "exempt"))
        failures = tuple(KnownFailure(**entry) for entry in _entries(folder / "known_failures.toml", "failure"))
        listed = [test for entry in (*exemptions, *failures) for test in entry.tests]
        doubled = sorted({test for test in listed if listed.count(test) > 1})
        if doubled:
            raise BadList(f"Listed twice: {', '.join(doubled)}")
        return cls(exemptions, failures)

    def exempt(self, configuration: str) -> frozenset[str]:
        """Give the exempt tests of a configuration."""
        return _tests(self.exemptions, configuration)

    def known(self, configuration: str) -> frozenset[str]:
        """Give the tests that are known to fail in a configuration."""
        return _tests(self.failures, configuration)

    def compare(self, results: Iterable[Result], configuration: str) -> Comparison:
        """Compare the results of whole folders with the lists."""
        exempt, known = self.exempt(configuration), self.known(configuration)
        every = tuple(results)
        failed = tuple(result for result in every if not result.passed)
        still_failing = {name for result in failed for name in names_of(result)}
        ran = {name for result in every for name in names_of(result)}
        return Comparison(
            passed=tuple(result for result in every if result.passed),
            exempt=tuple(result for result in failed if names_of(result) & exempt),
            known=tuple(result for result in failed if names_of(result) & known),
            unknown=tuple(result for result in failed if not names_of(result) & (exempt | known)),
            unexpected=tuple(sorted(((exempt | known) & ran) - still_failing)),
        )


def names_of(result: Result) -> frozenset[str]:
    """Give what a list may call a test: its id, with its folder where two folders have the same."""
    return frozenset((result.id, f"{result.folder}/{result.id}"))


def _tests(entries: Iterable[Exemption | KnownFailure], configuration: str) -> frozenset[str]:
    return frozenset(
        test
        for entry in entries
        for test in entry.tests
        if not entry.configurations or configuration in entry.configurations
    )


def _entries(path: Path, name: str) -> list[dict[str, Any]]:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise BadList(f"{path.name} cannot be read: {error}") from error
    return [{key: _freeze(value) for key, value in entry.items()} for entry in table.get(name, [])]


def _freeze(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType,reportUnknownVariableType]
