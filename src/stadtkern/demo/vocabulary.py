"""The town's terms in German, as an @context of their own: the same entities, read in another language.

Without it readers use the English terms, which need no @context (see ``patch``).
"""

from __future__ import annotations

from stadtkern.demo.patch import term
from stadtkern.jsonld.definition import ContextReference

CONTEXT_ID = "kernstadt-de"

_GERMAN = {
    "AirQualityObserved": "Luftmessung",
    "City": "Stadt",
    "District": "Stadtteil",
    "EVChargingStation": "Ladestation",
    "OffStreetParking": "Parkhaus",
    "TrafficFlowObserved": "Verkehrsmessung",
    "Tree": "Baum",
    "WasteContainer": "Abfallbehaelter",
    "WeatherObserved": "Wettermessung",
    "atmosphericPressure": "luftdruck",
    "availableCapacity": "freieLadepunkte",
    "availableSpotNumber": "freiePlaetze",
    "binCapacity": "fassungsvermoegen",
    "capacity": "ladepunkte",
    "category": "kategorie",
    "commonName": "deutscherName",
    "crownDiameter": "kronendurchmesser",
    "fillingLevel": "fuellstand",
    "height": "hoehe",
    "intensity": "fahrzeugeJeStunde",
    "license": "lizenz",
    "no2": "stickstoffdioxid",
    "o3": "ozon",
    "plantingYear": "pflanzjahr",
    "pm10": "feinstaubPM10",
    "pm25": "feinstaubPM25",
    "population": "einwohner",
    "precipitation": "niederschlag",
    "refCity": "stadt",
    "refDistrict": "stadtteil",
    "refParking": "parkhaus",
    "refWeatherObserved": "wettermessung",
    "relativeHumidity": "luftfeuchte",
    "source": "quelle",
    "species": "baumart",
    "storedWasteKind": "abfallart",
    "temperature": "temperatur",
    "totalSpotNumber": "plaetze",
    "trunkCircumference": "stammumfang",
    "vehicleType": "fahrzeugart",
    "windDirection": "windrichtung",
    "windSpeed": "windgeschwindigkeit",
}


def german_context() -> ContextReference:
    """Give the context."""
    return {german: term(english) for english, german in _GERMAN.items()}
