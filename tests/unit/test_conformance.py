"""The lists of the conformance suite's known failures and exempt tests, and how results are compared with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.expectation import BadList, Expectations
from conformance.page import PAGE, Run, render_page
from conformance.suite import Result

EXEMPT = '[[exempt]]\nneeds = "subscriptions"\ntests = ["1_01"]\n'
KNOWN = """
[[failure]]
tests = ["2_01", "2_02"]
kind = "choice"
clause = "6.3.10"
reason = "The size of a page is open."
configurations = ["default"]
"""


def make_result(id: str, *, passed: bool) -> Result:
    return Result("jsonldContext", "a.robot", id, f"{id} Title", passed, "")


def load(folder: Path, exempt: str = EXEMPT, known: str = KNOWN) -> Expectations:
    (folder / "exempt.toml").write_text(exempt)
    (folder / "known_failures.toml").write_text(known)
    return Expectations.load(folder)


def test_compare_sorts_results_by_what_is_expected_of_them(tmp_path: Path) -> None:
    results = [
        *(make_result(id, passed=False) for id in ("1_01", "2_01", "3_01")),
        *(make_result(id, passed=True) for id in ("2_02", "4_01", "4_02")),
    ]
    found = load(tmp_path).compare(results, "default")
    assert [one.id for one in found.exempt] == ["1_01"]
    assert [one.id for one in found.known] == ["2_01"]
    assert [one.id for one in found.unknown] == ["3_01"]
    assert found.unexpected == ("2_02",)
    assert found.share == 3 / 5


def test_compare_knows_failures_in_their_configuration_only(tmp_path: Path) -> None:
    found = load(tmp_path).compare([make_result("2_01", passed=False), make_result("2_02", passed=True)], "suite")
    assert ([one.id for one in found.unknown], found.unexpected) == (["2_01"], ())


def test_compare_takes_a_name_given_twice_as_failing_until_both_pass(tmp_path: Path) -> None:
    twice = [make_result("2_01", passed=True), make_result("2_01", passed=False)]
    found = load(tmp_path).compare(twice, "default")
    assert (len(found.known), found.unknown, found.unexpected) == (1, (), ())


@pytest.mark.parametrize("known", ['[[failure]]\ntests = ["1_01"]\nkind = "test"\nclause = "1"\nreason = "x"', "= ="])
def test_load_refuses_lists_that_contradict_or_cannot_be_read(tmp_path: Path, known: str) -> None:
    with pytest.raises(BadList):
        load(tmp_path, known=known)


def test_page_tells_share_and_reasons(tmp_path: Path) -> None:
    expectations = load(tmp_path)
    results = [make_result("1_01", passed=False), make_result("2_01", passed=False), make_result("4_01", passed=True)]
    run = Run("sqlite", "official", "default", expectations.compare(results, "default"))
    page = render_page([run], expectations, {"default": {"anonymous": "write"}})
    assert "| sqlite | official | default | 1 | 1 | 1 | 50.0 % |" in page
    assert "| 2_01 | default | decided otherwise | 6.3.10 | The size of a page is open. |" in page
    assert "- 1_01 Title" in page
    assert "`STADTKERN_ANONYMOUS=write`" in page


def test_project_names_every_listed_test_on_its_page() -> None:
    expectations = Expectations.load()
    page = PAGE.read_text(encoding="utf-8")
    listed = [test for entry in (*expectations.exemptions, *expectations.failures) for test in entry.tests]
    assert [test for test in listed if test.rpartition("/")[2] not in page] == []
    assert all(failure.clause and failure.reason.endswith(".") for failure in expectations.failures)
