from __future__ import annotations

from typing import Any

import pytest

from stadtkern.broker.apply import apply
from stadtkern.errors import BadRequestData, ResourceNotFound
from stadtkern.model.ids import Iri
from stadtkern.model.operation import DeleteAttribute, DeleteEntity, PurgeAttributes
from tests.unit.apply.builders import GPS, ID, NAME, SPEED, T1, after, car, prop, values, verbs

SCOPE = Iri("scope")


def test_delete_entity_leaves_nothing_and_tells_all() -> None:
    change = apply(DeleteEntity(ID), car({SPEED: [prop(1), prop(2, dataset_id=GPS)]}, scope=["/a"]), T1)
    assert change.after is None
    assert change.outcome.deleted
    assert verbs(change) == [(SPEED, "", "deleted"), (SPEED, GPS, "deleted"), ("scope", "", "deleted")]


def test_delete_entity_fails_when_there_is_none() -> None:
    with pytest.raises(ResourceNotFound, match=ID):
        apply(DeleteEntity(ID), None, T1)


@pytest.mark.parametrize(
    ("options", "left"),
    [({}, {GPS: 2}), ({"dataset_id": GPS}, {"": 1}), ({"delete_all": True}, {})],
)
def test_delete_attribute_takes_the_instance_asked_for(options: dict[str, Any], left: dict[str, int]) -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)], NAME: prop("x")})
    change = apply(DeleteAttribute(ID, SPEED, **options), before, T1)
    assert values(after(change), SPEED) == left
    assert values(after(change), NAME) == {"": "x"}
    assert after(change).modified_at == T1


@pytest.mark.parametrize(
    ("attribute", "options"),
    [(NAME, {}), (NAME, {"delete_all": True}), (SPEED, {}), (SPEED, {"dataset_id": "urn:x:1"}), (SCOPE, {})],
)
def test_delete_attribute_fails_when_it_is_not_there(attribute: Iri, options: dict[str, Any]) -> None:
    with pytest.raises(ResourceNotFound):
        apply(DeleteAttribute(ID, attribute, **options), car({SPEED: prop(1, dataset_id=GPS)}), T1)


def test_delete_attribute_removes_the_scope() -> None:
    change = apply(DeleteAttribute(ID, SCOPE), car(scope=["/a"]), T1)
    assert after(change).scope == []
    assert verbs(change) == [("scope", "", "deleted")]


def test_delete_attribute_fails_for_the_type() -> None:
    with pytest.raises(BadRequestData):
        apply(DeleteAttribute(ID, Iri("type")), car(), T1)


def test_purge_drops_the_named_attributes() -> None:
    before = car({SPEED: [prop(1), prop(2, dataset_id=GPS)], NAME: prop("x")}, scope=["/a"])
    change = apply(PurgeAttributes(ID, drop=frozenset({SPEED, SCOPE})), before, T1)
    assert (list(after(change).attributes), after(change).scope) == ([NAME], [])
    assert change.outcome.updated == [SPEED, SCOPE]


def test_purge_keeps_the_named_attributes_and_the_scope() -> None:
    before = car({SPEED: prop(1), NAME: prop("x")}, scope=["/a"])
    change = apply(PurgeAttributes(ID, keep=frozenset({SPEED})), before, T1)
    assert (list(after(change).attributes), after(change).scope) == ([SPEED], ["/a"])


def test_purge_changes_nothing_when_nothing_is_named() -> None:
    before = car({SPEED: prop(1)})
    assert apply(PurgeAttributes(ID, drop=frozenset({NAME})), before, T1).after is before
