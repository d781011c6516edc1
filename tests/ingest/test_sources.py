"""CSV and JSON files, good and hostile, to records."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData
from stadtkern.ingest.fault import Fault
from stadtkern.ingest.mapping.document import Source
from stadtkern.ingest.mapping.run import Record
from stadtkern.ingest.source import json_file
from stadtkern.ingest.source.base import Blank, Read, Spoiled
from stadtkern.ingest.source.csv_file import CsvFile
from stadtkern.ingest.source.json_file import Elements, JsonFile

CSV = Source(format="csv")


def read_csv(body: bytes, source: Source = CSV) -> list[Read]:
    return list(CsvFile(io.BytesIO(body), source))


def reasons(found: list[Read]) -> list[str]:
    return [one.reason for one in found if isinstance(one, Spoiled)]


def values(found: list[Read]) -> list[Any]:
    return [one.value for one in found if isinstance(one, Record)]


def test_csv_gives_trimmed_fields_by_column_and_lines_by_number() -> None:
    found = read_csv(b"a,b\r\n 1 , x\r\n\r\n,\r\n2,\r\n")
    assert values(found) == [{"a": "1", "b": "x"}, {"a": "2", "b": None}]
    assert [type(one) for one in found] == [Record, Blank, Blank, Record]
    assert [one.number for one in found] == [2, 3, 4, 5]


def test_csv_takes_quoted_line_ends_as_part_of_a_field() -> None:
    found = read_csv(b'a,b\n1,"x\ny"\n2,z\n')
    assert [(one.number, one.value["b"]) for one in found if isinstance(one, Record)] == [(2, "x\ny"), (4, "z")]


def test_csv_drops_a_byte_order_mark_and_skips_lines() -> None:
    source = Source(format="csv", skip_lines=1, delimiter=";")
    assert values(read_csv(b"\xef\xbb\xbfExport\na;b\n1;2\n", source)) == [{"a": "1", "b": "2"}]


def test_csv_without_a_header_takes_the_names_of_the_mapping() -> None:
    assert values(read_csv(b"1,2\n", Source(format="csv", header=["a", "b"]))) == [{"a": "1", "b": "2"}]


def test_csv_reads_other_encodings() -> None:
    assert values(read_csv("a\nMünster €\n".encode("cp1252"), Source(format="csv", encoding="windows-1252"))) == [
        {"a": "Münster €"}
    ]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the file is empty"),
        (b"\n1,2\n", "blank"),
        (b"a,b,a\n1,2,3\n", "'a' occurs more than once (columns 1, 3)"),
        (b"a,\xff\n", "not valid UTF-8"),
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        (b"a\0b\n", "NUL"),
        (b"x" * 1_000_100 + b"\n", "longer than"),
    ],
)
def test_csv_with_a_bad_header_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(Fault) as caught:
        read_csv(body)
    assert reason in caught.value.reason


def test_csv_with_an_unknown_encoding_is_refused() -> None:
    with pytest.raises(BadRequestData, match="EBCDIC"):
        read_csv(b"a\n", Source(format="csv", encoding="EBCDIC"))


def test_csv_loses_only_the_line_that_is_broken() -> None:
    body = b"a,b\n1,2\n\xff\xfe,3\n4\0,5\n" + b"y" * 10_000_000 + b'"\n6,7\n'
    found = read_csv(body)
    assert values(found) == [{"a": "1", "b": "2"}, {"a": "6", "b": "7"}]
    assert [text.split(" ", 2)[2] for text in reasons(found)] == [
        "is not valid UTF-8 at its byte 1",
        "contains the character NUL",
        "is longer than 1000000 bytes",
    ]


def test_csv_with_an_open_quotation_mark_says_which_lines_it_swallowed() -> None:
    found = read_csv(b'a,b\n1,"2\n' + b"3,4\n" * 40_000 + b"5,6\n")
    assert "a quotation mark is opened and not closed" in reasons(found)[0]
    assert reasons(found)[0].startswith("lines 2 to ")
    assert values(found)[-1] == {"a": "5", "b": "6"}


def test_csv_says_when_a_line_is_too_long_or_too_short() -> None:
    found = read_csv(b"a,b\n1,2,3\n4\n")
    assert [one.wrong is not None for one in found if isinstance(one, Record)] == [True, True]
    relaxed = Source(format="csv", extra_fields="ignore", missing_fields="empty")
    assert [one.wrong for one in read_csv(b"a,b\n1,2,3\n4\n", relaxed) if isinstance(one, Record)] == [None, None]


def test_csv_takes_missing_words_for_nothing() -> None:
    assert values(read_csv(b"a,b,c\n-,n/a,0\n", Source(format="csv", missing=["", "-", "n/a"]))) == [
        {"a": None, "b": None, "c": "0"}
    ]


def elements(body: bytes, *, features: bool = False) -> list[Any]:
    return [json.loads(one.text) for one in Elements(io.BytesIO(body), features=features)]


@pytest.mark.parametrize(
    "body",
    [
        b'[{"a": 1}, {"a": "}]\\""}]',
        b'{"a": 1}\n{"a": "}]\\""}\n',
        b'{"a": 1}{"a": "}]\\""}',
        b'\xef\xbb\xbf [ {"a":1},{"a": "}]\\""} ] ',
        b'[{"a": 1}][{"a": "}]\\""}]',
    ],
)
def test_elements_come_out_of_arrays_lines_and_rows(body: bytes) -> None:
    assert elements(body) == [{"a": 1}, {"a": '}]"'}]


def test_elements_of_a_collection_are_its_features() -> None:
    features = b'[{"type": "Feature", "x": [{}]}, {"type": "Feature"}]'
    body = b'{"type": "FeatureCollection", "bbox": [1, 2], "features": ' + features + b', "more": {"features": [1]}}'
    assert elements(body, features=True) == [{"type": "Feature", "x": [{}]}, {"type": "Feature"}]
    assert elements(body) == [json.loads(body)]


def test_empty_array_has_no_elements_and_is_no_empty_file() -> None:
    assert elements(b" [ ] ") == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b'[{"a": 1}', "in the middle"),
        (b'[{"a": "1}]', "in the middle"),
        (b'[{"a": 1}]}', "where none belongs"),
        (b'[{"a": 1]]', "where none belongs"),
        (b"[" * 300, "nested deeper"),
        (b"\xff\xfe[\x00", "UTF-16"),
    ],
)
def test_file_that_is_no_json_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(Fault) as caught:
        elements(body)
    assert reason in caught.value.reason


def test_json_keeps_the_records_around_a_bad_one() -> None:
    body = b'[{"a": 1}, 5, "x", {"a": 0x1}, {"a": "\\u0000"}, {"a": 2}, null]'
    found = list(JsonFile(io.BytesIO(body), geojson=False))
    assert values(found) == [{"a": 1}, {"a": 2}]
    assert [one.number for one in found if isinstance(one, Spoiled)] == [2, 3, 4, 6]


def test_element_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_file, "MAX_ELEMENT", 1000)
    monkeypatch.setattr(json_file, "_CHUNK", 100)
    with pytest.raises(Fault, match="element 2 of the file is larger"):
        elements(b'[{"a": 1}, {"b": "' + b"x" * 5000 + b'"}]')


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(
    objects=st.lists(st.dictionaries(st.text(max_size=4), _JSON, max_size=3), max_size=6),
    form=st.sampled_from(["array", "lines", "features"]),
    chunk=st.integers(1, 40),
    indent=st.sampled_from([None, 1]),
)
def test_elements_are_the_same_wherever_the_file_is_cut(
    objects: list[Any], form: str, chunk: int, indent: int | None
) -> None:
    if form == "array":
        body = json.dumps(objects, indent=indent)
    elif form == "features":
        body = json.dumps({"x": {"features": 1}, "features": objects, "y": [{}]}, indent=indent)
    else:
        body = "\n".join(json.dumps(one, indent=indent) for one in objects) or "[]"
    before = json_file._CHUNK
    json_file._CHUNK = chunk  # type: ignore[misc]
    try:
        assert elements(body.encode(), features=form == "features") == objects
    finally:
        json_file._CHUNK = before  # type: ignore[misc]


def test_geojson_gives_properties_and_geometry() -> None:
    geometry = b'{"type": "Point", "coordinates": [1, 2]}'
    body = b'{"type": "Feature", "id": 7, "properties": null, "geometry": ' + geometry + b"}"
    found = list(JsonFile(io.BytesIO(body + b'{"type": "Nothing"}'), geojson=True))
    first = found[0]
    assert isinstance(first, Record)
    assert (first.value, first.feature["id"], first.geometry["type"]) == ({}, 7, "Point")
    assert "no GeoJSON Feature" in reasons(found)[0]
