"""What the page of notifications is."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Answer, Description, Example, Operation, Parameter, Text

DESCRIPTION: Final = Description(
    tags=(),
    operations={
        ("notifications",): {
            "GET": Operation(
                id="showNotificationsPage",
                tag="notifications",
                title=Text("The page of notifications", "Die Seite der Benachrichtigungen"),
                text=Text(
                    "State, backlog, errors and a test of every subscription, for people; it asks for a token.",
                    "Zustand, Rückstand, Fehler und ein Test jedes Abonnements, für Menschen; sie fragt nach einem"
                    " Token.",
                ),
                parameters=(
                    Parameter(
                        name="lang",
                        schema={"enum": ["en", "de"]},
                        text=Text("Language of the page", "Sprache der Seite"),
                    ),
                ),
                answers=(
                    Answer(status=200, text=Text("A page.", "Eine Seite."), schemas={"text/html": {"type": "string"}}),
                ),
                example=Example(status=200, query={"lang": "de"}),
                public=True,
            )
        }
    },
)
