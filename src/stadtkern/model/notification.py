"""A notification as it goes out, whatever carries it."""

from __future__ import annotations

from msgspec import Struct


class Message(Struct, frozen=True, gc=False, kw_only=True):
    """A rendered notification. Spec: CIM 009 5.3.1, 6.3.8.

    headers: HTTP names and values beside Content-Type; over MQTT they are the ``metadata``.
    body: the notification, as JSON text.
    """

    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
