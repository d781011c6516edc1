"""The query parameters of a request, checked against those that its route knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from stadtkern.errors import BadRequestData, InvalidRequest
from stadtkern.model.instant import Instant
from stadtkern.query.request import parse_time_parameter
from stadtkern.views._http.message import Request
from stadtkern.views.ngsild.parse_terms import is_language_tag

Parameters = Mapping[str, str]

SIMPLIFIED = frozenset({"simplified", "keyValues"})
FORMATS = frozenset({"normalized", "concise", *SIMPLIFIED})


def read_parameters(request: Request, known: Collection[str]) -> Parameters:
    """Read the parameters of a request, each at most once.

    Raises: InvalidRequest (unknown or repeated). Spec: CIM 009 6.3.20 (unsupported parameters).
    """
    found: dict[str, str] = {}
    for name, value in request.query:
        if name not in known:
            raise InvalidRequest(f"The parameter {name[:80]!r} is not known here", pointer=f"{name[:80]}:0")
        if name in found:
            raise InvalidRequest(f"The parameter {name} occurs twice", pointer=f"{name}:0")
        found[name] = value
    if "local" in found:
        read_flag(found, "local")
    return found


def read_flag(parameters: Parameters, name: str) -> bool:
    """Read ``true`` or ``false``; missing means false. Raises: BadRequestData."""
    value = parameters.get(name, "false")
    if value not in ("true", "false"):
        raise BadRequestData(f"The {name} parameter is {value[:20]!r}, neither true nor false", pointer=f"{name}:0")
    return value == "true"


def read_options(parameters: Parameters, known: Collection[str]) -> frozenset[str]:
    """Read the list in ``options``. Raises: InvalidRequest (an unknown option). Spec: CIM 009 6.3.20."""
    options = frozenset(part.strip() for part in parameters.get("options", "").split(",") if part.strip())
    for option in options:
        if option not in known:
            raise InvalidRequest(f"The option {option[:40]!r} is not known here", pointer="options:0")
    return options


def read_simplified(parameters: Parameters) -> bool:
    """Tell whether the body is in simplified form: by ``format``, or by the older ``options``.

    Raises: InvalidRequest (unknown format or option). Spec: CIM 009 6.5.3.4, 6.3.7, 6.3.20.
    """
    options = read_options(parameters, FORMATS)
    chosen = parameters.get("format")
    if chosen is not None and chosen not in FORMATS:
        raise InvalidRequest(f"The format {chosen[:40]!r} is not known", pointer="format:0")
    return chosen in SIMPLIFIED if chosen is not None else bool(options & SIMPLIFIED)


def read_observed_at(parameters: Parameters) -> Instant | None:
    """Read the common observation time of a merge. Raises: BadRequestData. Spec: CIM 009 6.5.3.4."""
    text = parameters.get("observedAt")
    return None if text is None else parse_time_parameter(text, "observedAt")


def read_language(parameters: Parameters) -> str | None:
    """Read one language tag. Raises: BadRequestData. Spec: CIM 009 6.5.3.4, 4.15."""
    tag = parameters.get("lang")
    if tag is not None and not is_language_tag(tag):
        raise BadRequestData(f"The lang parameter {tag[:40]!r} is not a language tag", pointer="lang:0")
    return tag
