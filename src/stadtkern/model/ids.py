"""Identifiers: what they are and what they may look like."""

from __future__ import annotations

import re
from typing import NewType

from stadtkern.errors import BadRequestData, quoted

EntityId = NewType("EntityId", str)
"""The URI of an entity."""
Iri = NewType("Iri", str)
"""An expanded name: of a type, an attribute, a vocabulary term. Core terms stay short and are no Iri."""
TenantId = NewType("TenantId", str)
"""Name of a tenant: lower case, fit for a file and a schema name."""

DEFAULT_TENANT = TenantId("default")
NGSI_LD_NULL = "urn:ngsi-ld:null"
"""The stand-in for JSON null in patches (CIM 009 4.5.0)."""
MAX_URI_BYTES = 1000
"""Index keys of both engines hold two such URIs; real ones stay below 200."""

# own patterns, no repetition inside repetition: the standard library is linear on them, and faster than RE2's binding
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+")
_HIDDEN = re.compile(
    "[\u0080-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f"
    "\u2800\u3000\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff]"
)
"""Spaces, invisible and bidirectional control characters, noncharacters: an id with one of them looks like another."""
_TENANT = re.compile(r"[a-z][a-z0-9_]{0,47}")


def is_uri(text: str) -> bool:
    """Tell whether a text is an absolute URI or IRI (RFC 3986/3987, with a scheme)."""
    short = len(text) <= MAX_URI_BYTES and (text.isascii() or len(text.encode()) <= MAX_URI_BYTES)
    return short and _URI.fullmatch(text) is not None and (text.isascii() or _HIDDEN.search(text) is None)


def parse_entity_id(text: object, pointer: str = "/id") -> EntityId:
    """Check an entity's id. Raises: BadRequestData. Spec: CIM 009 4.6.1 (an id is a URI)."""
    if not isinstance(text, str) or not is_uri(text):
        long = isinstance(text, str) and len(text.encode(errors="replace")) > MAX_URI_BYTES
        fault = f"is longer than {MAX_URI_BYTES} bytes" if long else "is not a URI"
        raise BadRequestData(f"The id {quoted(text)} {fault}", pointer=pointer)
    return EntityId(text)


def parse_tenant_id(text: str) -> TenantId:
    """Check a tenant's name: a letter, then letters, digits, underscores; at most 48 characters; case is folded."""
    folded = text.strip().lower().replace("-", "_")
    if _TENANT.fullmatch(folded) is None:
        raise BadRequestData(
            f"The tenant name {quoted(text)} is not allowed",
            hint="a letter, then letters, digits, '-' or '_'; at most 48 characters",
        )
    return TenantId(folded)
