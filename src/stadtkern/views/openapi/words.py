"""The words of the pages, in their two languages, and the choice between them."""

from __future__ import annotations

from typing import Final, Literal

from stadtkern.views._http.description import Text

Language = Literal["en", "de"]
LANGUAGES: Final[tuple[Language, ...]] = ("en", "de")
NAMES: Final[dict[Language, str]] = {"en": "English", "de": "Deutsch"}
_MAX_RANGES: Final = 32

WORDS: Final = {
    "reference": Text("The interfaces of this server", "Die Schnittstellen dieses Servers"),
    "skip": Text("Skip to the content", "Zum Inhalt springen"),
    "languages": Text("Language", "Sprache"),
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
}


def say(language: Language, text: Text) -> str:
    """Give a text in a language."""
    return text.de if language == "de" else text.en


def choose_language(asked: str | None, accepted: str | None) -> Language:
    """Choose: what the address asks for, else the reader's first known language (RFC 9110 12.5.4), else English."""
    for language in LANGUAGES:
        if asked == language:
            return language
    best: tuple[float, Language] = (0.0, "en")
    for part in (accepted or "").split(",")[:_MAX_RANGES]:
        tag, _, parameters = part.partition(";")
        weight = _weight(parameters.strip())
        for language in LANGUAGES:
            if tag.strip().lower().split("-")[0] == language and weight > best[0]:
                best = (weight, language)
    return best[1]


def _weight(parameter: str) -> float:
    text = parameter.removeprefix("q=")
    digits = text.replace(".", "", 1)
    return float(text) if digits.isascii() and digits.isdecimal() and len(text) <= 6 else 1.0
