"""Multipart bodies are taken apart as they were put together, and whatever comes is read or refused."""

from __future__ import annotations

import email
import email.policy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stadtkern.errors import InvalidRequest, PayloadTooLarge, Problem
from stadtkern.views.sensorthings.batch_multipart import boundary_of, read_parts
from stadtkern.views.sensorthings.batch_request import ChangeSet, SingleRequest, read_batch, read_http

_BOUNDARY = "b1"
_bodies = st.lists(
    st.sampled_from([b"--b1", b"--b1--", b"--b12", b" --b1", b"\r\n", b"\n", b"\r", b"--", b"{}", b"\0", b"\xff"]),
    max_size=8,
).map(b"".join)
_noise = st.lists(
    st.sampled_from(
        [
            b"--b1\r\n",
            b"--b1--\r\n",
            b"--c\r\n",
            b"--c--\r\n",
            b"\r\n",
            b"\n",
            b"\r",
            b"Content-Type: application/http\r\n",
            b"Content-Type: multipart/mixed; boundary=c\r\n",
            b"Content-Length: 2\r\n",
            b"Content-ID: x\r\n",
            b"GET Things HTTP/1.1\r\n",
            b"POST $x/Datastreams\r\n",
            b"{}",
            b"\0",
            b"\xff\xfe",
            b": ",
        ]
    )
    | st.binary(max_size=12),
    max_size=40,
).map(b"".join)


@given(st.lists(_bodies, min_size=1, max_size=5), st.sampled_from([b"\r\n", b"\n"]), _bodies)
def test_parts_come_out_as_they_went_in(bodies: list[bytes], end: bytes, preamble: bytes) -> None:
    parts = [one for one in bodies if not _has_delimiter(one, end)]
    front = b"" if _has_delimiter(preamble, end) else preamble + end
    pieces = [b"--b1" + end + b"X-Part: 1" + end + end + one + end for one in parts]
    body = front + b"".join(pieces) + b"--b1--" + end
    if not parts:
        with pytest.raises(InvalidRequest):
            read_parts(body, _BOUNDARY)
        return
    found = read_parts(body, _BOUNDARY)
    assert [one.body for one in found] == [_as_read(one, end) for one in parts]
    assert all(one.headers == {"x-part": "1"} for one in found)


def _has_delimiter(body: bytes, end: bytes) -> bool:
    """Whether a text has a delimiter of its own: no writer may choose such a boundary."""
    lines = (body + end).split(b"\n")
    return any(line.rstrip(b"\r \t") in (b"--b1", b"--b1--") for line in lines)


def _as_read(body: bytes, end: bytes) -> bytes:
    """Give a body as a reader of both line ends sees it: the one in front of a delimiter belongs to that."""
    return body.removesuffix(b"\r") if end == b"\n" else body


@given(_noise)
def test_whatever_comes_is_read_or_refused(body: bytes) -> None:
    try:
        batch = read_batch(body, "multipart/mixed; boundary=b1")
    except (InvalidRequest, PayloadTooLarge):
        return
    for one in batch:
        assert isinstance(one, SingleRequest | ChangeSet)


@given(st.lists(_noise, max_size=3))
def test_what_is_read_another_parser_reads_alike(noise: list[bytes]) -> None:
    pieces = [b"--b1\r\nContent-Type: application/http\r\n\r\nGET Things HTTP/1.1\r\n\r\n" + one for one in noise]
    # the other one takes a carriage return alone for the end of a line, too
    body = re.sub(rb"\r(?!\n)", b"", b"\r\n".join([*pieces, b"--b1--\r\n"]))
    try:
        found = read_parts(body, _BOUNDARY)
    except Problem:
        return
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b1\r\n\r\n"
    other = email.message_from_bytes(head + body, policy=email.policy.compat32).get_payload()
    assert len(found) == len(other)


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/mixed; boundary=batch_1", "batch_1"),
        ("multipart/mixed;boundary=batch_1", "batch_1"),
        ('multipart/mixed; charset=utf-8; Boundary="a b=(1)"', "a b=(1)"),
        ("multipart/mixed; boundary=batch_1; charset=utf-8", "batch_1"),
        ('multipart/mixed; x="; boundary=no"; boundary=yes', "yes"),
    ],
)
def test_a_boundary_is_read_as_it_is_named(content_type: str, boundary: str) -> None:
    assert boundary_of(content_type) == boundary


def test_a_body_of_many_lines_that_look_like_delimiters_is_read_in_one_pass() -> None:
    body = b"--b1\r\n\r\n" + b"--b12\r\n" * 200_000 + b"--b1--"
    [part] = read_parts(body, _BOUNDARY)
    assert len(part.body) == 200_000 * 7 - 2
    body = b"--b1\r\n\r\n" + b"--b1" * 400_000 + b"\r\n--b1--"
    [part] = read_parts(body, _BOUNDARY)
    assert len(part.body) == 1_600_000


@pytest.mark.parametrize(
    ("line", "url"),
    [
        ("GET Things HTTP/1.1", "Things"),
        ("get  Things", "Things"),
        ("GET Things?$filter=name eq 'x' HTTP/2 ", "Things?$filter=name eq 'x'"),
        ("GET Things?$filter=name eq 'HTTP/1.1'", "Things?$filter=name eq 'HTTP/1.1'"),
        (f"GET a{' ' * 40_000}b", f"a{' ' * 40_000}b"),
    ],
)
def test_a_request_line_may_have_blanks_in_its_address(line: str, url: str) -> None:
    for _ in range(200):
        one = read_http(f"{line}\r\n\r\n".encode(), "", "It")
        assert (one.method, one.url) == ("GET", url)
