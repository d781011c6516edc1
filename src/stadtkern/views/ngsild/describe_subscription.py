"""What the operations on subscriptions do. Spec: CIM 009 5.8.1 to 5.8.5."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.model.subscription import EVENTS_URI
from stadtkern.views._http.description import Operations, Text
from stadtkern.views.ngsild.describe_parameters import path_parameter
from stadtkern.views.ngsild.describe_parts import CREATED, DONE, described, operation
from stadtkern.views.ngsild.describe_schemas import array_of, ref

_TAG: Final = "subscriptions"
ID: Final = "urn:ngsi-ld:Subscription:nitrogen-dioxide"
"""The subscription that is there before every example."""
SUBSCRIPTION: Final[dict[str, Any]] = {
    "id": ID,
    "type": "Subscription",
    "entities": [{"type": "AirQualityObserved"}],
    "watchedAttributes": ["no2"],
    "q": "no2>40",
    "notification": {"endpoint": {"uri": EVENTS_URI}},
}
_OTHER: Final = {
    **SUBSCRIPTION,
    "id": "urn:ngsi-ld:Subscription:another",
    "notification": {"attributes": ["no2"], "endpoint": {"uri": "https://receiver.example/notify"}},
}
_PATH: Final = (path_parameter("subscriptionId", "Id of the subscription", "Kennung des Abonnements"),)
_AT: Final = {"subscriptionId": ID}

OPERATIONS: Final[Operations] = {
    ("subscriptions",): {
        "POST": operation(
            "createSubscription",
            "6.10.3.1",
            Text("Subscribe to changes", "Änderungen abonnieren"),
            Text(
                "What happens from now on is told, with the rights of whoever subscribes.",
                "Was ab jetzt geschieht, wird gemeldet, mit den Rechten dessen, der abonniert.",
            ),
            (CREATED,),
            query=("local",),
            body=ref("NewSubscription"),
            example={"body": _OTHER},
            tag=_TAG,
        ),
        "GET": operation(
            "listSubscriptions",
            "6.10.3.2",
            Text("List subscriptions", "Abonnements auflisten"),
            Text("The oldest first. Needs the right to write.", "Die ältesten zuerst. Braucht das Recht zu schreiben."),
            (described(array_of(ref("Subscription")), "A page of them.", "Eine Seite davon."),),
            query=("options", "sysAttrs", "limit", "offset", "count", "local"),
            problems=(406,),
            tag=_TAG,
        ),
    },
    ("subscriptions", "*"): {
        "GET": operation(
            "retrieveSubscription",
            "6.11.3.1",
            Text("Retrieve a subscription", "Ein Abonnement abrufen"),
            Text(
                "And how telling it went. Only its owner and administrators see what is secret about its endpoint.",
                "Und wie das Melden ging. Was an seinem Endpunkt geheim ist, sehen nur Besitzer und Verwaltung.",
            ),
            (described(ref("Subscription"), "The subscription.", "Das Abonnement."),),
            query=("options", "sysAttrs", "local"),
            path=_PATH,
            example={"path": _AT},
            problems=(406,),
            tag=_TAG,
        ),
        "PATCH": operation(
            "updateSubscription",
            "6.11.3.2",
            Text("Change a subscription", "Ein Abonnement ändern"),
            Text(
                "Members of the body replace those that are there; null removes one. For its owner and administrators.",
                "Angaben ersetzen die vorhandenen; null entfernt eine. Für Besitzer und Verwaltung.",
            ),
            (DONE,),
            query=("local",),
            path=_PATH,
            body=ref("SubscriptionFragment"),
            patch=True,
            example={"path": _AT, "body": {"isActive": False}},
            tag=_TAG,
        ),
        "DELETE": operation(
            "deleteSubscription",
            "6.11.3.3",
            Text("End a subscription", "Ein Abonnement beenden"),
            Text("For its owner and administrators.", "Für Besitzer und Verwaltung."),
            (DONE,),
            query=("local",),
            path=_PATH,
            example={"path": _AT},
            tag=_TAG,
        ),
    },
}
