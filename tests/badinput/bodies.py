"""Bodies that no operation can accept, and entities that are wrong in one place, each with its name."""

from __future__ import annotations

import copy
import functools
import json
from typing import Any

MEGABYTE = 1024 * 1024
TEXT_10_MB = "x" * (10 * MEGABYTE)
ID = "urn:ngsi-ld:Thing:bad"
TIME = "2026-03-01T12:00:00Z"


def nested(opening: str, closing: str, depth: int, core: str = "") -> bytes:
    """Give JSON text nested so deep."""
    return (opening * depth + core + closing * depth).encode()


def _members(number: int) -> bytes:
    """Give so many members of an object, each an attribute in its shortest form."""
    return b",".join(b'"k%d":1' % at for at in range(number))


NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \r\n\t ",
    "open object": b"{",
    "open member": b'{"id":',
    "open text": b'{"id": "urn:x:1',
    "half a word": b'{"id": tru}',
    "trailing comma": b'{"id": "urn:x:1",}',
    "single quotes": b"{'id': 'urn:x:1'}",
    "comment": b'{"id": "urn:x:1" /* x */}',
    "two documents": b'{"id": "urn:x:1"} {"id": "urn:x:2"}',
    "byte order mark": b'\xef\xbb\xbf{"id": "urn:x:1", "type": "T"}',
    "invalid UTF-8": b'{"id": "urn:x:\xff", "type": "T"}',
    "overlong UTF-8": b'{"id": "urn:x:\xc0\xaf", "type": "T"}',
    "encoded surrogate": b'{"id": "urn:x:\xed\xa0\x80", "type": "T"}',
    "UTF-16": '{"id": "urn:x:1", "type": "T"}'.encode("utf-16"),
    "raw NUL": b'{"id": "urn:x:1\x00", "type": "T"}',
    "only NUL": b"\x00" * 100,
    "raw newline in text": b'{"id": "urn:x:\n1", "type": "T"}',
    "NaN": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": NaN}}',
    "Infinity": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": -Infinity}}',
    "hexadecimal": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 0x10}}',
    "leading zero": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 012}}',
    "bad escape": b'{"id": "urn:x:\\x41", "type": "T"}',
    "short escape": b'{"id": "urn:x:\\u12", "type": "T"}',
    "form": b"id=urn:x:1&type=T",
    "XML": b"<entity id='urn:x:1'/>",
    "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}.",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\xae\x05\x00\x43\xbf\xa6\xa3\x02\x00\x00\x00",
    "100,000 open arrays": b"[" * 100_000,
    "100,000 open objects": b'{"a":' * 100_000,
    "10 MB without sense": b"\xfe" * (10 * MEGABYTE),
}
"""To be answered with 400."""

NEVER_GOOD: dict[str, bytes] = {
    "number": b"1",
    "huge number": b"1" * 100_000,
    "1e400": b"1e400",
    "text": b'"x"',
    "null": b"null",
    "true": b"true",
    "array of arrays": b"[[]]",
    "array of nulls": b"[null]",
    "10,000 arrays deep": nested("[", "]", 10_000),
    "10,000 objects deep": nested('{"a":', "}", 10_000, "1"),
    "10,000 deep in a member": b'{"id": "urn:x:1", "type": "T", "a": ' + nested("[", "]", 10_000) + b"}",
    "100 deep in a value": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": '
    + nested("[", "]", 100)
    + b"}}",
    "integer of 400 digits in a value": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": [-%s]}}'
    % (b"9" * 400),
    "1e400 in a value": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 1e400}}',
    "NUL escape in a value": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": "\\u0000"}}',
    "NUL escape in a name": b'{"id": "urn:x:1", "type": "T", "a\\u0000": {"type": "Property", "value": 1}}',
    "lone surrogate": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": "\\ud800"}}',
    "10 MB text": json.dumps(TEXT_10_MB).encode(),
    "10 MB name": json.dumps({TEXT_10_MB: 1}).encode(),
    "10 MB id": json.dumps({"id": "urn:x:" + TEXT_10_MB, "type": "T"}).encode(),
    "10 MB type": json.dumps({"id": ID, "type": TEXT_10_MB, "@context": TEXT_10_MB}).encode(),
    "30 MB of empty objects": b"[" + b"{}," * (10 * MEGABYTE) + b"{}]",
    "30 MB of empty arrays in a value": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": ['
    + b"[]," * (10 * MEGABYTE)
    + b"[]]}}",
    "20,000 attributes": b'{"id": "urn:x:1", "type": "T",' + _members(20_000) + b"}",
    "900,000 attributes": b'{"id": "urn:x:1", "type": "T",' + _members(900_000) + b"}",
    "900,000 sub-attributes": b'{"id": "urn:x:1", "type": "T", "a": {"type": "Property", "value": 1,'
    + _members(900_000)
    + b"}}",
    "batch of 100,000": json.dumps([{"id": f"urn:x:{n}", "type": "T"} for n in range(100_000)]).encode(),
    "100,000 bad ids": json.dumps(["x"] * 100_000).encode(),
}
"""JSON that nothing here can take, in whatever operation: to be answered with 4xx."""

_GOOD: dict[str, Any] = {"id": ID, "type": "Thing", "a": {"type": "Property", "value": 1, "observedAt": TIME}}
_RING = [[0, 0], [1, 0], [1, 1], [0, 0]]


@functools.cache
def wrong_entities() -> dict[str, dict[str, Any]]:
    """Give entities that are wrong in one place."""
    made: dict[str, dict[str, Any]] = {}
    for name, member, value in _WRONG_MEMBERS:
        made[name] = {**copy.deepcopy(_GOOD), member: value}
    for name, value in _WRONG_ATTRIBUTES.items():
        made[name] = {**copy.deepcopy(_GOOD), "a": value}
    for name, geometry in _WRONG_GEOMETRIES.items():
        made[f"geometry: {name}"] = {**copy.deepcopy(_GOOD), "a": {"type": "GeoProperty", "value": geometry}}
    for time in WRONG_TIMES:
        made[f"observedAt: {time!r:.40}"] = {**copy.deepcopy(_GOOD), "a": {**_GOOD["a"], "observedAt": time}}
        made[f"expiresAt: {time!r:.40}"] = {**copy.deepcopy(_GOOD), "expiresAt": time}
    return made


WRONG_TIMES: list[Any] = [
    "",
    "now",
    "2026-03-01",
    "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-03-01T25:00:00Z",
    "2026-03-01T00:61:00Z",
    "2026-03-01T00:00:00",
    "2026-03-01T00:00:00+99:99",
    "99999-01-01T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "2026-03-01T00:00:00." + "9" * 100 + "Z",
    "٢٠٢٦-٠٣-٠١T00:00:00Z",
    "2026-03-01T00:00:00Z\n",
    1772366400,
    1e300,
    None,
    True,
    [],
    {},
    ["2026-03-01T00:00:00Z"],
]

_WRONG_MEMBERS: list[tuple[str, str, Any]] = [
    ("id is no URI", "id", "no uri"),
    ("id is empty", "id", ""),
    ("id is a number", "id", 5),
    ("id is an object", "id", {}),
    ("id has spaces", "id", "urn:x: y"),
    ("id has 2,000 characters", "id", "urn:x:" + "y" * 2000),
    ("type is empty", "type", ""),
    ("type is an empty array", "type", []),
    ("type is a number", "type", 1),
    ("type is an object", "type", {"a": 1}),
    ("type is an array of numbers", "type", [1]),
    ("type is null", "type", None),
    ("scope is a number", "scope", 1),
    ("scope has 10,000 levels", "scope", "/a" * 10_000),
    ("scope has strange characters", "scope", "/a b/#"),
    ("attribute name is empty", "", {"type": "Property", "value": 1}),
    ("attribute name is a keyword", "@id", {"type": "Property", "value": 1}),
    ("attribute name has a space", "a b", {"type": "Property", "value": 1}),
    ("attribute name has 10,000 characters", "n" * 10_000, {"type": "Property", "value": 1}),
    ("attribute name has control characters", "a\x01b", {"type": "Property", "value": 1}),
]
_WRONG_ATTRIBUTES: dict[str, Any] = {
    "attribute of an unknown type": {"type": "Nonsense", "value": 1},
    "attribute type is a number": {"type": 1, "value": 1},
    "attribute without a value": {"type": "Property"},
    "attribute with null as value": {"type": "Property", "value": None},
    "relationship to a number": {"type": "Relationship", "object": 1},
    "relationship to no URI": {"type": "Relationship", "object": "no uri"},
    "relationship to nothing": {"type": "Relationship", "object": []},
    "language map is a text": {"type": "LanguageProperty", "languageMap": "x"},
    "language map of numbers": {"type": "LanguageProperty", "languageMap": {"en": 1}},
    "language that is none": {"type": "LanguageProperty", "languageMap": {"!!": "x"}},
    "vocabulary of numbers": {"type": "VocabProperty", "vocab": 1},
    "list that is none": {"type": "ListProperty", "valueList": 1},
    "list of relationships to texts": {"type": "ListRelationship", "objectList": ["no uri"]},
    "dataset that is no URI": {"type": "Property", "value": 1, "datasetId": "no uri"},
    "dataset that is a number": {"type": "Property", "value": 1, "datasetId": 1},
    "two instances of one dataset": [{"type": "Property", "value": 1}, {"type": "Property", "value": 2}],
    "unit that is an object": {"type": "Property", "value": 1, "unitCode": {}},
    "sub-attribute that is wrong": {"type": "Property", "value": 1, "b": {"type": "Property"}},
}
_WRONG_GEOMETRIES: dict[str, Any] = {
    "null": None,
    "text": "x",
    "JSON text that is none": "{",
    "unknown type": {"type": "Circle", "coordinates": [0, 0]},
    "collection": {"type": "GeometryCollection", "geometries": []},
    "without coordinates": {"type": "Point"},
    "coordinates are a text": {"type": "Point", "coordinates": "0,0"},
    "coordinates are an object": {"type": "Point", "coordinates": {}},
    "one number": {"type": "Point", "coordinates": [1]},
    "no number": {"type": "Point", "coordinates": []},
    "texts": {"type": "Point", "coordinates": ["1", "2"]},
    "nulls": {"type": "Point", "coordinates": [None, None]},
    "truths": {"type": "Point", "coordinates": [True, False]},
    "too far north": {"type": "Point", "coordinates": [0, 91]},
    "too far east": {"type": "Point", "coordinates": [181, 0]},
    "astronomic": {"type": "Point", "coordinates": [1e308, -1e308]},
    "an integer without end": {"type": "Point", "coordinates": [10**300, 0]},
    "a level too deep": {"type": "Point", "coordinates": [[0, 0]]},
    "a level too flat": {"type": "Polygon", "coordinates": _RING},
    "open ring": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
    "ring of three": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [0, 0]]]},
    "no ring": {"type": "Polygon", "coordinates": []},
    "empty ring": {"type": "Polygon", "coordinates": [[]]},
    "line of one": {"type": "LineString", "coordinates": [[0, 0]]},
    "200,000 positions": {"type": "LineString", "coordinates": [[0, 0]] * 200_000},
}
STRANGE_GEOMETRIES: dict[str, Any] = {
    "crossing itself": {"type": "Polygon", "coordinates": [[[0, 0], [2, 2], [2, 0], [0, 2], [0, 0]]]},
    "hole outside": {"type": "Polygon", "coordinates": [_RING, [[5, 5], [6, 5], [6, 6], [5, 5]]]},
    "without area": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 2], [0, 0]]]},
    "all in one point": {"type": "Polygon", "coordinates": [[[1, 1], [1, 1], [1, 1], [1, 1]]]},
    "line in one point": {"type": "LineString", "coordinates": [[1, 1], [1, 1]]},
    "over the date line": {"type": "Polygon", "coordinates": [[[179, 0], [-179, 0], [-179, 1], [179, 1], [179, 0]]]},
    "around the pole": {"type": "Polygon", "coordinates": [[[-180, 80], [0, 90], [180, 80], [-180, 80]]]},
    "with heights": {"type": "Point", "coordinates": [1, 2, 1e6]},
    "tiny numbers": {"type": "Point", "coordinates": [5e-324, -5e-324]},
    "twice the same part": {"type": "MultiPolygon", "coordinates": [[_RING], [_RING]]},
}
"""Geometries that are odd and accepted."""
