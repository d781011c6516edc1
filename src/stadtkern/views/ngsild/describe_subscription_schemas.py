"""Subscriptions as JSON Schema. Spec: CIM 009 5.2.12 to 5.2.15, 5.2.33."""

from __future__ import annotations

from typing import Any, Final

from stadtkern.model.subscription import EVENTS_URI, TRIGGERS
from stadtkern.views._http.description import Schema
from stadtkern.views.ngsild.describe_schemas import GEO_QUERY, INSTANT, NAME, URI, one_or_more

_TEXT: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": 10_000}
_FLAG: Final[Schema] = {"type": "boolean"}
_SECONDS: Final[Schema] = {"type": "number", "exclusiveMinimum": 0, "maximum": 1_000_000_000}
_COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
_NAMES: Final[Schema] = {"type": "array", "items": NAME, "minItems": 1, "maxItems": 1000}
_PAIRS: Final[Schema] = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["key", "value"],
        "properties": {"key": {"type": "string", "pattern": "^[A-Za-z-]{1,100}$"}, "value": {"type": "string"}},
        "additionalProperties": False,
    },
}
_ENDPOINT: Final[Schema] = {
    "type": "object",
    "required": ["uri"],
    "properties": {
        "uri": {**URI, "description": f"http, https, mqtt or mqtts; {EVENTS_URI} to read the events as a stream"},
        "accept": {"enum": ["application/json", "application/ld+json", "application/geo+json"]},
        "timeout": {**_SECONDS, "description": "Milliseconds"},
        "cooldown": {**_SECONDS, "description": "Milliseconds"},
        "receiverInfo": {**_PAIRS, "description": "Headers to send along"},
        "notifierInfo": {**_PAIRS, "description": "MQTT-Version and MQTT-QoS"},
    },
    "additionalProperties": False,
}
_PARAMS: Final[dict[str, Any]] = {
    "endpoint": _ENDPOINT,
    "attributes": _NAMES,
    "pick": _NAMES,
    "omit": _NAMES,
    "format": {"enum": ["normalized", "concise", "simplified", "keyValues"]},
    "sysAttrs": _FLAG,
    "showChanges": _FLAG,
    "join": {"enum": ["inline", "flat", "@none"]},
    "joinLevel": {"type": "integer", "minimum": 1, "maximum": 10},
}
_COUNTERS: Final[dict[str, Any]] = {
    "status": {"enum": ["ok", "failed"]},
    "timesSent": _COUNT,
    "timesFailed": _COUNT,
    "lastNotification": INSTANT,
    "lastSuccess": INSTANT,
    "lastFailure": INSTANT,
}
_SELECTOR: Final[Schema] = {
    "type": "object",
    "minProperties": 1,
    "properties": {"type": _TEXT, "id": one_or_more(URI), "idPattern": _TEXT},
    "additionalProperties": False,
}
_MEMBERS: Final[dict[str, Any]] = {
    "subscriptionName": _TEXT,
    "description": _TEXT,
    "entities": {"type": "array", "items": _SELECTOR, "minItems": 1, "maxItems": 100},
    "watchedAttributes": _NAMES,
    "notificationTrigger": {"type": "array", "items": {"enum": list(TRIGGERS)}, "minItems": 1},
    "timeInterval": {**_SECONDS, "description": "Seconds; instead of watchedAttributes"},
    "q": _TEXT,
    "geoQ": GEO_QUERY,
    "scopeQ": _TEXT,
    "lang": _TEXT,
    "datasetId": one_or_more(URI),
    "isActive": _FLAG,
    "expiresAt": INSTANT,
    "throttling": {**_SECONDS, "description": "Seconds between two notifications at least"},
    "jsonldContext": URI,
    "localOnly": _FLAG,
    "splitEntities": _FLAG,
    "expandValues": one_or_more(NAME),
    "jsonKeys": one_or_more(NAME),
}
_SENT: Final[Schema] = {
    "type": "object",
    "required": ["endpoint"],
    "properties": _PARAMS,
    "additionalProperties": False,
}
_SHOWN: Final[Schema] = {"type": "object", "required": ["endpoint"], "properties": {**_PARAMS, **_COUNTERS}}
_CONTEXT: Final[Schema] = {"type": ["string", "object", "array"]}
_TYPE: Final[Schema] = {"const": "Subscription"}

SUBSCRIPTION_SCHEMAS: Final[dict[str, Schema]] = {
    "NewSubscription": {
        "type": "object",
        "required": ["type", "notification"],
        "anyOf": [{"required": ["entities"]}, {"required": ["watchedAttributes"]}],
        "properties": {"id": URI, "type": _TYPE, **_MEMBERS, "notification": _SENT, "@context": _CONTEXT},
        "additionalProperties": False,
    },
    "SubscriptionFragment": {
        "type": "object",
        "properties": {"type": _TYPE, **_MEMBERS, "notification": _SENT, "@context": _CONTEXT},
        "additionalProperties": False,
    },
    "Subscription": {
        "type": "object",
        "required": ["id", "type", "notification", "status"],
        "properties": {
            "id": URI,
            "type": _TYPE,
            **_MEMBERS,
            "watchedAttributes": {"type": "array", "items": {"type": "string"}},
            "notification": _SHOWN,
            "status": {"enum": ["active", "paused", "expired"]},
            "createdAt": INSTANT,
            "modifiedAt": INSTANT,
        },
    },
}
