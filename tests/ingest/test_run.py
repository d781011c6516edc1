"""Imports again, interrupted, in slices; and files that are no files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from stadtkern.errors import Problem, Unavailable
from stadtkern.ingest import collect
from stadtkern.ingest.bookmark import load_bookmark
from stadtkern.model.change import Outcome
from stadtkern.model.operation import Operation
from tests.ingest.import_run import EXAMPLES, FILES, Importer, mapping_of

COUNTS = """
source: {format: csv}
time: {value: t}
entities:
  - {id: "urn:x:{id}", type: X, observedAt: $time, attributes: {n: number(n)}}
  - {id: "urn:x:{id}", type: X, attributes: {name: id}}
"""


def counts(path: Path, rows: int, *, entities: int = 5, start: int = 0, add: int = 0) -> Path:
    lines = [
        f"{row % entities},2026-01-{1 + row // 1440:02}T{row // 60 % 24:02}:{row % 60:02}:00Z,{row + add}"
        for row in range(start, rows)
    ]
    path.write_text("id,t,n\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "SLICE_INSTANCES", 300)


class Faltering:
    """A sink that fails after some slices, either before it has written the next one or after."""

    def __init__(self, importer: Importer, slices: int, *, after: bool) -> None:
        self._importer = importer
        self._slices = slices
        self._after = after

    async def write(self, operations: Sequence[Operation], /) -> Sequence[Outcome | Problem]:
        self._slices -= 1
        if self._slices < 0:
            if self._after:
                await self._importer.target.write(operations)
            raise Unavailable("The store went away")
        return await self._importer.target.write(operations)


async def test_import_again_adds_nothing(importer: Importer) -> None:
    path = counts(importer.folder / "a.csv", 1000)
    (first,) = await importer.run(mapping_of(COUNTS), path)
    stored = await importer.count()
    (second,) = await importer.run(mapping_of(COUNTS), path)
    assert (first.written, first.records, second.written, second.rejected) == (1000 + 5, 1000, 0, 0)
    assert await importer.count() == stored
    assert len(await importer.history("urn:x:3", "n")) == 200


async def test_import_of_a_longer_file_adds_what_is_new(importer: Importer) -> None:
    await importer.run(mapping_of(COUNTS), counts(importer.folder / "a.csv", 500))
    (report,) = await importer.run(mapping_of(COUNTS), counts(importer.folder / "b.csv", 700, start=400))
    assert report.written == 200
    assert len(await importer.history("urn:x:0", "n")) == 140


async def test_import_of_corrected_values_replaces_them(importer: Importer) -> None:
    await importer.run(mapping_of(COUNTS), counts(importer.folder / "a.csv", 20))
    (report,) = await importer.run(mapping_of(COUNTS), counts(importer.folder / "b.csv", 20, add=100))
    assert (report.corrected, report.written) == (20, 20)
    history = await importer.history("urn:x:0", "n")
    assert list(history.values()) == [100, 105, 110, 115]
    assert (await importer.entity("urn:x:0"))["n"] == 115


@pytest.mark.parametrize("after", [False, True], ids=["before the commit", "between commit and bookmark"])
async def test_import_goes_on_where_it_was_interrupted(importer: Importer, after: bool) -> None:
    path = counts(importer.folder / "a.csv", 2000)
    with pytest.raises(Unavailable):
        await importer.run(mapping_of(COUNTS), path, bookmarks=True, sink=Faltering(importer, 3, after=after))
    (bookmark,) = (importer.folder / "imports").iterdir()
    (report,) = await importer.run(mapping_of(COUNTS), path, bookmarks=True)
    assert report.resumed > 500
    assert (report.records, report.rejected) == (2000, 0)
    for entity in range(5):
        history = await importer.history(f"urn:x:{entity}", "n")
        assert list(history.values()) == list(range(entity, 2000, 5))
    assert not bookmark.exists()


async def test_bookmark_is_not_believed_when_the_store_is_another(importer: Importer) -> None:
    path = counts(importer.folder / "a.csv", 2000)
    with pytest.raises(Unavailable):
        await importer.run(mapping_of(COUNTS), path, bookmarks=True, sink=Faltering(importer, 3, after=False))
    broker = importer.target._control.services.broker  # pyright: ignore
    from stadtkern.model.operation import DeleteHistory

    await broker.write(importer.target.grant, [DeleteHistory(f"urn:x:{entity}") for entity in range(5)])  # type: ignore[arg-type]
    (report,) = await importer.run(mapping_of(COUNTS), path, bookmarks=True)
    assert report.resumed == 0
    assert len(await importer.history("urn:x:0", "n")) == 400


async def test_bookmark_that_is_broken_is_passed_over(importer: Importer) -> None:
    path = counts(importer.folder / "a.csv", 1000)
    with pytest.raises(Unavailable):
        await importer.run(mapping_of(COUNTS), path, bookmarks=True, sink=Faltering(importer, 1, after=False))
    (bookmark,) = (importer.folder / "imports").iterdir()
    bookmark.write_bytes(b"{")
    assert load_bookmark(bookmark) is None
    (report,) = await importer.run(mapping_of(COUNTS), path, bookmarks=True)
    assert report.resumed == 0
    assert len(await importer.history("urn:x:0", "n")) == 200


async def test_import_tells_of_two_values_with_one_time(importer: Importer) -> None:
    path = importer.folder / "a.csv"
    path.write_text("id,t,n\n1,2026-01-01T00:00:00Z,1\n1,2026-01-01T00:00:00Z,2\n1,2026-01-01T00:00:00Z,2\n")
    (report,) = await importer.run(mapping_of(COUNTS), path)
    assert report.oddities["same time twice, last value counts"].count == 1
    assert await importer.history("urn:x:1", "n") == {"2026-01-01T00:00:00Z": 2}


async def test_rejected_records_come_with_line_field_reason_and_content(importer: Importer) -> None:
    path = importer.folder / "a.csv"
    path.write_bytes(
        b"id,t,n\n1,2026-01-01T00:00:00Z,one\n,2026-01-01T00:00:00Z,1\n1,soon,1\n1,2\n\xff,,\n2,2026-01-01T00:00:00Z,7\n"
    )
    (report,) = await importer.run(mapping_of(COUNTS), path)
    assert (report.records, report.rejected) == (6, 5)
    lines = importer.rejected()
    assert sorted({line["record"] for line in lines}) == [2, 3, 4, 5, 6]
    assert lines[0] == {
        "file": str(path),
        "record": 2,
        "field": "n",
        "reason": "'one' is not a number",
        "value": ["1", "2026-01-01T00:00:00Z", "one"],
    }
    assert await importer.history("urn:x:2", "n") == {"2026-01-01T00:00:00Z": 7}


@pytest.mark.parametrize("kind", ["folder", "missing", "empty", "blank"])
async def test_file_that_cannot_be_read_is_rejected_with_a_sentence(importer: Importer, kind: str) -> None:
    path = importer.folder / kind
    if kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_text("" if kind == "empty" else "\n\n")
    good = counts(importer.folder / "good.csv", 5)
    bad, fine = await importer.run(mapping_of(COUNTS), path, good)
    assert (bad.rejected, fine.written) == (1, 10)
    (line,) = importer.rejected()
    assert (line["record"], bool(line["reason"])) == (None, True)


async def test_json_that_ends_in_the_middle_keeps_what_was_good(importer: Importer) -> None:
    path = importer.folder / "a.jsonld"
    path.write_text('[{"id": "urn:x:1", "type": "X", "a": 1}, {"id": "urn:x:2", "typ')
    (report,) = await importer.run(EXAMPLES / "ngsi-ld-simplified.yaml", path)
    assert (report.written, report.rejected) == (1, 1)
    assert await importer.entity("urn:x:1") == {"a": 1}


async def test_entities_again_change_nothing(importer: Importer) -> None:
    await importer.run(EXAMPLES / "ngsi-ld.yaml", FILES / "entities.jsonld")
    stored = await importer.count()
    (again,) = await importer.run(EXAMPLES / "ngsi-ld.yaml", FILES / "entities.jsonld")
    assert (again.written, await importer.count()) == (0, stored)


async def test_temporal_entities_are_recorded(importer: Importer) -> None:
    path = importer.folder / "history.json"
    path.write_text(
        '{"id": "urn:x:1", "type": "X", "a": [{"type": "Property", "value": 1, "observedAt": "2026-01-01T00:00:00Z"},'
        ' {"type": "Property", "value": 2, "observedAt": "2026-01-02T00:00:00Z"}]}'
    )
    await importer.run(mapping_of("source: {format: ngsi-ld, form: temporal}"), path)
    assert await importer.history("urn:x:1", "a") == {"2026-01-01T00:00:00Z": 1, "2026-01-02T00:00:00Z": 2}


async def test_late_values_do_not_become_current(importer: Importer) -> None:
    await importer.run(mapping_of(COUNTS), counts(importer.folder / "new.csv", 20, start=10))
    await importer.run(mapping_of(COUNTS), counts(importer.folder / "old.csv", 10))
    assert (await importer.entity("urn:x:0"))["n"] == 15
