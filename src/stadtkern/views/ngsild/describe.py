"""What the NGSI-LD API answers, put together: for the OpenAPI document and its page."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Description, Operation, Tag, Text
from stadtkern.views.ngsild import (
    describe_consumption,
    describe_entity_maps,
    describe_info,
    describe_provision,
    describe_subscription,
    describe_temporal,
)
from stadtkern.views.ngsild.describe_schemas import SCHEMAS
from stadtkern.views.ngsild.describe_subscription_schemas import SUBSCRIPTION_SCHEMAS


def _merge() -> dict[tuple[str, ...], dict[str, Operation]]:
    """Put reading and writing on the same addresses together."""
    merged: dict[tuple[str, ...], dict[str, Operation]] = {}
    parts = (
        describe_consumption.OPERATIONS,
        describe_provision.OPERATIONS,
        describe_temporal.OPERATIONS,
        describe_subscription.OPERATIONS,
        describe_entity_maps.OPERATIONS,
        describe_info.OPERATIONS,
    )
    for part in parts:
        for pattern, operations in part.items():
            merged.setdefault(pattern, {}).update(operations)
    return merged


DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name="entities",
            title=Text("Entities", "Entitäten"),
            text=Text("The things of the city, and their attributes.", "Die Dinge der Stadt und ihre Attribute."),
        ),
        Tag(
            name="batches",
            title=Text("Batches", "Stapel"),
            text=Text("Many entities in one request.", "Viele Entitäten in einer Anfrage."),
        ),
        Tag(
            name="history",
            title=Text("History", "Geschichte"),
            text=Text("How attributes changed over time.", "Wie sich Attribute mit der Zeit änderten."),
        ),
        Tag(
            name="discovery",
            title=Text("Types and attributes", "Typen und Attribute"),
            text=Text("What there is.", "Was es gibt."),
        ),
        Tag(
            name="subscriptions",
            title=Text("Subscriptions", "Abonnements"),
            text=Text("Be told what changes.", "Erfahren, was sich ändert."),
        ),
        Tag(
            name="contexts",
            title=Text("@contexts", "@contexts"),
            text=Text("What names mean.", "Was Namen bedeuten."),
        ),
        Tag(
            name="entityMaps",
            title=Text("Entity maps", "Entitätslisten"),
            text=Text("Matches that stay while one pages.", "Treffer, die beim Blättern bleiben."),
        ),
        Tag(
            name="server",
            title=Text("This server", "Dieser Server"),
            text=Text("Who it is to others.", "Wer er für andere ist."),
        ),
    ),
    operations=_merge(),
    schemas={**SCHEMAS, **SUBSCRIPTION_SCHEMAS},
)
