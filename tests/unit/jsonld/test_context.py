"""Expansion and compaction with a compiled context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, LdContextNotAvailable
from stadtkern.jsonld.context import CORE_CONTEXT, Context, compile_context
from stadtkern.jsonld.core import CORE_CONTEXT_URL, CORE_TERMS

DEFAULT = "https://uri.etsi.org/ngsi-ld/default-context/"
CORE_1_6 = "https://uri.etsi.org/ngsi-ld/v1/ngsi-ld-core-context-v1.6.jsonld"
CITY = "https://city.example/context.jsonld"


def compile_inline(*terms: object) -> Context:
    return compile_context(list(terms))  # type: ignore[arg-type]


@pytest.mark.clause("CIM009 5.5.7")
def test_expand_term_gives_the_defined_iri() -> None:
    context = compile_inline({"speed": "https://city.example/speed", "c": "https://city.example/", "noise": "c:noise"})

    assert context.expand_term("speed") == "https://city.example/speed"
    assert context.expand_term("noise") == "https://city.example/noise"
    assert context.expand_term("c:tram") == "https://city.example/tram"


@pytest.mark.clause("CIM009 5.5.7")
def test_expand_term_takes_the_default_vocabulary_when_the_name_is_unknown() -> None:
    assert CORE_CONTEXT.expand_term("speed") == DEFAULT + "speed"
    assert CORE_CONTEXT.compact_iri(DEFAULT + "speed") == "speed"


@pytest.mark.parametrize("iri", ["https://city.example/speed", "urn:ngsi-ld:attributes:A1", "tel:115"])
def test_expand_term_leaves_full_iris_alone(iri: str) -> None:
    assert CORE_CONTEXT.expand_term(iri) == iri


@pytest.mark.clause("CIM009 4.4")
@pytest.mark.parametrize("name", ["location", "Property", "observedAt", "type", "id", "value", "scope"])
def test_core_terms_stay_short_and_win_over_the_user_context(name: str) -> None:
    context = compile_inline({name: f"https://city.example/{name}"}, CORE_1_6)

    assert context.expand_term(name) == name
    assert context.compact_iri(name) == name
    assert context.compact_iri(f"https://city.example/{name}") == f"https://city.example/{name}"


@pytest.mark.parametrize(
    ("written", "core"),
    [
        ("https://uri.etsi.org/ngsi-ld/location", "location"),
        ("ngsi-ld:location", "location"),
        ("https://uri.etsi.org/ngsi-ld/hasValue", "value"),
        ("https://purl.org/geojson/vocab#Point", "Point"),
        ("@type", "type"),
        ("@id", "id"),
    ],
)
def test_core_iris_come_back_as_core_terms_however_written(written: str, core: str) -> None:
    assert CORE_CONTEXT.expand_term(written) == core


def test_alias_of_a_core_term_is_the_core_term() -> None:
    context = compile_inline({"ngsi-ld": "https://uri.etsi.org/ngsi-ld/", "ort": "ngsi-ld:location", "typ": "@type"})

    assert context.expand_term("ort") == "location"
    assert context.expand_term("typ") == "type"


def test_core_prefix_is_known_to_a_context_that_does_not_define_it() -> None:
    context = compile_inline({"name": "ngsi-ld:name"})

    assert context.expand_term("name") == "https://uri.etsi.org/ngsi-ld/name"


def test_compact_iri_prefers_term_then_default_then_prefix_then_full() -> None:
    context = compile_inline({"c": "https://city.example/", "tempo": "https://city.example/speed"})

    assert context.compact_iri("https://city.example/speed") == "tempo"
    assert context.compact_iri("https://city.example/noise") == "c:noise"
    assert context.compact_iri(DEFAULT + "noise") == "noise"
    assert context.compact_iri("https://other.example/noise") == "https://other.example/noise"


def test_compact_iri_takes_the_shortest_then_the_first_of_several_terms() -> None:
    iri = "https://city.example/speed"

    assert compile_inline({"speed": iri, "v": iri, "u": iri}).compact_iri(iri) == "u"


def test_compact_iri_never_gives_a_name_that_means_something_else() -> None:
    context = compile_inline(
        {"speed": "https://city.example/speed", "c": "https://c.example/", "c:x": "https://c.example/x"}
    )

    assert context.compact_iri(DEFAULT + "speed") == "ngsi-ld:default-context/speed"
    assert context.compact_iri(DEFAULT + "location") == "ngsi-ld:default-context/location"
    assert context.compact_iri(DEFAULT + "c:x") == "ngsi-ld:default-context/c:x"
    for name in ("speed", "location", "c:x"):
        assert context.expand_term(context.compact_iri(DEFAULT + name)) == DEFAULT + name
    assert context.compact_iri("https://uri.etsi.org/ngsi-ld/name") == "https://uri.etsi.org/ngsi-ld/name"


def test_compact_iri_gives_full_name_when_core_prefix_form_is_taken() -> None:
    taken = {"speed": "https://city.example/speed", "ngsi-ld:default-context/speed": "https://city.example/other"}
    assert compile_inline(taken).compact_iri(DEFAULT + "speed") == DEFAULT + "speed"


def test_user_vocabulary_serves_definitions_only() -> None:
    """The core context counts as the last one, so its own vocabulary is in force for names without a definition."""
    context = compile_inline({"@vocab": "https://city.example/", "speed": {"@type": "@id"}})

    assert context.expand_term("speed") == "https://city.example/speed"
    assert context.expand_term("noise") == DEFAULT + "noise"


def test_term_type_tells_the_coercion() -> None:
    context = compile_inline(
        {
            "xsd": "http://www.w3.org/2001/XMLSchema#",
            "at": {"@id": "https://city.example/at", "@type": "xsd:dateTime"},
            "part": {"@id": "https://city.example/part", "@type": "@id"},
            "kind": {"@id": "https://city.example/kind", "@type": "@vocab"},
            "raw": {"@id": "https://city.example/raw", "@type": "@json"},
            "plain": "https://city.example/plain",
        }
    )

    types = {name: context.term_type(name) for name in ("at", "part", "kind", "raw", "plain", "unknown")}
    assert types == {
        "at": "http://www.w3.org/2001/XMLSchema#dateTime",
        "part": "@id",
        "kind": "@vocab",
        "raw": "@json",
        "plain": None,
        "unknown": None,
    }
    assert context.term_type("observedAt") == "DateTime"
    assert context.term_type("object") == "@id"


def test_later_contexts_win_and_see_the_prefixes_of_earlier_ones() -> None:
    context = compile_inline({"c": "https://city.example/", "a": "c:1", "b": "c:2"}, {"b": "c:3"})

    assert [context.expand_term(name) for name in ("a", "b")] == ["https://city.example/1", "https://city.example/3"]


def test_null_forgets_what_came_before() -> None:
    context = compile_inline({"a": "https://city.example/a"}, None, {"b": "https://city.example/b"})

    assert context.expand_term("a") == DEFAULT + "a"
    assert context.expand_term("b") == "https://city.example/b"


def test_addresses_and_imports_are_taken_from_the_documents() -> None:
    documents = {
        CITY: {"@context": ["parts/a.jsonld", {"b": "https://city.example/b"}, CORE_1_6]},
        "https://city.example/parts/a.jsonld": {"@context": {"@import": "base.jsonld", "a": "c:a"}},
        "https://city.example/parts/base.jsonld": {"@context": {"c": "https://city.example/"}},
    }
    context = compile_context(CITY, documents)

    assert [context.expand_term(name) for name in "ab"] == ["https://city.example/a", "https://city.example/b"]


def test_link_url_stands_for_the_whole_context_or_is_missing() -> None:
    documents = {CITY: {"@context": {}}, "https://two.example/": {"@context": {}}}

    assert CORE_CONTEXT.link_url == CORE_CONTEXT_URL
    assert compile_context(CORE_1_6).link_url == CORE_1_6
    assert compile_context(CITY, documents).link_url == CITY
    assert compile_context([CITY, CORE_1_6], documents).link_url == CITY
    assert compile_context([CITY, "https://two.example/"], documents).link_url is None
    assert compile_context([CITY, {"a": "https://a.example/"}], documents).link_url is None


def test_key_is_equal_for_equal_contexts_only() -> None:
    one = compile_context(CITY, {CITY: {"@context": {"a": "https://city.example/a"}}})
    same = compile_context(CITY, {CITY: {"@context": {"a": "https://city.example/a"}}})
    changed = compile_context(CITY, {CITY: {"@context": {"a": "https://city.example/b"}}})

    assert one.key == same.key
    assert len({one.key, changed.key, CORE_CONTEXT.key, compile_context(CORE_1_6).key}) == 4


@pytest.mark.parametrize(
    "reference",
    [
        7,
        True,
        ["https://city.example/c", 7],
        [["https://city.example/c"]],
        {"a": 7},
        {"a": {"@id": 7}},
        {"a": {"@id": "https://a.example/", "@type": 7}},
        {"@vocab": 7},
        {"a": "b:x", "b": "a:y"},
        {"a": "a:b", "a:b": "a"},
        "ftp://city.example/context",
        "not an address",
        "/relative",
        {"Vehicle": {"@id": "https://city.example/V", "@context": {"speed": "https://city.example/hidden"}}},
    ],
)
def test_compile_refuses_what_is_no_user_context(reference: object) -> None:
    with pytest.raises(BadRequestData) as caught:
        compile_context(reference)  # type: ignore[arg-type]
    assert caught.value.pointer is not None


def test_scoped_contexts_of_published_documents_are_read_over() -> None:
    scoped = {"V": {"@id": "https://city.example/V", "@context": ["https://w3id.org/security/data-integrity/v2"]}}
    context = compile_context(CITY, {CITY: {"@context": scoped}})

    assert context.expand_term("V") == "https://city.example/V"


@pytest.mark.parametrize(
    ("documents", "why"),
    [
        ({CITY: {}}, "holds no @context"),
        ({CITY: ["no", "object"]}, "holds no @context"),
        ({CITY: {"@context": CITY}}, "includes itself"),
        ({CITY: {"@context": "https://b.example/"}, "https://b.example/": {"@context": [CITY]}}, "includes itself"),
        ({CITY: {"@context": {"a": 7}}}, "cannot be used"),
        (
            {CITY: {"@context": "https://b.example/"}, "https://b.example/": {"@context": {"a": 7}}},
            "^The @context https://b.example/ cannot be used",
        ),
    ],
)
def test_compile_fails_when_an_address_holds_no_context(documents: dict[str, object], why: str) -> None:
    with pytest.raises(BadRequestData, match=why):
        compile_context(CITY, documents)  # type: ignore[arg-type]


def test_compile_fails_when_an_address_holds_nothing() -> None:
    with pytest.raises(LdContextNotAvailable, match="is not available"):
        compile_context(CITY, {})


def test_compile_stops_at_contexts_that_include_one_another_without_end() -> None:
    deep = {f"https://c.example/{n}": {"@context": f"https://c.example/{n + 1}"} for n in range(20)}
    wide = {f"https://c.example/{n}": {"@context": [f"https://c.example/{n + 1}"] * 40} for n in range(7)}
    wide["https://c.example/7"] = {"@context": {}}  # type: ignore[dict-item]

    with pytest.raises(BadRequestData, match="levels deep"):
        compile_context("https://c.example/0", deep)  # type: ignore[arg-type]
    with pytest.raises(BadRequestData, match="inclusions"):
        compile_context("https://c.example/0", wide)  # type: ignore[arg-type]


def test_compile_refuses_a_long_chain_of_terms_without_running_out_of_stack() -> None:
    chain = {f"t{n}": f"t{n + 1}:x" for n in range(5000)}

    with pytest.raises(BadRequestData, match="chain"):
        compile_inline(chain)


def test_memory_of_names_stays_bounded() -> None:
    context = compile_inline({})
    for number in range(20_000):
        context.expand_term(f"name{number}")
        context.compact_iri(f"https://city.example/{number}")

    assert len(context._expanded) <= 8192
    assert len(context._compacted) <= 8192
    assert context.expand_term("name1") == DEFAULT + "name1"


names = st.one_of(
    st.sampled_from([*sorted(CORE_TERMS), "a", "b", "c", "@graph", "@x", ""]), st.text(alphabet="abc:/@#_", max_size=6)
)
iris = st.one_of(
    st.builds(
        str.__add__,
        st.sampled_from(
            ["https://a.example/", "https://a.example/b#", "urn:x:", DEFAULT, "https://uri.etsi.org/ngsi-ld/"]
        ),
        st.text(alphabet="abc:/@#_", max_size=4),
    ),
    names,
)
terms = st.dictionaries(
    names,
    st.one_of(iris, st.none(), st.fixed_dictionaries({"@id": iris}, optional={"@prefix": st.booleans()})),
    max_size=6,
)


@given(terms, st.lists(st.one_of(names, iris), max_size=12))
def test_compact_then_expand_gives_the_same_name_back(context_terms: dict[str, object], words: list[str]) -> None:
    try:
        context = compile_inline(context_terms)
    except BadRequestData:
        return
    for word in words:
        iri = context.expand_term(word)
        again = context.expand_term(context.compact_iri(iri))
        # Only an IRI whose scheme is also a prefix of the context cannot be written any other way.
        assert again == iri or context.compact_iri(iri) == iri
