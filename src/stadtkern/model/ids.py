"""Identifiers: what they are and what they may look like."""

from __future__ import annotations

from typing import NewType

import re2

from stadtkern.errors import BadRequestData

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

_URI = re2.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:[^\x00-\x20<>\"{}|\\^`\x7f]+")
_TENANT = re2.compile(r"[a-z][a-z0-9_]{0,47}")


def is_uri(text: str) -> bool:
    """Tell whether a text is an absolute URI or IRI (RFC 3986/3987, with a scheme)."""
    short = len(text) <= MAX_URI_BYTES and (text.isascii() or len(text.encode()) <= MAX_URI_BYTES)
    return short and _URI.fullmatch(text) is not None


def parse_entity_id(text: object) -> EntityId:
    """Check an entity's id. Raises: BadRequestData. Spec: CIM 009 4.6.1 (an id is a URI)."""
    if not isinstance(text, str) or not is_uri(text):
        shown = repr(text)[:80]
        raise BadRequestData(f"The id {shown} is not a URI", pointer="/id")
    return EntityId(text)


def parse_tenant_id(text: str) -> TenantId:
    """Check a tenant's name: a letter, then letters, digits, underscores; at most 48 characters; case is folded."""
    folded = text.strip().lower().replace("-", "_")
    if _TENANT.fullmatch(folded) is None:
        raise BadRequestData(
            f"The tenant name {text[:80]!r} is not allowed",
            hint="a letter, then letters, digits, '-' or '_'; at most 48 characters",
        )
    return TenantId(folded)
