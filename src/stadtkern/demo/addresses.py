"""Addresses that show what a visitor can ask of the town."""

from __future__ import annotations

from shlex import quote as quote_word
from typing import NamedTuple
from urllib.parse import quote, urlencode

from stadtkern.demo import inventory, patch
from stadtkern.demo.ground import CENTRE
from stadtkern.demo.local_time import DAY_US
from stadtkern.demo.vocabulary import CONTEXT_ID
from stadtkern.model.instant import Instant, render_instant

API = "/ngsi-ld/v1"
SENSORTHINGS = "/sta/v1.1"
HOSTED = f"{API}/jsonldContexts/{CONTEXT_ID}"


class Address(NamedTuple):
    """Something to try. headers: what a browser cannot send; such an address is for curl."""

    title: str
    url: str
    headers: tuple[str, ...] = ()

    def render(self) -> str:
        """Write it so that it can be clicked or pasted into a shell."""
        if not self.headers:
            return self.url
        headers = [word for header in self.headers for word in ("-H", header)]
        return " ".join(quote_word(word) for word in ("curl", *headers, self.url))


def list_addresses(base: str, now: Instant) -> list[Address]:
    """List what to try at a server. base: its address without a slash at the end."""
    week = render_instant(now - now % DAY_US - 7 * DAY_US)
    air = patch.entity_id("AirQualityObserved", inventory.AIR[0].slug)
    garage = patch.entity_id("OffStreetParking", inventory.CAR_PARKS[0].slug)
    german = f'Link: <{base}{HOSTED}>; rel="http://www.w3.org/ns/json-ld#context"'
    near = {"georel": "near;maxDistance==1500", "geometry": "Point", "coordinates": f"[{CENTRE[0]},{CENTRE[1]}]"}
    daily = {
        "attrs": "no2",
        "timerel": "after",
        "timeAt": week,
        "aggrMethods": "avg,max",
        "aggrPeriodDuration": "P1D",
        "options": "aggregatedValues",
    }
    latest = {
        "$filter": "ObservedProperty/name eq 'no2'",
        "$expand": "Thing($select=name),Observations($orderby=phenomenonTime desc;$top=1)",
    }
    full = {"type": "WasteContainer", "q": "fillingLevel>0.8", "options": "simplified"}

    def entities(**query: str) -> str:
        return _address(base, "/entities", query)

    return [
        Address("Where to begin", f"{base}/"),
        Address("Free spots in all car parks", entities(type="OffStreetParking", options="simplified")),
        Address("Waste containers that are nearly full", entities(**full)),
        Address("Trees over 20 m in the old town", entities(type="Tree", q="height>20", scopeQ="/Kernstadt/altstadt")),
        Address("Bicycle counters near the centre", entities(type="TrafficFlowObserved", **near)),
        Address("Districts as GeoJSON", entities(type="District"), ("Accept: application/geo+json",)),
        Address(
            "One air station, its name in German",
            _address(base, f"/entities/{air}", {"lang": "de", "options": "simplified"}),
        ),
        Address("The same, in German terms", f"{base}{API}/entities/{air}", (german,)),
        Address(
            "The last ten values of a car park",
            _address(
                base,
                f"/temporal/entities/{garage}",
                {"attrs": "availableSpotNumber", "lastN": "10", "options": "temporalValues"},
            ),
        ),
        Address("Nitrogen dioxide by day, a week", _address(base, f"/temporal/entities/{air}", daily)),
        Address(
            "Nitrogen dioxide now, by SensorThings",
            f"{base}{SENSORTHINGS}/Datastreams?{urlencode(latest, quote_via=quote)}",
        ),
        Address("All types", _address(base, "/types", {"details": "true"})),
        Address("What the API can do", f"{base}/openapi.json"),
    ]


def _address(base: str, path: str, query: dict[str, str]) -> str:
    # what a shell or a server might take amiss is percent-encoded; what people read stays
    return f"{base}{API}{path}?{urlencode(query, safe=':,;=/', quote_via=quote)}"
