"""Our term maps against a complete JSON-LD processor."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData
from stadtkern.jsonld.context import compile_context
from stadtkern.jsonld.core import CORE_CONTEXT_URL, CORE_NAMES, CORE_TERMS, core_document

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from pyld import jsonld

MODELS = Path(__file__).parents[4] / "shared" / "data" / "smart-data-models"
CITY = "https://city.example/context.jsonld"
STUBS = {"https://w3id.org/security/data-integrity/v2": {"@context": {}}}


def expand_by_processor(reference: list[Any], names: list[str], documents: Mapping[str, Any]) -> dict[str, str]:
    """Expand attribute names (and, by ``type``, type names) as if the core context stood last."""
    known = {**STUBS, **documents, CORE_CONTEXT_URL: core_document()}

    def load(url: str, _: object) -> dict[str, Any]:
        return {"contextUrl": None, "documentUrl": url, "document": known[url], "contentType": "application/ld+json"}

    expanded: dict[str, str] = {}
    options = {"documentLoader": load, "base": ""}
    for name in names:
        # Each name by itself: names of one IRI would be merged.
        entity = {"@context": [*reference, CORE_CONTEXT_URL], "id": "urn:x:1", "type": name}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = jsonld.expand(entity, options)
        expanded[name] = found[0]["@type"][0]
    return expanded


def expand_by_us(reference: list[Any], names: list[str], documents: Mapping[str, Any]) -> dict[str, str]:
    context = compile_context(reference, documents)
    short = {name: context.expand_term(name) for name in names}
    return {name: CORE_TERMS[iri].iri if iri in CORE_TERMS else iri for name, iri in short.items()}


@pytest.mark.parametrize("model", ["Environment", "Parking"])
def test_expansion_equals_the_processor_under_published_contexts(model: str) -> None:
    path = MODELS / f"{model}.context.jsonld"
    if not path.exists():
        pytest.skip("the smart data models are not at hand")
    documents = {CITY: json.loads(path.read_text())}
    keywords = {name for name, definition in CORE_TERMS.items() if definition.iri.startswith("@")}
    terms = [name for name in documents[CITY]["@context"] if name not in keywords and not name.startswith("@")]
    names = [*terms[::4], *list(CORE_NAMES.values())[::10], "unknown", "schema:unknown", "ngsi-ld:unknown"]
    names = [name for name in names if name not in keywords]

    assert expand_by_us([CITY], names, documents) == expand_by_processor([CITY], names, documents)


words = st.sampled_from(["speed", "noise", "c", "d", "location", "description", "geojson", "Vehicle", "status"])
suffixes = st.sampled_from(["x", "speed", "a/b", ""])
values = st.one_of(
    st.builds("https://city.example/{}".format, words),
    st.builds("https://city.example/{}#".format, words),
    st.builds("https://city.example/{}/".format, words),
    st.builds("{}:{}".format, words, suffixes),
    st.builds("urn:x:{}".format, words),
)
definitions = st.one_of(
    values,
    st.fixed_dictionaries(
        {"@id": values}, optional={"@type": st.sampled_from(["@id", "@vocab"]), "@prefix": st.booleans()}
    ),
)
contexts = st.lists(
    st.one_of(
        st.dictionaries(words, definitions, max_size=6),
        st.dictionaries(words, definitions, max_size=2).map(lambda terms: {**terms, "@vocab": "https://v.example/"}),
        st.none(),
        st.just(CITY),
    ),
    min_size=1,
    max_size=3,
)
asked = st.lists(st.one_of(words, st.builds("{}:{}".format, words, suffixes), values), min_size=1, max_size=4)


@given(contexts, st.dictionaries(words, definitions, max_size=4), asked)
def test_expansion_equals_the_processor_under_any_context(
    reference: list[Any], published: dict[str, Any], names: list[str]
) -> None:
    # The processor knows no core prefix before the core context, which stands last: ours does, on purpose.
    reference = [{"ngsi-ld": "https://uri.etsi.org/ngsi-ld/", "geojson": "https://purl.org/geojson/vocab#"}, *reference]
    reference = [member for member in reference if member is not None]
    documents = {CITY: {"@context": published}}
    try:
        expected = expand_by_processor(reference, names, documents)
    except jsonld.JsonLdError:
        return  # what it refuses we may read
    try:
        found = expand_by_us(reference, names, documents)
    except BadRequestData as problem:
        raise AssertionError(f"refused although the processor reads it: {problem.detail}") from problem

    assert found == expected
