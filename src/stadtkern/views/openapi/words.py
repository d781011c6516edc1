"""The words of the pages, in their two languages."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Text

WORDS: Final = {
    "reference": Text("The interfaces of this server", "Die Schnittstellen dieses Servers"),
    "contents": Text("Contents", "Inhalt"),
    "intro": Text(
        "Every address of this server, with examples that work. Programs read the same as",
        "Alle Adressen dieses Servers, mit Beispielen, die funktionieren. Programme lesen dasselbe als",
    ),
    "access": Text(
        "Credentials go into the header Authorization (Bearer …) or X-API-Key. Another tenant is named by the header"
        " NGSILD-Tenant or by the prefix /t/{tenant}. Whatever cannot be done is answered by a problem document (RFC"
        " 9457) with a sentence.",
        "Zugangsdaten gehören in die Kopfzeile Authorization (Bearer …) oder X-API-Key. Einen anderen Mandanten nennt"
        " die Kopfzeile NGSILD-Tenant oder die Vorsilbe /t/{Mandant}. Was nicht geht, wird mit einem Satz beantwortet"
        " (Problemdokument, RFC 9457).",
    ),
    "parameters": Text("Parameters", "Parameter"),
    "parameters_intro": Text("What the operations above can be asked.", "Was sich den Operationen mitgeben lässt."),
    "name": Text("Name", "Name"),
    "place": Text("Place", "Ort"),
    "meaning": Text("Meaning", "Bedeutung"),
    "query": Text("query", "Abfrage"),
    "header": Text("header", "Kopfzeile"),
    "path": Text("path", "Pfad"),
    "body": Text("Body", "Inhalt"),
    "answers": Text("Answers", "Antworten"),
    "problems": Text("Problems", "Probleme"),
    "example": Text("Example", "Beispiel"),
    "home": Text("Start page", "Startseite"),
    "home_intro": Text(
        "An open urban data platform: data come in once, are kept once, and go out through open standards.",
        "Eine offene urbane Datenplattform: Daten kommen einmal herein, liegen einmal da und gehen über offene"
        " Standards wieder hinaus.",
    ),
    "doors": Text("Doors", "Türen"),
    "try": Text("To try", "Zum Ausprobieren"),
    "try_intro": Text(
        "Create something and read it again. Where the server does not let you write, it says so.",
        "Etwas anlegen und wieder lesen. Wo der Server das Schreiben nicht erlaubt, sagt er es.",
    ),
    "reading": Text("Reading in the browser", "Lesen im Browser"),
    "operation": Text("Operation", "Betrieb"),
    "notifications": Text("How subscribers are told", "Wie Abonnenten benachrichtigt werden"),
}
