"""What the addresses for supervisors answer."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Answer, Description, Example, Operation, Tag, Text

_PLAIN: Final = {"text/plain": {"type": "string"}}
_TAG: Final = "operation"

DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name=_TAG,
            title=Text("Operation", "Betrieb"),
            text=Text(
                "For supervisors, load balancers and Prometheus.", "Für Dienstaufsicht, Lastverteiler, Prometheus."
            ),
        ),
    ),
    operations={
        ("livez",): {
            "GET": Operation(
                id="isAlive",
                tag=_TAG,
                title=Text("Is the process alive?", "Lebt der Prozess?"),
                text=Text("Answers without asking the store.", "Antwortet, ohne den Speicher zu fragen."),
                answers=(Answer(status=200, text=Text("It is.", "Ja."), schemas=_PLAIN),),
                example=Example(status=200),
                public=True,
            )
        },
        ("readyz",): {
            "GET": Operation(
                id="isReady",
                tag=_TAG,
                title=Text("Can it serve?", "Kann er antworten?"),
                text=Text("Asks the store for something small.", "Fragt den Speicher etwas Kleines."),
                answers=(Answer(status=200, text=Text("It can.", "Ja."), schemas=_PLAIN),),
                example=Example(status=200),
                problems=(503,),
                public=True,
            )
        },
        ("metrics",): {
            "GET": Operation(
                id="readMetrics",
                tag=_TAG,
                title=Text("Numbers for Prometheus", "Kennzahlen für Prometheus"),
                text=Text(
                    "For this machine and the administrator; the setting STADTKERN_METRICS opens or closes it.",
                    "Für diesen Rechner und die Verwaltung; die Einstellung STADTKERN_METRICS ändert das.",
                ),
                answers=(
                    Answer(status=200, text=Text("Prometheus' text format.", "Prometheus-Textformat."), schemas=_PLAIN),
                ),
                example=Example(status=200),
                problems=(401, 403),
            )
        },
    },
)
