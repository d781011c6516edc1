"""The words of the page of notifications, in its two languages."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Text

PAGE_WORDS: Final = {
    "title": Text("How subscribers are told", "Wie Abonnenten benachrichtigt werden"),
    "intro": Text(
        "All subscriptions of a tenant: what waits, what went wrong, and a test of each receiver. Programs read the"
        " same at",
        "Alle Abonnements eines Mandanten: was wartet, was schiefging, und ein Test jedes Empfängers. Programme lesen"
        " dasselbe unter",
    ),
    "noscript": Text(
        "This page needs JavaScript; the interface it asks does not.",
        "Diese Seite braucht JavaScript; die Schnittstelle, die sie fragt, nicht.",
    ),
    "tenant": Text("Tenant", "Mandant"),
    "tenant_note": Text("empty: that of this address", "leer: der dieser Adresse"),
    "token": Text("Token or API key", "Token oder API-Schlüssel"),
    "token_note": Text("kept in this tab only", "bleibt nur in diesem Tab"),
    "show": Text("Show", "Anzeigen"),
    "forget": Text("Forget the token", "Token vergessen"),
    "refresh": Text("Refresh every 5 seconds", "Alle 5 Sekunden aktualisieren"),
    "caption": Text("Subscriptions, the oldest first", "Abonnements, das älteste zuerst"),
    "pages": Text("Pages", "Seiten"),
    "previous": Text("Previous page", "Vorige Seite"),
    "next": Text("Next page", "Nächste Seite"),
}
"""What stands in the page."""
COLUMNS: Final = {
    "subscription": Text("Subscription", "Abonnement"),
    "endpoint": Text("Receiver", "Empfänger"),
    "state": Text("State", "Zustand"),
    "waiting": Text("Waiting", "Wartend"),
    "sent": Text("Sent", "Gesendet"),
    "failed": Text("Failed", "Gescheitert"),
    "dropped": Text("Given up", "Aufgegeben"),
    "success": Text("Last success", "Letzter Erfolg"),
    "failure": Text("Last failure", "Letzter Fehler"),
    "test": Text("Test", "Test"),
}
SCRIPT_WORDS: Final = {
    "seconds": Text("{n} s", "{n} s"),
    "minutes": Text("{n} min", "{n} min"),
    "hours": Text("{n} h", "{n} h"),
    "paused": Text("paused", "angehalten"),
    "expired": Text("expired", "abgelaufen"),
    "idle": Text("nothing waits", "nichts wartet"),
    "sending": Text("sending", "sendet"),
    "throttled": Text("waits {left}, as the subscription asks for", "wartet noch {left}, wie vom Abonnement verlangt"),
    "retrying": Text("next try in {left}, after {n} failures", "nächster Versuch in {left}, nach {n} Fehlschlägen"),
    "stream": Text("read as a stream", "wird als Strom gelesen"),
    "elsewhere": Text(
        "delivered by another process, or not begun: no live figures here",
        "wird von einem anderen Prozess zugestellt oder ist noch nicht begonnen: hier ohne laufende Werte",
    ),
    "waitingSince": Text("{n}, the first for {since}", "{n}, das erste seit {since}"),
    "all": Text("{n} subscriptions.", "{n} Abonnements."),
    "some": Text("Subscriptions {first} to {last} of {n}.", "Abonnements {first} bis {last} von {n}."),
    "failing": Text("Receivers failing on this page: {n}.", "Nicht erreichte Empfänger auf dieser Seite: {n}."),
    "well": Text("No receiver is failing.", "Kein Empfänger ist gestört."),
    "at": Text("As of {time}", "Stand: {time}"),
    "test": Text("Test", "Testen"),
    "testOf": Text("Test {name}", "{name} testen"),
    "testing": Text("A test notification is on its way …", "Eine Test-Benachrichtigung ist unterwegs …"),
    "delivered": Text("Delivered in {time} ms.", "Zugestellt in {time} ms."),
    "undelivered": Text("Not delivered ({time} ms): {error}", "Nicht zugestellt ({time} ms): {error}"),
    "credentials": Text(
        "This page takes a token or an API key that may write.",
        "Diese Seite braucht ein Token oder einen API-Schlüssel mit Schreibrecht.",
    ),
    "unreachable": Text("The server does not answer.", "Der Server antwortet nicht."),
    "unreadable": Text("The server's answer cannot be read.", "Die Antwort des Servers ist nicht zu lesen."),
}
"""What the script says; ``{…}`` are values."""
