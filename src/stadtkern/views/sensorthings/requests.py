"""What a writing request says beside its address: its media type, and what its writer wants back."""

from __future__ import annotations

from typing import Final

from stadtkern.errors import Forbidden, UnsupportedMediaType
from stadtkern.views._http.message import Request

JSON: Final = "application/json"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"


def media_type(request: Request, *allowed: str) -> str:
    """Give the media type of the body, without parameters.

    A page from elsewhere can send other types, and none at all, without asking first. Raises: UnsupportedMediaType.
    """
    given = (request.header("content-type") or "").partition(";")[0].strip().lower()
    if given in allowed:
        return given
    shown = repr(given[:100]) if given else "nothing"
    raise UnsupportedMediaType(f"The body has to be {' or '.join(allowed)}; the Content-Type header says {shown}")


def check_sees(request: Request) -> None:
    """Refuse who may only add values what begins with a look at what is there. Raises: Forbidden."""
    if request.grant.action == "record":
        raise Forbidden("This key belongs to a source: it may add values, not change what is there")


def wants_representation(request: Request) -> bool:
    """Tell whether the writer wants to see the entity as it is now; who may only add values sees nothing.

    Spec: RFC 7240 4.2.
    """
    preferences = (request.header("prefer") or "").lower().replace(" ", "").replace(";", ",").split(",")
    return "return=representation" in preferences and request.grant.action != "record"
