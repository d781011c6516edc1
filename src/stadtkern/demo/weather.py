"""The town's weather as a function of time; air, bicycles and everything else out of doors share it."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

from stadtkern.demo.chance import drift, key_of
from stadtkern.demo.local_time import HOUR_US, local_time


class Weather(NamedTuple):
    """The weather at one moment. sun: 0 at night to 1 at noon under a clear sky in summer."""

    temperature_c: float
    humidity: float
    wind_m_s: float
    wind_from_degrees: float
    rain_mm_h: float
    pressure_hpa: float
    sun: float


class Climate:
    """The weather of one seed."""

    def __init__(self, seed: int) -> None:
        self._front = key_of(seed, "weather:front")
        self._wet = key_of(seed, "weather:wet")
        self._shower = key_of(seed, "weather:shower")
        self._gust = key_of(seed, "weather:gust")
        self._vane = key_of(seed, "weather:vane")
        # every sensor asks for the same full hours
        self.at = lru_cache(maxsize=8192)(self._at)

    def _at(self, instant: int) -> Weather:
        local = local_time(instant)
        hours = instant / HOUR_US
        season = -math.cos(2 * math.pi * (local.day_of_year - 20) / 365.25)
        front = drift(self._front, hours, 61)
        cloud = _within(0.5 + 0.65 * drift(self._wet, hours, 31), 0.0, 1.0)
        rain = max(0.0, cloud - 0.62) * max(0.0, 0.4 + drift(self._shower, hours, 3.1)) * 11
        sun = _height_of_sun(local.hour, season) * (1 - 0.75 * cloud)
        warming = math.cos(2 * math.pi * (local.hour - 15.5) / 24)
        temperature = 9.7 + 9.2 * season + 5.5 * front + (4.8 - 3.2 * cloud) * warming - min(2.5, rain)
        wind = max(0.2, 3.1 - 0.7 * season + 1.9 * drift(self._gust, hours, 14) + 0.7 * drift(self._gust, hours, 1.7))
        vane = 240 + 110 * drift(self._vane, hours, 37) + 15 * drift(self._vane, hours, 2.3)
        humidity = _within(0.70 + 0.22 * cloud - 0.16 * warming - 0.05 * season + min(rain, 2.0) * 0.05, 0.25, 1.0)
        pressure = 1_014 - 13 * (cloud - 0.5) + 9 * drift(self._front, hours + 20, 61)
        return Weather(temperature, humidity, wind, vane % 360, rain, pressure, sun)


def _height_of_sun(hour: float, season: float) -> float:
    """Give how high the sun stands, 0 to 1. hour: local summer or winter time. season: -1 midwinter, 1 midsummer."""
    half_day = 6.1 + 2.1 * season
    distance = abs(hour - 12.8) / half_day
    return (0.62 + 0.38 * season) * math.cos(distance * math.pi / 2) if distance < 1 else 0.0


def _within(value: float, least: float, most: float) -> float:
    return min(most, max(least, value))
