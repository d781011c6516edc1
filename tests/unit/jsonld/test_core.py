"""The built-in core contexts against the published files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from stadtkern.jsonld.core import CORE_TERMS, CORE_VERSIONS, core_document, core_version, embedded_definitions

PUBLISHED = Path(__file__).parents[4] / "shared" / "ngsi-ld"
BASE = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context"


def read_published(version: str) -> dict[str, Any]:
    path = PUBLISHED / f"ngsi-ld-core-context-v{version}.jsonld"
    if not path.exists():
        pytest.skip(f"the published core context {version} is not at hand")
    return json.loads(path.read_text())["@context"]


@pytest.mark.clause("CIM009 annex B")
@pytest.mark.parametrize("version", ["1.3", "1.4", "1.9"])
def test_core_document_equals_published_one_term_by_term(version: str) -> None:
    published = read_published(version)
    for definition in published.values():
        if isinstance(definition, dict):
            definition.pop("@context", None)  # scoped contexts are left out
    published = {
        name: value["@id"] if isinstance(value, dict) and set(value) == {"@id"} else value
        for name, value in published.items()
    }

    assert core_document(version)["@context"] == published


@pytest.mark.parametrize("version", CORE_VERSIONS)
def test_every_version_is_found_at_its_address_and_defines_location(version: str) -> None:
    definitions = embedded_definitions(f"{BASE}-v{version}.jsonld")

    assert definitions is not None
    assert definitions["location"].iri == "https://uri.etsi.org/ngsi-ld/location"
    assert definitions["coordinates"].iri == "https://purl.org/geojson/vocab#coordinates"


def test_versions_only_grow_apart_from_terms_given_up() -> None:
    given_up = {"1.7": {"VocabularyProperty"}, "1.8": {"geometryProperty", "objectsLists"}}
    for version in CORE_VERSIONS:
        definitions = embedded_definitions(f"{BASE}-v{version}.jsonld")
        assert definitions is not None
        assert set(definitions) - set(CORE_TERMS) == given_up.get(version, set())


@pytest.mark.parametrize(
    ("address", "version"),
    [
        (f"{BASE}.jsonld", "1.9"),
        (f"{BASE}-v1.0.jsonld", "1.3"),
        (f"{BASE}-v1.6.jsonld", "1.6"),
        (f"{BASE}-v1.9.jsonld", "1.9"),
        (f"{BASE}-non-existing.jsonld", None),
        (f"{BASE}-v1.9.jsonld?x=1", None),
        (f"{BASE}-v1.9", None),
        ("https://evil.example/ngsi-ld/v1/ngsi-ld-core-context-v1.9.jsonld", None),
    ],
)
def test_core_version_matches_exact_addresses_only(address: str, version: str | None) -> None:
    assert core_version(address) == version
