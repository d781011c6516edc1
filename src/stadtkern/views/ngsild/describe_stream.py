"""What the streams of notifications answer."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Answer, Description, Example, Operation, Parameter, Tag, Text
from stadtkern.views.ngsild.describe_subscription import SUBSCRIPTION

_TAG: Final = "streams"
_CURSOR: Final = {"type": "string", "pattern": "^[0-9]{1,18}-[0-9]{1,19}$"}

DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name=_TAG,
            title=Text("Streams", "Ströme"),
            text=Text("Notifications for clients that no server can reach.", "Benachrichtigungen als Strom."),
        ),
    ),
    operations={
        ("v1", "subscriptions", "*", "events"): {
            "GET": Operation(
                id="streamNotifications",
                tag=_TAG,
                title=Text("Follow a subscription", "Einem Abonnement folgen"),
                text=Text(
                    "Server-Sent Events: what the subscription's receiver is sent, under the rights of the reader,"
                    " from now on or after a cursor. A browser that is cut off goes on where it was.",
                    "Server-Sent Events: was der Empfänger des Abonnements geschickt bekommt, mit den Rechten dessen,"
                    " der liest, ab jetzt oder nach einer Marke. Ein getrennter Browser macht weiter, wo er war.",
                ),
                parameters=(
                    Parameter(
                        name="subscriptionId",
                        place="path",
                        required=True,
                        schema={"type": "string", "format": "uri"},
                        text=Text("The subscription", "Das Abonnement"),
                    ),
                    Parameter(
                        name="since",
                        schema=_CURSOR,
                        text=Text("Only what came after this cursor", "Nur was nach dieser Marke kam"),
                    ),
                    Parameter(
                        name="Last-Event-ID",
                        place="header",
                        schema=_CURSOR,
                        text=Text("The same, as browsers say it", "Dasselbe, wie Browser es sagen"),
                    ),
                    Parameter(
                        name="seconds",
                        schema={"type": "integer", "minimum": 0, "maximum": 86400},
                        text=Text(
                            "The stream ends after so many seconds; 0: after what is there already",
                            "Der Strom endet nach so vielen Sekunden; 0: nach dem, was schon da ist",
                        ),
                    ),
                ),
                answers=(
                    Answer(
                        status=200,
                        text=Text("The notifications.", "Die Benachrichtigungen."),
                        schemas={"text/event-stream": {"type": "string"}},
                    ),
                ),
                example=Example(status=200, path={"subscriptionId": SUBSCRIPTION["id"]}, query={"seconds": "0"}),
                problems=(401, 403, 404, 410, 429),
            )
        }
    },
)
