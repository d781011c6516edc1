"""The query language: what it becomes, and what is refused where. Spec: CIM 009 4.9."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import BadRequestData, Problem, TooComplexQuery
from stadtkern.model.ids import Iri
from stadtkern.query.filter import (
    And,
    AnyOf,
    Between,
    Exists,
    Fails,
    Filter,
    Is,
    Lacks,
    Linked,
    Literal,
    Matches,
    Not,
    OneOf,
    Or,
    Path,
    Sure,
    boolean,
    instant,
    number,
    text,
)
from stadtkern.query.q import parse_q
from stadtkern.query.scanner import MAX_LENGTH

pytestmark = pytest.mark.clause("CIM009 4.9")


def expand(name: str) -> Iri:
    return Iri("urn:t:" + name)


def path(*names: str, value: tuple[str, ...] = ()) -> Path:
    return Path(tuple(expand(name) for name in names), value=value)


def compared(name: str, op: str, literal: Literal) -> AnyOf:
    return AnyOf(path(name), Is(op, literal))  # type: ignore[arg-type]


SPEED, RPM, BRAND = compared("speed", ">", number(50)), compared("rpm", ">", number(3000)), path("brandName")


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("temperature", Exists(path("temperature"))),
        ("temperature==20", compared("temperature", "==", number(20))),
        ("temperature>=-1.5e2", compared("temperature", ">=", number(-150))),
        ('brandName!="Mercedes"', AnyOf(BRAND, Lacks(Is("==", text("Mercedes"))))),
        ('isParked=="urn:p:1"', compared("isParked", "==", text("urn:p:1"))),
        ("isParked==urn:p:1", compared("isParked", "==", text("urn:p:1"))),
        ("isParked==http://x.y/a(1)", compared("isParked", "==", text("http://x.y/a(1)"))),
        ('speed>50;brandName!="Mercedes"', And((SPEED, AnyOf(BRAND, Lacks(Is("==", text("Mercedes"))))))),
        (
            '((speed>50|rpm>3000);brandName=="Mercedes")',
            And((Or((SPEED, RPM)), AnyOf(BRAND, Is("==", text("Mercedes"))))),
        ),
        ("speed>50|rpm>3000;a", Or((SPEED, And((RPM, Exists(path("a"))))))),
        ("open==true", compared("open", "==", boolean(True))),
        ("open!=false", AnyOf(path("open"), Lacks(Is("==", boolean(False))))),
        ("a==10..20", AnyOf(path("a"), Between(number(10), number(20)))),
        ("a!=1.5..2.5", AnyOf(path("a"), Lacks(Between(number(1.5), number(2.5))))),
        ('a=="b".."d"', AnyOf(path("a"), Between(text("b"), text("d")))),
        ('color=="black","red"', AnyOf(path("color"), OneOf((text("black"), text("red"))))),
        ('color!="black",5', AnyOf(path("color"), Lacks(OneOf((text("black"), number(5)))))),
        ("category==commercial", compared("category", "==", text("commercial"))),
        ('name~="^Eiffel.*;|("', None),
        ('name~="^Eif(f)el;"', AnyOf(path("name"), Matches("^Eif(f)el;"))),
        ("name~=^Eif(f|g)el;a", And((AnyOf(path("name"), Matches("^Eif(f|g)el")), Exists(path("a"))))),
        ('name!~="^x"', AnyOf(path("name"), Fails(Matches("^x")))),
        ("!heading", Not(Sure(Exists(path("heading"))))),
        ("schema:name", Exists(path("schema:name"))),
        ("https://x.y/z.a>5", compared("https://x.y/z.a", ">", number(5))),
        ("urn:x:1:v2.0>5", compared("urn:x:1:v2.0", ">", number(5))),
        ("schema:a/b#c", Exists(path("schema:a/b#c"))),
        ("schema:a.b", Exists(path("schema:a", "b"))),
        ("URN:x:a.unitCode", Exists(Path((expand("URN:x:a"),), "unitCode"))),
        ("https://x.y/z.a.observedAt", Exists(Path((expand("https://x.y/z.a"),), "observedAt"))),
        ("urn:x:a[k]", Exists(path("urn:x:a", value=("k",)))),
        ("straße_2", Exists(path("straße_2"))),
        ('a=="\\u00e9\\"x"', compared("a", "==", text('é"x'))),
    ],
)
def test_parse_q_builds_the_filter(q: str, expected: Filter | None) -> None:
    if expected is None:
        with pytest.raises(BadRequestData):
            parse_q(q, expand)
    else:
        assert parse_q(q, expand) == expected


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("a.b.c>1", AnyOf(path("a", "b", "c"), Is(">", number(1)))),
        ('address[city]=="Berlin"', AnyOf(path("address", value=("city",)), Is("==", text("Berlin")))),
        (
            "sensor.rawdata[airquality.particulate]==40",
            AnyOf(path("sensor", "rawdata", value=("airquality", "particulate")), Is("==", number(40))),
        ),
        ("color[*]", Exists(path("color", value=("*",)))),
        ('name[en-GB]=="x"', AnyOf(path("name", value=("en-GB",)), Is("==", text("x")))),
        ('a.unitCode=="CEL"', AnyOf(Path((expand("a"),), "unitCode"), Is("==", text("CEL")))),
        ('a.objectType=="City"', AnyOf(Path((expand("a"),), "objectType"), Is("==", text("urn:t:City")))),
        ('type=="City"', AnyOf(Path((), "type"), Is("==", text("urn:t:City")))),
        ('id=="urn:x"', AnyOf(Path((), "id"), Is("==", text("urn:x")))),
    ],
)
def test_parse_q_reads_paths(q: str, expected: Filter) -> None:
    assert parse_q(q, expand) == expected


@pytest.mark.parametrize(
    "value",
    [
        "2017-12-24T12:00:00Z",
        '"2017-12-24T12:00:00Z"',
        "2017-12-24T13:00:00+01:00",
        "2017-12-24T13:00:00 01:00",
        '"2017-12-24T13:00:00 01:00"',
        "2017-12-24T10:30:00.000-0130",
        "2017-12-24T12:00:00,000Z",
    ],
)
@pytest.mark.parametrize("member", ["observedAt", "createdAt", "modifiedAt", "deletedAt"])
def test_parse_q_compares_system_attributes_as_instants(member: str, value: str) -> None:
    found = parse_q(f"a.{member}>={value}", expand)
    assert found == AnyOf(Path((expand("a"),), member), Is(">=", instant(1514116800_000000)))  # type: ignore[arg-type]


def test_parse_q_reads_a_date_as_midnight_for_system_attributes_and_as_text_elsewhere() -> None:
    assert parse_q("modifiedAt>2017-12-24", expand) == AnyOf(
        Path((), "modifiedAt"), Is(">", instant(1514073600_000000))
    )
    assert parse_q("a>2017-12-24", expand) == compared("a", ">", text("2017-12-24"))
    assert parse_q("a==12:30:00Z", expand) == compared("a", "==", text("12:30:00Z"))


def test_parse_q_follows_relationships() -> None:
    humidity = AnyOf(path("humidity"), Is("==", number(40)))
    assert parse_q("sensor{humidity}==40", expand) == Linked(path("sensor"), humidity)
    assert parse_q("sensor{Device:humidity}==40", expand) == Linked(path("sensor"), humidity, (expand("Device"),))
    assert parse_q("sensor{Device,Thing:humidity}==40", expand) == Linked(
        path("sensor"), humidity, (expand("Device"), expand("Thing"))
    )
    for name in ("urn:x:a", "https://x.y/a"):
        assert parse_q(f"sensor{{{name}}}", expand) == Linked(path("sensor"), Exists(path(name)))
        typed = Linked(path("sensor"), Exists(path(name)), (expand("Device"),))
        assert parse_q(f"sensor{{Device:{name}}}", expand) == typed
    assert parse_q("a.b{c{d}}", expand) == Linked(path("a", "b"), Linked(path("c"), Exists(path("d"))))
    assert parse_q("!a{b}", expand) == Not(Sure(Linked(path("a"), Exists(path("b")))))


def test_parse_q_expands_values_of_named_attributes_only() -> None:
    found = parse_q('gender==Male;other=="Male"', expand, expand_values=frozenset({"gender"}))
    assert found == And((compared("gender", "==", text("urn:t:Male")), compared("other", "==", text("Male"))))


@pytest.mark.parametrize(
    ("q", "position"),
    [
        ("", 0),
        ("a b", 1),
        ("a==", 3),
        ('a=="x', 3),
        ("a==1,", 5),
        ("a>4..5", 3),
        ('a>"x","y"', 5),
        ("a>true", 2),
        ("a==1..", 6),
        ('a==1.."x"', 3),
        ("(a", 2),
        ("a)", 1),
        ("a;", 2),
        (";a", 0),
        ("a[b", 2),
        ("a[]", 2),
        ("a[b..c]", 2),
        ("a{b", 3),
        ("a{}", 2),
        ("a[b]{c}", 4),
        ("!a==1", 2),
        ("a.observedAt.b", 12),
        ('a.observedAt>"soon"', 13),
        ("a==2020-13-01T00:00:00Z", 3),
        ("a==1e999", 3),
        ('a=="\\q"', 3),
        ('a~="(?=x)"', 3),
        ('a~="("', 3),
        ("a~=", 3),
        ("))bad((", 0),
        ("a=1", 1),
        ("a==x y\t", 3),
    ],
)
def test_parse_q_names_parameter_and_position_when_it_cannot_read(q: str, position: int) -> None:
    with pytest.raises(BadRequestData) as caught:
        parse_q(q, expand)
    assert caught.value.pointer == f"q:{position}"
    assert "q" in caught.value.detail


def test_parse_q_refuses_a_query_of_100_kb() -> None:
    with pytest.raises(BadRequestData, match="102400 characters long; at most 16384"):
        parse_q("a" * 102_400, expand)


@pytest.mark.parametrize(
    "q",
    ["(" * 65 + "a" + ")" * 65, "|".join(["a"] * 501), "{".join("a" * 80) + "}" * 79],
    ids=["parentheses", "terms", "links"],
)
def test_parse_q_refuses_what_is_too_complex(q: str) -> None:
    with pytest.raises(TooComplexQuery):
        parse_q(q, expand)


@pytest.mark.parametrize(
    "q",
    [
        "(" * MAX_LENGTH,
        "a.b" * 4000,
        "a==" + "1," * 7000,
        'a=="' + "\\" * 16_000,
        "a~=" + "(" * 16_000,
        "a==" + "(" * 16_000,
        "a{" * 8000,
        "a[" + "." * 16_000 + "]",
        "!" * 16_000,
        '"' * 16_000,
        "a==" + "9" * 16_000,
        "a\0",
        'a=="\\u0000"',
        "a==\ud800",
        'a=="\\ud800"',
        "a~=\ud800",
    ],
    ids=lambda q: ascii(q[:8]),
)
def test_parse_q_refuses_hostile_input_quickly(q: str) -> None:
    start = time.perf_counter()
    with pytest.raises(Problem):
        parse_q(q, expand)
    assert time.perf_counter() - start < 20


@given(st.text(alphabet="ab.[]{}()<>=!~|;,\"'\\:019-TZ *+é\0", max_size=40))
def test_parse_q_never_fails_otherwise(q: str) -> None:
    try:
        found: Filter | Problem = parse_q(q, expand)
    except Problem as problem:
        found = problem
    if isinstance(found, Problem):
        assert found.pointer is not None
        assert found.status in {400, 403}
