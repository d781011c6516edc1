"""Sql values: literal text and bound parameters, rendered for each engine."""

from __future__ import annotations

import pytest

from stadtkern.store.dialect import NOW, POSTGRES, SQLITE, Bound, Sql, join


def test_render_numbers_parameters_for_sqlite() -> None:
    sql = Sql("a = {} AND b IN ({})", Bound("x", "text"), Bound(["y", "z"], "text[]"))
    assert sql.render("sqlite") == ("a = ?1 AND b IN (?2)", ["x", '["y","z"]'])


def test_render_types_parameters_for_postgres() -> None:
    sql = Sql("a = {} AND b = ANY({})", Bound(5, "double precision"), Bound(("y",), "text[]"))
    text, params = sql.render("postgres")
    assert text == "a = $1::double precision AND b = ANY($2::text[])"
    assert params == [5.0, ["y"]]
    assert isinstance(params[0], float)


def test_render_binds_a_parameter_once_when_it_is_used_twice() -> None:
    name = Bound("x", "text")
    assert Sql("{} OR {}", Sql("a = {}", name), Sql("b = {}", name)).render("sqlite") == ("a = ?1 OR b = ?1", ["x"])


def test_render_puts_the_instant_of_the_request_in() -> None:
    assert Sql("t > {}", NOW).render("postgres", 77) == ("t > $1::bigint", [77])


def test_sql_refuses_a_template_with_another_number_of_values() -> None:
    with pytest.raises(ValueError, match="takes 1 values, not 2"):
        Sql("{}", Bound(1, "bigint"), Bound(2, "bigint"))


def test_join_puts_separators_between() -> None:
    parts = [Sql("a = {}", Bound(1, "bigint")), Sql("b"), Sql("c = {}", Bound(2, "bigint"))]
    assert join(" AND ", parts).render("sqlite") == ("a = ?1 AND b AND c = ?2", [1, 2])
    assert join(", ", []).render("sqlite") == ("", [])


def test_wildcard_escapes_what_a_pattern_means_to_each_engine() -> None:
    assert SQLITE.wildcard(["/a*[", "?"]).value == "/a[*][[]*[?]"
    assert POSTGRES.wildcard(["/a_%", "\\"]).value == "/a\\_\\%%\\\\"
