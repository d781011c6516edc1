"""Instants and intervals by the algebra of FROST-Server: all thirteen ways that two intervals can lie."""

from __future__ import annotations

from stadtkern.broker.tenants import OpenTenant
from tests.store.sensorthings.constant_rows import Rows, instant, matches

# a year each: what the interval 2004/2006 meets
TIMES: dict[int, tuple[int, int | None]] = {
    1: (2001, 2003),  # before
    2: (2001, 2004),  # meets
    3: (2003, 2005),  # overlaps
    4: (2004, 2005),  # starts
    5: (2004, 2006),  # equals
    6: (2005, 2006),  # finishes
    7: (2004, 2008),  # started by
    8: (2001, 2006),  # finished by
    9: (2001, 2008),  # contains
    10: (2005, 2008),  # overlapped by
    11: (2006, 2008),  # met by
    12: (2007, 2008),  # after
    13: (2003, None),
    14: (2004, None),
    15: (2005, None),
    16: (2006, None),
    17: (2007, None),
}


def year(number: int | None) -> int | None:
    return None if number is None else instant(f"{number}-01-01T00:00:00Z")


ROWS: Rows = {"Observation": [{"n": n, "start": year(s), "stop": year(e)} for n, (s, e) in TIMES.items()]}
INTERVAL = "2004-01-01T00:00:00Z/2006-01-01T00:00:00Z"
INSTANT = "2004-01-01T00:00:00Z"
CASES = [
    (f"phenomenonTime eq {INTERVAL}", [5]),
    (f"phenomenonTime ne {INTERVAL}", [n for n in TIMES if n != 5]),
    (f"phenomenonTime gt {INTERVAL}", [11, 12, 16, 17]),
    (f"phenomenonTime ge {INTERVAL}", [5, 6, 7, 10, 11, 12, 16, 17]),
    (f"phenomenonTime lt {INTERVAL}", [1, 2, 13]),
    (f"phenomenonTime le {INTERVAL}", [1, 2, 3, 4, 5, 8, 13, 14]),
    (f"phenomenonTime eq {INSTANT}", [14]),
    (f"phenomenonTime gt {INSTANT}", [6, 10, 11, 12, 15, 16, 17]),
    (f"phenomenonTime ge {INSTANT}", [4, 5, 6, 7, 10, 11, 12, 14, 15, 16, 17]),
    (f"phenomenonTime lt {INSTANT}", [1, 2, 13]),
    (f"phenomenonTime le {INSTANT}", [1, 2, 13, 14]),
    (f"before(phenomenonTime, {INTERVAL})", [1, 2, 13]),
    (f"after(phenomenonTime, {INTERVAL})", [11, 12, 16, 17]),
    (f"meets(phenomenonTime, {INTERVAL})", [2, 11, 14, 16]),
    (f"during(phenomenonTime, {INTERVAL})", [4, 5, 6, 14, 15]),
    (f"overlaps(phenomenonTime, {INTERVAL})", [3, 4, 5, 6, 7, 8, 9, 10, 14, 15]),
    (f"starts(phenomenonTime, {INTERVAL})", [4, 5, 7, 14]),
    (f"finishes(phenomenonTime, {INTERVAL})", [5, 6, 8, 16]),
    (f"meets(phenomenonTime, {INSTANT})", [2, 4, 5, 7, 14]),
    (f"overlaps(phenomenonTime, {INSTANT})", [3, 4, 5, 7, 8, 9, 14]),
    (f"before({INTERVAL}, phenomenonTime)", [11, 12, 16, 17]),
    (f"during({INSTANT}, phenomenonTime)", [3, 4, 5, 7, 8, 9]),
    (f"{INTERVAL} lt phenomenonTime", [11, 12, 16, 17]),
    ("phenomenonTime lt 2004-01-01T00:00:00Z/P731D", [1, 2, 13]),
    ("phenomenonTime eq 2004-01-01T00:00:00Z/P731D", [5]),
    ("year(phenomenonTime) eq 2005", [6, 10, 15]),
    ("phenomenonTime add duration'P731D' eq 2006-01-01T00:00:00Z/2008-01-02T00:00:00Z", [5]),
]


async def test_times_compare_as_the_algebra_says(tenant: OpenTenant) -> None:
    found = [(text, await matches(tenant.database, ROWS, "Observation", text)) for text, _ in CASES]
    assert [pair for pair, wanted in zip(found, CASES, strict=True) if pair != wanted] == []
