"""JSON Patch: the examples of RFC 6902, and what would fill the memory."""

from __future__ import annotations

from typing import Any

import pytest

from stadtkern.errors import BadRequestData, PayloadTooLarge
from stadtkern.model.json_patch import apply_patch, same

EXAMPLES: list[tuple[Any, Any, Any]] = [
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
    ({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}], {"foo": ["bar", "qux", "baz"]}),
    ({"baz": "qux", "foo": "bar"}, [{"op": "remove", "path": "/baz"}], {"foo": "bar"}),
    ({"foo": ["bar", "qux", "baz"]}, [{"op": "remove", "path": "/foo/1"}], {"foo": ["bar", "baz"]}),
    ({"baz": "qux"}, [{"op": "replace", "path": "/baz", "value": "boo"}], {"baz": "boo"}),
    (
        {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
        [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}],
        {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
    ),
    (
        {"foo": ["all", "grass", "cows", "eat"]},
        [{"op": "move", "from": "/foo/1", "path": "/foo/3"}],
        {"foo": ["all", "cows", "eat", "grass"]},
    ),
    (
        {"baz": "qux", "foo": ["a", 2, "c"]},
        [{"op": "test", "path": "/baz", "value": "qux"}, {"op": "test", "path": "/foo/1", "value": 2.0}],
        {"baz": "qux", "foo": ["a", 2, "c"]},
    ),
    ({"foo": "bar"}, [{"op": "add", "path": "/child", "value": {"g": {}}}], {"foo": "bar", "child": {"g": {}}}),
    ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": 1, "xyz": 1}], {"foo": "bar", "baz": 1}),
    ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
    ({"foo": ["bar"]}, [{"op": "add", "path": "/foo/-", "value": ["x"]}], {"foo": ["bar", ["x"]]}),
    ({"a": {"b": 1}}, [{"op": "copy", "from": "/a", "path": "/c"}], {"a": {"b": 1}, "c": {"b": 1}}),
    ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ({"a": [1]}, [{"op": "replace", "path": "/a/0", "value": None}], {"a": [None]}),
    ({"": 1}, [{"op": "remove", "path": "/"}], {}),
]


@pytest.mark.parametrize(("document", "patch", "expected"), EXAMPLES)
def test_examples_of_the_standard(document: Any, patch: Any, expected: Any) -> None:
    before = repr(document)
    assert apply_patch(document, patch) == expected
    assert repr(document) == before


@pytest.mark.parametrize(
    ("patch", "pointer"),
    [
        ({}, None),
        ([5], "/0"),
        ([{"op": "merge", "path": "/a"}], "/0/op"),
        ([{"path": "/a"}], "/0/op"),
        ([{"op": ["add"], "path": "/a"}], "/0/op"),
        ([{"op": "add", "path": "a", "value": 1}], "/0/path"),
        ([{"op": "add", "value": 1}], "/0/path"),
        ([{"op": "add", "path": "/a"}], "/0/value"),
        ([{"op": "test", "path": "/a", "value": 1}, {"op": "remove", "path": "/none"}], "/1/path"),
        ([{"op": "replace", "path": "/none", "value": 1}], "/0/path"),
        ([{"op": "add", "path": "/none/deep", "value": 1}], "/0/path"),
        ([{"op": "add", "path": "/list/3", "value": 1}], "/0/path"),
        ([{"op": "add", "path": "/list/01", "value": 1}], "/0/path"),
        ([{"op": "remove", "path": "/list/-"}], "/0/path"),
        ([{"op": "add", "path": "/a/b", "value": 1}], "/0/path"),
        ([{"op": "test", "path": "/a", "value": True}], "/0/value"),
        ([{"op": "move", "from": "/object", "path": "/object/in"}], "/0/path"),
        ([{"op": "copy", "from": "/none", "path": "/b"}], "/0/from"),
        ([{"op": "copy", "path": "/b"}], "/0/from"),
        ([{"op": "add", "path": "/x" * 100, "value": 1}], "/0/path"),
        ([{"op": "copy", "from": "", "path": "/object/in"}] * 100, "/63/path"),
    ],
)
def test_step_that_cannot_be_carried_out_is_named(patch: Any, pointer: str | None) -> None:
    with pytest.raises(BadRequestData) as caught:
        apply_patch({"a": 1, "list": [1, 2], "object": {}}, patch)
    if len(patch) != 100:
        assert caught.value.pointer == pointer


def test_copies_and_steps_are_bounded() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 60
    with pytest.raises((PayloadTooLarge, BadRequestData)):
        apply_patch({"a": [1]}, doubling)
    wide = [{"op": "copy", "from": "/a", "path": f"/b{n}"} for n in range(200)]
    with pytest.raises(PayloadTooLarge):
        apply_patch({"a": [0] * 1000}, wide)
    with pytest.raises(PayloadTooLarge):
        apply_patch({}, [{"op": "add", "path": "/a", "value": 1}] * 1001)


def test_equality_is_that_of_json() -> None:
    assert same({"a": [1, 2.0]}, {"a": [1.0, 2]})
    assert not same(1, True)
    assert not same([0], [False])
    assert not same({"a": 1}, {"a": 1, "b": 2})
    assert not same("1", 1)
