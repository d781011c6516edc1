"""What the addresses of the description answer."""

from __future__ import annotations

from typing import Final

from stadtkern.views._http.description import Answer, Description, Example, Operation, Parameter, Tag, Text

_TAG: Final = "description"
_HTML: Final = {"text/html": {"type": "string"}}
_LANGUAGE: Final = Parameter(
    name="lang", schema={"enum": ["en", "de"]}, text=Text("Language of the page", "Sprache der Seite")
)

DESCRIPTION: Final = Description(
    tags=(
        Tag(
            name=_TAG,
            title=Text("Description", "Beschreibung"),
            text=Text("What this server can do.", "Was dieser Server kann."),
        ),
    ),
    operations={
        (): {
            "GET": Operation(
                id="showStart",
                tag=_TAG,
                title=Text("The start page", "Die Startseite"),
                text=Text("Which doors there are.", "Welche Türen es gibt."),
                parameters=(_LANGUAGE,),
                answers=(Answer(status=200, text=Text("A page.", "Eine Seite."), schemas=_HTML),),
                example=Example(status=200),
                public=True,
            )
        },
        ("openapi",): {
            "GET": Operation(
                id="showReference",
                tag=_TAG,
                title=Text("This page", "Diese Seite"),
                text=Text("All operations, for people.", "Alle Operationen, für Menschen."),
                parameters=(_LANGUAGE,),
                answers=(Answer(status=200, text=Text("A page.", "Eine Seite."), schemas=_HTML),),
                example=Example(status=200, query={"lang": "de"}),
                public=True,
            )
        },
        ("openapi.json",): {
            "GET": Operation(
                id="readDocument",
                tag=_TAG,
                title=Text("The OpenAPI document", "Das OpenAPI-Dokument"),
                text=Text("All operations, for programs.", "Alle Operationen, für Programme."),
                answers=(
                    Answer(
                        status=200,
                        text=Text("OpenAPI 3.1.", "OpenAPI 3.1."),
                        schemas={"application/json": {"type": "object", "required": ["openapi", "info", "paths"]}},
                    ),
                ),
                example=Example(status=200),
                public=True,
            )
        },
    },
)
