"""The page about mappings names what there is."""

from __future__ import annotations

import re

from stadtkern.ingest.expression.library import Notation, make_library
from stadtkern.ingest.mapping.compile import VARIABLES
from stadtkern.ingest.mapping.document import Attribute, EntityRule, MappingDocument, Source, Time
from tests.ingest.import_run import ROOT, compiled, mapping_of

PAGE = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")


def test_functions_are_all_on_the_page_and_no_others() -> None:
    table = PAGE.partition("| function | |")[2]
    named = {name for cell in re.findall(r"^\| (.*?) \| ", table, re.MULTILINE) for name in re.findall(r"`(\w+)", cell)}
    assert named == set(make_library(Notation()))


def test_variables_are_all_on_the_page() -> None:
    assert [name for name in VARIABLES if f"`${name}`" not in PAGE] == []


def test_members_are_all_on_the_page() -> None:
    kinds = (MappingDocument, Source, Time, EntityRule, Attribute)
    members = {name for kind in kinds for name in kind.__struct_encode_fields__}
    assert [name for name in sorted(members) if f"`{name}`" not in PAGE and f"`{name}:" not in PAGE] == ["description"]


def test_example_on_the_page_compiles() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert compiled(mapping_of(example)).time is not None
