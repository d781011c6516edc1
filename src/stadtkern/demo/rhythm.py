"""What a town's sensors see, as functions of time: rush hours, full car parks at noon, bins that fill and are emptied.

Each function makes a reading: give it an instant and it tells the values of the sensor's attributes, in their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from stadtkern.demo.chance import drift, fraction, key_of
from stadtkern.demo.local_time import HOUR_US, LocalTime, local_time
from stadtkern.demo.weather import Climate

Values = tuple[float, ...]
Reading = Callable[[int], Values]
"""From an instant (microseconds since 1970, UTC) to the values of a sensor's attributes."""


def hill(hour: float, top: float, width: float) -> float:
    """Give 1 at the top's hour, 0.37 at a width's distance, less beyond; around the clock."""
    distance = (hour - top + 12) % 24 - 12
    return math.exp(-((distance / width) ** 2))


def plateau(hour: float, middle: float, width: float) -> float:
    """The same with a flat top and steep sides."""
    distance = (hour - middle + 12) % 24 - 12
    return math.exp(-((distance / width) ** 4))


def traffic(local: LocalTime) -> float:
    """Tell how much motor traffic there is, 0 to about 1."""
    hour = local.hour
    if local.is_weekend:
        return 0.06 + (0.55 if local.weekday == 5 else 0.4) * hill(hour, 14, 5)
    return 0.06 + 0.75 * hill(hour, 7.8, 1.4) + 0.70 * hill(hour, 17.1, 2.1) + 0.42 * hill(hour, 12.5, 3.5)


def weather_station(climate: Climate, seed: int, name: str, height_m: float) -> Reading:
    """Temperature, relative humidity, wind speed, wind direction, precipitation, pressure.

    height_m: above the town's centre; it is colder and windier up there.
    """
    key = key_of(seed, name)

    def read(instant: int) -> Values:
        weather = climate.at(instant)
        jitter = drift(key, instant / HOUR_US, 2.9)
        return (
            round(weather.temperature_c - 0.0065 * height_m + 0.4 * jitter, 1),
            round(min(1.0, max(0.2, weather.humidity + 0.02 * jitter)), 2),
            round(weather.wind_m_s * (1 + height_m / 400) * (1 + 0.1 * jitter), 1),
            round(weather.wind_from_degrees + 8 * jitter) % 360,
            round(weather.rain_mm_h * (1 + 0.15 * jitter), 1),
            round(weather.pressure_hpa - height_m / 8.3, 1),
        )

    return read


def air_station(climate: Climate, seed: int, name: str, roadside: float) -> Reading:
    """NO2, O3, PM10 and PM2.5 in µg/m³. roadside: 0.2 in a park to 1.5 at a main road."""
    key = key_of(seed, name)

    def read(instant: int) -> Values:
        weather = climate.at(instant)
        local = local_time(instant)
        hours = instant / HOUR_US
        stagnant = 1.9 / (0.7 + weather.wind_m_s / 2.4)
        jitter = 1 + 0.18 * drift(key, hours, 2.3)
        heating = max(0.0, 12 - weather.temperature_c) * 0.28 * (0.6 + hill(local.hour, 20, 4))
        no2 = (4 + 34 * roadside * traffic(local)) * stagnant * jitter
        ozone = 34 + 85 * weather.sun + max(0.0, weather.temperature_c - 18) * 2.2 - 0.75 * no2
        washed = 0.55 if weather.rain_mm_h > 0.2 else 1.0
        dust = (7 + 11 * roadside * traffic(local) + heating) * stagnant * washed * jitter
        return round(no2, 1), round(max(3.0, ozone), 1), round(dust, 1), round(dust * 0.64, 1)

    return read


def car_park(seed: int, name: str, spots: int, commuters: float) -> Reading:
    """Free spots. commuters: 0 for shoppers' car parks, which are full at noon, to 1 for one beside offices."""
    key = key_of(seed, name)

    def read(instant: int) -> Values:
        local = local_time(instant)
        if local.weekday == 6:
            used = 0.10 + 0.30 * hill(local.hour, 14.5, 4)
        elif local.weekday == 5:
            used = 0.10 + (0.90 - 0.55 * commuters) * plateau(local.hour, 13.5, 3.6)
        else:
            used = 0.09 + 0.89 * plateau(local.hour, 12.4 - 0.4 * commuters, 3.0 + 1.8 * commuters)
            used += (1 - commuters) * 0.22 * hill(local.hour, 19.5, 1.6)
        used += 0.035 * drift(key, instant / HOUR_US, 5.3) + 0.015 * drift(key, instant / HOUR_US, 0.31)
        return (round(spots * (1 - min(1.0, max(0.02, used)))),)

    return read


def bicycle_counter(climate: Climate, seed: int, name: str, busiest: int) -> Reading:
    """Bicycles an hour. busiest: in a rush hour under a fine sky."""
    key = key_of(seed, name)

    def read(instant: int) -> Values:
        weather = climate.at(instant)
        local = local_time(instant)
        if local.is_weekend:
            share = 0.02 + 0.55 * hill(local.hour, 14.5, 4.2)
        else:
            share = 0.02 + 0.9 * hill(local.hour, 7.7, 1.1) + 0.8 * hill(local.hour, 17.0, 1.9)
            share += 0.3 * hill(local.hour, 12.8, 3)
        comfort = min(1.15, max(0.22, (weather.temperature_c + 4) / 21))
        wet = 0.4 if weather.rain_mm_h > 0.3 else 1.0
        return (round(busiest * share * comfort * wet * (1 + 0.15 * drift(key, instant / HOUR_US, 0.9))),)

    return read


def waste_container(seed: int, name: str, days: int, pace: float) -> Reading:
    """Filling level, 0 to 1. days: between two emptyings, at six in the morning. pace: its usual level when emptied."""
    key = key_of(seed, name)
    shift = key % days

    def read(instant: int) -> Values:
        local = local_time(instant)
        # a container's day begins when it may be emptied
        since = local.day - (1 if local.hour < 6 else 0)
        cycle, past = divmod(since + shift, days)
        hour = local.hour if local.hour >= 6 else local.hour + 24
        today = min(1.0, max(0.0, (hour - 7) / 15))
        filled = (past + today) / days * pace * (0.7 + 0.6 * fraction(key, cycle))
        return (round(min(1.0, 0.02 + filled), 2),)

    return read


def charging_station(seed: int, name: str, sockets: int) -> Reading:
    """Free sockets."""
    key = key_of(seed, name)

    def read(instant: int) -> Values:
        local = local_time(instant)
        used = 0.15 + 0.6 * plateau(local.hour, 13, 5) * (0.6 if local.is_weekend else 1.0)
        used += 0.3 * drift(key, instant / HOUR_US, 1.4)
        return (round(sockets * (1 - min(1.0, max(0.0, used)))),)

    return read
