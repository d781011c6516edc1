"""Constants: numbers, times, intervals and durations from their text. Spec: OGC 18-088 9.3.3.5; OData 4.0 ABNF."""

from __future__ import annotations

import math
import re
from typing import cast

from stadtkern.errors import BadRequestData
from stadtkern.model.instant import EARLIEST, LATEST, parse_instant
from stadtkern.query.odata.tokens import Token, Tokens, unquote
from stadtkern.query.odata.tree import Literal
from stadtkern.query.odata.wkt import read_wkt

MAX_DIGITS = 400
"""Longest number, in characters: as many as the largest double has."""

_SECOND = 1_000_000
_UNITS = (7 * 86_400 * _SECOND, 86_400 * _SECOND, 3_600 * _SECOND, 60 * _SECOND)
_DURATION = re.compile(
    r"([+-])?P(?:([0-9]{1,9})W)?(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})(?:[.,]([0-9]{1,18}))?S)?)?",
    re.IGNORECASE,
)
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:T([0-9:.,]+)(Z|[+\- ][0-9:]+)?)?", re.IGNORECASE)
_CLOCK = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[.,]([0-9]+))?")


def read_literal(tokens: Tokens, token: Token) -> Literal | None:
    """Make the constant of a token; None where it is none. Raises: BadRequestData."""
    match token.kind:
        case "number":
            return _number(tokens, token.text, token.start)
        case "text":
            return Literal("text", unquote(token.text), "", token.start)
        case "moment":
            return Literal("instant", _moment(tokens, token.text, token.start), token.text, token.start)
        case "period":
            return _period(tokens, token)
        case "clock":
            return Literal("duration", _clock(tokens, token), token.text, token.start)
        case "typed":
            return _typed(tokens, token)
        case "name":
            return _word(token)
        case _:
            return None


def _word(token: Token) -> Literal | None:
    match token.text.lower():
        case "true" | "false":
            return Literal("boolean", token.text.lower() == "true", "", token.start)
        case "null":
            return Literal("null", None, "", token.start)
        case _:
            return None


def negate(tokens: Tokens, sign: Token, digits: Token) -> Literal:
    """Make the constant of a minus sign and the number right behind it."""
    return _number(tokens, sign.text + digits.text, sign.start)


def _number(tokens: Tokens, text: str, at: int) -> Literal:
    if len(text) > MAX_DIGITS:
        raise tokens.error(f"the number has more than {MAX_DIGITS} characters", at)
    value = float(text)
    if not math.isfinite(value):
        raise tokens.error("the number is too large", at)
    return Literal("number", value, text, at)


def read_as_number(tokens: Tokens, literal: Literal) -> Literal | None:
    """Read a text constant as a number, as it is compared with one; None where it is none."""
    text = cast("str", literal.value).strip()
    if re.fullmatch(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", text) is None:
        return None
    return _number(tokens, text, literal.at)


def read_as_time(tokens: Tokens, literal: Literal) -> Literal | None:
    """Read a text constant as an instant or an interval, as it is compared with one; None where it is none."""
    text = cast("str", literal.value).strip()
    if len(text) > 100:
        return None
    if "/" in text:
        return _period(tokens, Token("period", text, literal.at, literal.at))
    if _MOMENT.fullmatch(text) is None:
        return None
    return Literal("instant", _moment(tokens, text, literal.at), text, literal.at)


def _moment(tokens: Tokens, text: str, at: int) -> int:
    """Read a date-time or a date (its midnight); without an offset it is UTC, a blank before one was a plus sign."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise tokens.error(f"{text!r} is not a date or a date-time", at)
    date, clock, offset = found.groups()
    try:
        return parse_instant(f"{date}T{clock or '00:00'}{(offset or 'Z').upper().replace(' ', '+')}")
    except BadRequestData as error:
        raise tokens.error(error.detail, at) from error


def _period(tokens: Tokens, token: Token) -> Literal:
    """Read ``t1/t2``, ``t1/P…`` or ``P…/t2``. An interval without length is an instant."""
    first, _, second = token.text.partition("/")
    if first.startswith("P"):
        end = _moment(tokens, second, token.start)
        start = end - _duration(tokens, first, token.start)
    else:
        start = _moment(tokens, first, token.start)
        is_length = second.startswith("P")
        length_or_end = (_duration if is_length else _moment)(tokens, second, token.start)
        end = start + length_or_end if is_length else length_or_end
    if not (start >= EARLIEST and end <= LATEST):
        raise tokens.error("the interval is not within the years 1 to 9999", token.start)
    if end < start:
        raise tokens.error("the interval ends before it starts", token.start)
    if end == start:
        return Literal("instant", start, token.text, token.start)
    return Literal("interval", (start, end), token.text, token.start)


def _clock(tokens: Tokens, token: Token) -> int:
    """Read a time of day as the microseconds since midnight."""
    found = _CLOCK.fullmatch(token.text)
    if found is None:
        raise tokens.error("expected a time of day such as 06:30:00", token.start)
    hours, minutes, seconds = (int(found.group(place)) for place in (1, 2, 3))
    if hours > 23 or minutes > 59 or seconds > 59:
        raise tokens.error(f"no day has the time {token.text}", token.start)
    return (hours * 3600 + minutes * 60 + seconds) * _SECOND + _fraction(found.group(4))


def _fraction(digits: str | None) -> int:
    return int((digits or "0")[:6].ljust(6, "0"))


def _duration(tokens: Tokens, text: str, at: int) -> int:
    found = _DURATION.fullmatch(text)
    if found is None or not any(found.groups()[1:]):
        hint = "a duration has weeks, days, hours, minutes and seconds: P1D, PT24H, P1DT12H30M, PT0.5S"
        raise tokens.error(f"{text[:40]!r} is not a duration of known length", at, hint=hint)
    sign, *counts, seconds, fraction = found.groups()
    micros = sum(int(count or 0) * unit for count, unit in zip(counts, _UNITS, strict=True))
    micros += int(seconds or 0) * _SECOND + _fraction(fraction)
    if micros > LATEST - EARLIEST:
        raise tokens.error("the duration is longer than 9999 years", at)
    return -micros if sign == "-" else micros


def _typed(tokens: Tokens, token: Token) -> Literal:
    """Read ``duration'…'`` or ``geography'…'``."""
    prefix, _, _ = token.text.partition("'")
    text = unquote(token.text[len(prefix) :]).strip()
    if prefix.lower() == "duration":
        return Literal("duration", _duration(tokens, text, token.start), text, token.start)
    return geometry(tokens, text, token.start)


def geometry(tokens: Tokens, text: str, at: int) -> Literal:
    """Make the constant of a geometry in Well-Known Text. Raises: BadRequestData."""
    try:
        return Literal("geometry", read_wkt(text), text, at)
    except ValueError as error:
        raise tokens.error(f"the geometry cannot be read: {error}", at, hint="geography'POINT (9.9 53.6)'") from error
