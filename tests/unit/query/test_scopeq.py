"""The scope query language. Spec: CIM 009 4.19."""

from __future__ import annotations

import pytest

from stadtkern.errors import BadRequestData, Problem, TooComplexQuery
from stadtkern.query.evaluate import scope_matches
from stadtkern.query.filter import And, Filter, Or, ScopeMatches
from stadtkern.query.scopeq import parse_scope_q

pytestmark = pytest.mark.clause("CIM009 4.19")

DISTRICTS, COMPANY = ScopeMatches(("Madrid", "Districts")), ScopeMatches(("CompanyA",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/Madrid", ScopeMatches(("Madrid",))),
        ("/Madrid/Gardens/#", ScopeMatches(("Madrid", "Gardens"), below=True)),
        ("/Madrid/+/ParqueNorte", ScopeMatches(("Madrid", "+", "ParqueNorte"))),
        ("/#", ScopeMatches((), below=True)),
        ("(/Madrid/Districts;/CompanyA)", And((DISTRICTS, COMPANY))),
        ("/Madrid/Districts;/CompanyA", And((DISTRICTS, COMPANY))),
        ("(/Madrid/Districts;/CompanyA)|CompanyB", Or((And((DISTRICTS, COMPANY)), ScopeMatches(("CompanyB",))))),
        ("/CompanyA,/Madrid/Districts", Or((COMPANY, DISTRICTS))),
        ("/Straße_1/Bau-2", ScopeMatches(("Straße_1", "Bau-2"))),
    ],
)
def test_parse_scope_q_builds_the_filter(text: str, expected: Filter) -> None:
    assert parse_scope_q(text) == expected


@pytest.mark.parametrize(
    "text", ["", "/", "/A//B", "/A/#/B", "(/A", "/A)", "/A;", "/A b", "/A/'", "/*", "/" + "a/" * 70 + "a"]
)
def test_parse_scope_q_refuses_what_is_no_scope(text: str) -> None:
    with pytest.raises(BadRequestData):
        parse_scope_q(text)


def test_parse_scope_q_refuses_what_is_too_complex() -> None:
    with pytest.raises(TooComplexQuery):
        parse_scope_q("(" * 100 + "/A")
    with pytest.raises(Problem):
        parse_scope_q(",".join(["/A"] * 501))


@pytest.mark.parametrize(
    ("query", "fitting", "others"),
    [
        ("/Madrid", ["/Madrid", "Madrid"], ["/Madrid/Gardens", "/madrid"]),
        ("/Madrid/Gardens/#", ["/Madrid/Gardens", "/Madrid/Gardens/N/P"], ["/Madrid", "/Madrid/GardensX"]),
        ("/Madrid/+/N", ["/Madrid/Gardens/N", "/Madrid/Sights/N"], ["/Madrid/N", "/Madrid/A/B/N", "/Madrid/A/N/B"]),
        ("/#", ["/Madrid", "/A/B"], []),
        ("/+/#", ["/A", "/A/B"], []),
    ],
)
def test_scope_matches_fits_the_examples(query: str, fitting: list[str], others: list[str]) -> None:
    parsed = parse_scope_q(query)
    assert isinstance(parsed, ScopeMatches)
    assert [scope_matches(parsed, scope) for scope in fitting] == [True] * len(fitting)
    assert [scope_matches(parsed, scope) for scope in others] == [False] * len(others)
