"""The ``notification`` member of a subscription: what is shown, and where it goes.

Spec: CIM 009 5.2.14 (NotificationParams), 5.2.15 (Endpoint), 5.2.22 (KeyValuePair).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, cast, get_args
from urllib.parse import SplitResult, urlsplit

import re2

from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import Context
from stadtkern.model.ids import Iri
from stadtkern.model.mqtt import MQTT_SCHEMES, parse_mqtt_endpoint
from stadtkern.model.subscription import (
    EVENTS_URI,
    Endpoint,
    NotificationAccept,
    NotificationFormat,
    NotificationParams,
)
from stadtkern.query.projection import parse_projection
from stadtkern.views.ngsild.parse_members import (
    located,
    read_amount,
    read_boolean,
    read_count,
    read_members,
    read_pairs,
    read_texts,
    read_uri,
    read_word,
)
from stadtkern.views.ngsild.parse_terms import expand_attribute

POINTER: Final = "/notification"
_ENDPOINT: Final = "/notification/endpoint"
_FORMATS: Final[dict[str, NotificationFormat]] = {
    "normalized": "normalized",
    "concise": "concise",
    "simplified": "simplified",
    "keyValues": "simplified",
}
COUNTERS: Final = frozenset({"status", "timesSent", "timesFailed", "lastNotification", "lastSuccess", "lastFailure"})
"""What this server says of a delivery; ignored where a client sends it back."""
_MEMBERS: Final = frozenset(
    {"attributes", "pick", "omit", "format", "endpoint", "sysAttrs", "showChanges", "join", "joinLevel", *COUNTERS}
)
_ENDPOINT_MEMBERS: Final = frozenset({"uri", "accept", "timeout", "cooldown", "receiverInfo", "notifierInfo"})
_HEADER_NAME = re2.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_HEADER_VALUE = re2.compile(r"[\t\x20-\x7e]*")
_LONGEST_VALUE: Final = 4096
_OWN_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers of the connection, not of what is sent."""
MAX_JOIN: Final = 10


def parse_notification(tree: Any, context: Context) -> tuple[NotificationParams, list[str]]:
    """Read the member; also tells which members were written although they equal their default.

    Raises: BadRequestData.
    """
    members = read_members(tree, POINTER, _MEMBERS)
    if members.get("endpoint") is None:
        raise BadRequestData("notification has no endpoint", pointer=_ENDPOINT)
    endpoint, given = _parse_endpoint(members["endpoint"])
    params = NotificationParams(
        endpoint=endpoint,
        attributes=_parse_attributes(members, context),
        pick=_parse_projection(members, "pick"),
        omit=_parse_projection(members, "omit"),
        format=_parse_format(members),
        sys_attrs=read_boolean(members.get("sysAttrs", False), f"{POINTER}/sysAttrs"),
        show_changes=read_boolean(members.get("showChanges", False), f"{POINTER}/showChanges"),
        join=_parse_join(members),
        join_level=_parse_join_level(members),
    )
    _check(params, context)
    return params, [*given, *(f"notification.{name}" for name in _DEFAULTED if name in members), *_spelling(members)]


_DEFAULTED: Final = ("format", "sysAttrs", "showChanges", "join", "joinLevel")


def _spelling(members: Mapping[str, Any]) -> list[str]:
    """Remember the older name of the simplified format, for those who wrote it."""
    return ["keyValues"] if members.get("format") == "keyValues" else []


def _check(params: NotificationParams, context: Context) -> None:
    """Check what members say together. Raises: BadRequestData."""
    if params.attributes is not None and (params.pick is not None or params.omit is not None):
        raise BadRequestData("attributes cannot be combined with pick or omit", pointer=f"{POINTER}/attributes")
    if params.show_changes and params.format == "simplified":
        raise BadRequestData(
            "showChanges needs a format with metadata: normalized or concise", pointer=f"{POINTER}/showChanges"
        )
    with located(POINTER):
        projection = parse_projection(params.pick, params.omit, None, context.expand_term)
    if projection.depth > (params.join_level if params.join is not None else 0):
        raise BadRequestData("pick or omit follow relationships farther than join does", pointer=POINTER)


def _parse_attributes(members: Mapping[str, Any], context: Context) -> tuple[Iri, ...] | None:
    if "attributes" not in members:
        return None
    pointer = f"{POINTER}/attributes"
    return tuple(expand_attribute(name, context, pointer) for name in read_texts(members["attributes"], pointer))


def _parse_projection(members: Mapping[str, Any], name: Literal["pick", "omit"]) -> str | None:
    return ",".join(read_texts(members[name], f"{POINTER}/{name}")) if name in members else None


def _parse_format(members: Mapping[str, Any]) -> NotificationFormat:
    return _FORMATS[read_word(members.get("format", "normalized"), f"{POINTER}/format", tuple(_FORMATS))]


def _parse_join(members: Mapping[str, Any]) -> Literal["inline", "flat"] | None:
    word = read_word(members.get("join", "@none"), f"{POINTER}/join", ("inline", "flat", "@none"))
    return None if word == "@none" else cast('Literal["inline", "flat"]', word)


def _parse_join_level(members: Mapping[str, Any]) -> int:
    level = read_count(members.get("joinLevel", 1), f"{POINTER}/joinLevel")
    if level > MAX_JOIN:
        raise BadRequestData(f"joinLevel is {level}; at most {MAX_JOIN}", pointer=f"{POINTER}/joinLevel")
    return level


def _parse_endpoint(tree: Any) -> tuple[Endpoint, list[str]]:
    members = read_members(tree, _ENDPOINT, _ENDPOINT_MEMBERS)
    accept = read_word(members.get("accept", "application/json"), f"{_ENDPOINT}/accept", get_args(NotificationAccept))
    endpoint = Endpoint(
        uri=read_uri(members.get("uri"), f"{_ENDPOINT}/uri"),
        accept=cast("NotificationAccept", accept),
        timeout_ms=_milliseconds(members, "timeout"),
        cooldown_ms=_milliseconds(members, "cooldown"),
        receiver_info=_pairs(members, "receiverInfo"),
        notifier_info=_pairs(members, "notifierInfo"),
    )
    _check_uri(endpoint)
    return endpoint, ["notification.endpoint.accept"] if "accept" in members else []


def _milliseconds(members: Mapping[str, Any], name: str) -> int | None:
    if name not in members:
        return None
    return max(1, round(read_amount(members[name], f"{_ENDPOINT}/{name}")))


def _pairs(members: Mapping[str, Any], name: Literal["receiverInfo", "notifierInfo"]) -> tuple[tuple[str, str], ...]:
    return read_pairs(members[name], f"{_ENDPOINT}/{name}", _check_header) if name in members else ()


def _check_header(key: str, value: str, pointer: str) -> None:
    if _HEADER_NAME.fullmatch(key) is None or key.lower() in _OWN_HEADERS:
        raise BadRequestData(f"{key[:80]!r} is not a header that can be sent along", pointer=pointer)
    if len(value) > _LONGEST_VALUE or _HEADER_VALUE.fullmatch(value) is None:
        raise BadRequestData(f"The value of {key[:80]!r} cannot be sent as a header", pointer=pointer)


def _check_uri(endpoint: Endpoint) -> None:
    """Check that the address is one that notifications can go to. Raises: BadRequestData."""
    pointer = f"{_ENDPOINT}/uri"
    if endpoint.uri == EVENTS_URI:
        return
    parts = _split(endpoint.uri, pointer)
    if parts.scheme in MQTT_SCHEMES:
        try:
            parse_mqtt_endpoint(endpoint)
        except ValueError as error:
            raise BadRequestData(str(error), pointer=_ENDPOINT) from error
    elif parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadRequestData(
            "Notifications cannot be sent to this kind of address",
            hint=f"http, https, mqtt or mqtts, or {EVENTS_URI} to read them as a stream",
            pointer=pointer,
        )
    elif parts.username is not None or parts.password is not None:
        raise BadRequestData(
            "An http address with a user name or password is not sent to",
            hint="put an Authorization header into receiverInfo",
            pointer=pointer,
        )


def _split(uri: str, pointer: str) -> SplitResult:
    try:
        parts = urlsplit(uri)
        _ = parts.port
    except ValueError as error:
        raise BadRequestData(f"The address cannot be read: {error}", pointer=pointer) from error
    return parts


def hide_credentials(uri: str) -> str:
    """Give an address without the user name and password that stand in it."""
    scheme, found, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{found}{authority.rpartition('@')[2]}{slash}{path}" if "@" in authority else uri


def projection_names(text: str) -> Sequence[str]:
    """Split a projection text into the list that it was written as: at the commas that stand in no braces."""
    names: list[str] = [""]
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if character in ",|" and not depth:
            names.append("")
        else:
            names[-1] += character
    return [name.strip() for name in names]
