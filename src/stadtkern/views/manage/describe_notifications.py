"""What the management API tells of notifications."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.views._http.description import Answer, Example, Operation, Operations, Parameter, Schema, Tag, Text

_TAG: Final = "notifications"
_MAYBE_TEXT: Final = {"type": ["string", "null"]}
_MAYBE_TIME: Final = {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}
_COUNT: Final = {"type": "integer", "minimum": 0}
_SECONDS: Final = {"type": ["number", "null"]}

_ALWAYS: Final[dict[str, Any]] = {
    "id": {"type": "string", "description": "The subscription's id"},
    "name": _MAYBE_TEXT,
    "endpoint": {"type": "string", "description": "Scheme, host and port of the receiver, and nothing else of it"},
    "status": {"enum": ["active", "paused", "expired"]},
    "timesSent": {**_COUNT, "description": "Attempts, whatever became of them"},
    "timesFailed": _COUNT,
    "dropped": {**_COUNT, "description": "Notifications given up: too many waited, or the receiver refused them"},
    "lastNotification": _MAYBE_TIME,
    "lastSuccess": _MAYBE_TIME,
    "lastFailure": _MAYBE_TIME,
    "lastError": _MAYBE_TEXT,
}
_LIVE: Final[dict[str, Any]] = {
    "state": {
        "enum": ["idle", "sending", "waiting"],
        "description": "Waiting: for the next try, or for the end of the throttling. This and the members below are"
        " known to the process that delivers: they are missing in answers of another one, and where nothing is"
        " delivered",
    },
    "waiting": {**_COUNT, "description": "Notifications not delivered yet"},
    "oldestWaitingSeconds": {**_SECONDS, "description": "How long ago the first of them was caused"},
    "failuresInARow": _COUNT,
    "nextTryInSeconds": _SECONDS,
}
SCHEMAS: Final[dict[str, Schema]] = {
    "NotificationStatus": {
        "type": "object",
        "required": list(_ALWAYS),
        "properties": {**_ALWAYS, **_LIVE},
        "additionalProperties": False,
    },
    "NotificationStatusPage": {
        "type": "object",
        "required": ["notifications", "total", "offset", "more"],
        "properties": {
            "notifications": {"type": "array", "items": {"$ref": "#/components/schemas/NotificationStatus"}},
            "total": _COUNT,
            "offset": _COUNT,
            "more": {"type": "boolean", "description": "Whether another page follows"},
        },
        "additionalProperties": False,
    },
    "NotificationTrial": {
        "type": "object",
        "required": ["delivered", "milliseconds", "entities", "error"],
        "properties": {
            "delivered": {"type": "boolean"},
            "milliseconds": {"type": "number", "minimum": 0},
            "entities": {**_COUNT, "description": "How many the notification showed"},
            "error": {**_MAYBE_TEXT, "description": "What went wrong, as a sentence"},
        },
        "additionalProperties": False,
    },
}
TAG: Final = Tag(
    name=_TAG,
    title=Text("Notifications", "Benachrichtigungen"),
    text=Text("How telling subscribers goes.", "Wie es mit den Benachrichtigungen der Abonnenten steht."),
)
_ID: Final = Parameter(
    name="id",
    place="path",
    required=True,
    schema={"type": "string", "maxLength": 2048},
    text=Text("The subscription's id, percent-encoded", "Die Kennung des Abonnements, prozentkodiert"),
)
_WINDOW: Final = (
    Parameter(
        name="limit",
        schema={"type": "integer", "minimum": 1, "maximum": 1000, "default": 50},
        text=Text("Most subscriptions in the answer", "Höchstzahl der Abonnements in der Antwort"),
    ),
    Parameter(
        name="offset",
        schema={"type": "integer", "minimum": 0, "maximum": 1_000_000, "default": 0},
        text=Text("How many to leave out before", "Wie viele davor auszulassen sind"),
    ),
)
_RIGHTS: Final = Text("For whoever may write in the tenant.", "Für alle, die im Mandanten schreiben dürfen.")


def _ref(name: str) -> dict[str, Schema]:
    return {"application/json": {"$ref": f"#/components/schemas/{name}"}}


OPERATIONS: Final[Operations] = {
    ("notifications",): {
        "GET": Operation(
            id="listNotifications",
            tag=_TAG,
            title=Text("List how all subscribers are told", "Den Stand aller Benachrichtigungen auflisten"),
            text=_RIGHTS,
            parameters=_WINDOW,
            answers=(
                Answer(
                    status=200,
                    text=Text("A page, the oldest subscription first.", "Eine Seite, das älteste Abonnement zuerst."),
                    schemas=_ref("NotificationStatusPage"),
                ),
            ),
            example=Example(status=200, query={"limit": "10"}),
            problems=(401, 403, 404),
        )
    },
    ("notifications", "*"): {
        "GET": Operation(
            id="showNotifications",
            tag=_TAG,
            title=Text("Show how one subscriber is told", "Den Stand der Benachrichtigungen eines Abonnements zeigen"),
            text=_RIGHTS,
            parameters=(_ID,),
            answers=(Answer(status=200, text=Text("Its state.", "Der Stand."), schemas=_ref("NotificationStatus")),),
            example=Example(status=200, path={"id": "$subscription"}),
            problems=(401, 403, 404),
        )
    },
    ("notifications", "*", "test"): {
        "POST": Operation(
            id="testNotification",
            tag=_TAG,
            title=Text("Send a test notification", "Eine Test-Benachrichtigung senden"),
            text=Text(
                "It shows one of the entities that the subscription chooses, if any, goes out at once beside those that"
                " wait, is marked by the header Stadtkern-Test, and changes no counters. For the owner of the"
                " subscription and for administrators.",
                "Sie zeigt eine der Entitäten, die das Abonnement auswählt, falls es eine gibt, geht sofort hinaus, an"
                " allem Wartenden vorbei, trägt die Kopfzeile Stadtkern-Test und ändert keine Zähler. Für den"
                " Eigentümer des Abonnements und für Verwalter.",
            ),
            parameters=(_ID,),
            answers=(
                Answer(
                    status=200,
                    text=Text("What the receiver made of it.", "Was der Empfänger daraus gemacht hat."),
                    schemas=_ref("NotificationTrial"),
                ),
            ),
            example=Example(status=200, path={"id": "$subscription"}),
            problems=(401, 403, 404, 429),
        )
    },
}
