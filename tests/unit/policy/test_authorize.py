"""Who may do what: deny by default."""

from __future__ import annotations

import pytest

from stadtkern.errors import Forbidden, Problem, Unauthorized
from stadtkern.model.actor import ADMINISTRATOR, ANONYMOUS, Actor
from stadtkern.model.ids import DEFAULT_TENANT, Iri, TenantId
from stadtkern.policy.authorize import AnonymousRight, authorize, authorize_system
from stadtkern.policy.grant import Action
from tests.unit.policy.actors import key_actor

ROOM = Iri("https://example.org/Room")
ACTIONS: list[Action] = ["none", "read", "record", "write", "administer"]


def allowed(actor: Actor, anonymous: AnonymousRight = "none", tenant: TenantId = DEFAULT_TENANT) -> list[str]:
    """What the actor may do, as the actions of the Grants that come out."""
    granted: list[str] = []
    for action in ACTIONS:
        try:
            granted.append(authorize(actor, action, tenant, anonymous).action)
        except Problem as problem:
            granted.append(type(problem).__name__)
    return granted


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (ADMINISTRATOR, ["none", "read", "record", "write", "administer"]),
        (key_actor("read"), ["none", "read", "Forbidden", "Forbidden", "Forbidden"]),
        (key_actor("write"), ["none", "read", "record", "write", "Forbidden"]),
        (key_actor("admin"), ["none", "read", "record", "write", "administer"]),
        (key_actor("source", ROOM), ["none", "Forbidden", "record", "record", "Forbidden"]),
        (ANONYMOUS, ["none", "Unauthorized", "Unauthorized", "Unauthorized", "Unauthorized"]),
    ],
)
def test_authorize_grants_what_the_actor_may(actor: Actor, expected: list[str]) -> None:
    assert allowed(actor) == expected


@pytest.mark.parametrize(
    ("right", "expected"),
    [
        ("none", ["none", "Unauthorized", "Unauthorized", "Unauthorized", "Unauthorized"]),
        ("read", ["none", "read", "Unauthorized", "Unauthorized", "Unauthorized"]),
        ("write", ["none", "read", "record", "write", "Unauthorized"]),
    ],
)
def test_authorize_grants_anonymous_callers_what_the_setting_says(right: AnonymousRight, expected: list[str]) -> None:
    assert allowed(ANONYMOUS, right) == expected


@pytest.mark.parametrize("kind", ["read", "write", "source", "admin"])
def test_authorize_refuses_a_key_in_another_tenant_whatever_the_anonymous_may(kind: str) -> None:
    actor = key_actor(kind, tenant=TenantId("north"))  # type: ignore[arg-type]
    assert allowed(actor, "write") == ["none"] + ["Forbidden"] * 4


def test_authorize_limits_a_source_to_its_types() -> None:
    assert authorize(key_actor("source", ROOM), "write", DEFAULT_TENANT).types == {ROOM}
    assert authorize(key_actor("write"), "write", DEFAULT_TENANT).types is None


def test_authorize_system_lets_only_the_administrator_pass() -> None:
    authorize_system(ADMINISTRATOR)
    with pytest.raises(Unauthorized):
        authorize_system(ANONYMOUS)
    with pytest.raises(Forbidden):
        authorize_system(key_actor("admin"))
