"""Units that NGSI-LD names by their UN/CEFACT code, as SensorThings describes units: name, symbol, definition.

Spec: OGC 18-088 8.2.4 (unitOfMeasurement); UNECE Recommendation 20; UCUM.
"""

from __future__ import annotations

from typing import Final

_UCUM: Final = "http://unitsofmeasure.org/ucum.html#"

_KNOWN: Final = {
    "CEL": ("degree Celsius", "°C", "Cel"),
    "KEL": ("kelvin", "K", "K"),
    "FAH": ("degree Fahrenheit", "°F", "[degF]"),
    "P1": ("percent", "%", "%"),
    "C62": ("one", "1", "1"),
    "59": ("part per million", "ppm", "[ppm]"),
    "61": ("part per billion", "ppb", "[ppb]"),
    "GQ": ("microgram per cubic metre", "µg/m³", "ug/m3"),
    "GP": ("milligram per cubic metre", "mg/m³", "mg/m3"),
    "A97": ("hectopascal", "hPa", "hPa"),
    "PAL": ("pascal", "Pa", "Pa"),
    "KPA": ("kilopascal", "kPa", "kPa"),
    "MBR": ("millibar", "mbar", "mbar"),
    "MTS": ("metre per second", "m/s", "m/s"),
    "KMH": ("kilometre per hour", "km/h", "km/h"),
    "MMT": ("millimetre", "mm", "mm"),
    "CMT": ("centimetre", "cm", "cm"),
    "MTR": ("metre", "m", "m"),
    "KMT": ("kilometre", "km", "km"),
    "MTK": ("square metre", "m²", "m2"),
    "MTQ": ("cubic metre", "m³", "m3"),
    "LTR": ("litre", "l", "l"),
    "MQH": ("cubic metre per hour", "m³/h", "m3/h"),
    "MQS": ("cubic metre per second", "m³/s", "m3/s"),
    "KGM": ("kilogram", "kg", "kg"),
    "GRM": ("gram", "g", "g"),
    "SEC": ("second", "s", "s"),
    "MIN": ("minute", "min", "min"),
    "HUR": ("hour", "h", "h"),
    "DAY": ("day", "d", "d"),
    "DD": ("degree", "°", "deg"),
    "2N": ("decibel", "dB", "dB"),
    "LUX": ("lux", "lx", "lx"),
    "D54": ("watt per square metre", "W/m²", "W/m2"),
    "WTT": ("watt", "W", "W"),
    "KWT": ("kilowatt", "kW", "kW"),
    "KWH": ("kilowatt hour", "kWh", "kW.h"),
    "WHR": ("watt hour", "Wh", "W.h"),
    "VLT": ("volt", "V", "V"),
    "AMP": ("ampere", "A", "A"),
    "HTZ": ("hertz", "Hz", "Hz"),
    "Q30": ("pH", "pH", "[pH]"),
    "D10": ("siemens per metre", "S/m", "S/m"),
    "M1": ("milligram per litre", "mg/l", "mg/L"),
}

Unit = dict[str, str | None]

NO_UNIT: Final[Unit] = {"name": None, "symbol": None, "definition": None}
UNITS: Final[dict[str, Unit]] = {
    code: {"name": name, "symbol": symbol, "definition": _UCUM + ucum} for code, (name, symbol, ucum) in _KNOWN.items()
}


def unit_of(code: str | None) -> Unit:
    """Describe a unit by its code; one that the table does not know is its own name and symbol."""
    if not code:
        return NO_UNIT
    return UNITS.get(code) or {"name": code, "symbol": code, "definition": None}
