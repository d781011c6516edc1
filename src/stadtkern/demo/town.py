"""The whole town of one seed: its entities as they are before anything is measured, and its sensors."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stadtkern.demo import inventory, patch, rhythm
from stadtkern.demo.chance import source
from stadtkern.demo.ground import District, Ground, Position, draw_position, lay_out
from stadtkern.demo.inventory import CarPark, Species, Station
from stadtkern.demo.rhythm import Reading
from stadtkern.demo.weather import Climate
from stadtkern.model.entity import EntityPatch, InstancePatch
from stadtkern.model.ids import EntityId, Iri
from stadtkern.model.instant import Instant

MINUTE_US = 60_000_000
CITY = patch.entity_id("City", "city")
"""The town itself: the first entity to be written; where it is, the store is a demonstration's."""
PLANTED_UNTIL = 2024
"""The youngest trees are of this year, whenever the demonstration runs."""

_AIR = (("no2", "GQ"), ("o3", "GQ"), ("pm10", "GQ"), ("pm25", "GQ"))
_WEATHER = (
    ("temperature", "CEL"),
    ("relativeHumidity", "C62"),
    ("windSpeed", "MTS"),
    ("windDirection", "DD"),
    ("precipitation", "MMT"),
    ("atmosphericPressure", "A97"),
)


@dataclass(frozen=True, slots=True)
class Sensor:
    """What measures. attributes: their names and units, in the order of the reading's values. step: microseconds."""

    id: EntityId
    types: list[Iri]
    kind: str
    step: int
    attributes: tuple[tuple[Iri, str | None], ...]
    read: Reading

    def measure(self, instant: Instant) -> dict[Iri, InstancePatch]:
        """Read all attributes at one moment."""
        values = zip(self.attributes, self.read(instant), strict=True)
        return {name: patch.measured(number, unit, instant) for (name, unit), number in values}


@dataclass(frozen=True, slots=True)
class Town:
    """A town: the entity of the town first, then all others; sensors are entities, too."""

    seed: int
    entities: tuple[EntityPatch, ...]
    sensors: tuple[Sensor, ...]


def build_town(seed: int) -> Town:
    """Build the town of a seed."""
    builder = _Builder(seed)
    builder.build()
    return Town(seed, tuple(builder.entities), tuple(builder.sensors))


class _Builder:
    """Puts one town together."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._ground: Ground = lay_out(seed)
        self._climate = Climate(seed)
        self._districts = {district.slug: district for district in self._ground.districts}
        self.entities: list[EntityPatch] = []
        self.sensors: list[Sensor] = []

    def build(self) -> None:
        """Make everything, the town itself first."""
        self._add_city()
        for district in self._ground.districts:
            self._add_district(district)
        for station in inventory.WEATHER:
            self._add_weather(station)
        for station in inventory.AIR:
            self._add_air(station)
        for car_park in inventory.CAR_PARKS:
            self._add_car_park(car_park)
        for station in inventory.BICYCLES:
            self._add_bicycles(station)
        self._add_containers()
        self._add_trees()

    def _add(
        self, type: str, name: str, district: District, position: Position, attributes: Mapping[str, InstancePatch]
    ) -> EntityPatch:
        placed = {
            "location": patch.point(position),
            "refDistrict": patch.reference("District", district.slug),
            **attributes,
        }
        entity = patch.entity(type, name, f"/Kernstadt/{district.slug}", placed)
        self.entities.append(entity)
        return entity

    def _sense(
        self, entity: EntityPatch, kind: str, minutes: int, units: tuple[tuple[str, str | None], ...], read: Reading
    ) -> None:
        attributes = tuple((patch.term(name), unit) for name, unit in units)
        id_ = entity.id or CITY
        self.sensors.append(Sensor(id_, entity.types, kind, minutes * MINUTE_US, attributes, read))

    def _place(self, type: str, station: Station | CarPark) -> tuple[District, Position]:
        district = self._districts[station.district]
        return district, draw_position(source(self._seed, f"{type}:{station.slug}"), district)

    def _add_city(self) -> None:
        attributes = {
            "name": patch.names("Kernstadt", "Kernstadt"),
            "description": patch.value("An invented town: everything here is generated"),
            "population": patch.value(sum(district.people for district in self._ground.districts)),
            "seed": patch.value(self._seed),
            "location": patch.polygon(self._ground.outline),
        }
        self.entities.append(patch.entity("City", "city", "/Kernstadt", attributes))

    def _add_district(self, district: District) -> None:
        attributes = {
            "name": patch.names(district.german, district.english),
            "population": patch.value(district.people),
            "location": patch.polygon(district.ring),
            "refCity": patch.reference("City", "city"),
        }
        self.entities.append(patch.entity("District", district.slug, f"/Kernstadt/{district.slug}", attributes))

    def _add_weather(self, station: Station) -> None:
        district, position = self._place("weather", station)
        entity = self._add(
            "WeatherObserved",
            station.slug,
            district,
            position,
            {"name": patch.names(station.german, station.english)},
        )
        read = rhythm.weather_station(self._climate, self._seed, f"weather:{station.slug}", station.measure)
        self._sense(entity, "weather", 60, _WEATHER, read)

    def _add_air(self, station: Station) -> None:
        district, position = self._place("air", station)
        attributes = {
            "name": patch.names(station.german, station.english),
            "typeofLocation": patch.value("outdoor"),
            "refWeatherObserved": patch.reference("WeatherObserved", inventory.WEATHER[0].slug),
        }
        entity = self._add("AirQualityObserved", station.slug, district, position, attributes)
        read = rhythm.air_station(self._climate, self._seed, f"air:{station.slug}", station.measure)
        self._sense(entity, "air", 60, _AIR, read)

    def _add_car_park(self, car_park: CarPark) -> None:
        district, position = self._place("parking", car_park)
        attributes = {
            "name": patch.names(car_park.german, car_park.english),
            "category": patch.value(["public", "feeCharged"]),
            "totalSpotNumber": patch.value(car_park.spots),
        }
        entity = self._add("OffStreetParking", car_park.slug, district, position, attributes)
        read = rhythm.car_park(self._seed, f"parking:{car_park.slug}", car_park.spots, car_park.commuters)
        self._sense(entity, "parking", 15, (("availableSpotNumber", None),), read)
        if car_park.sockets:
            self._add_charging(car_park, district, position)

    def _add_charging(self, car_park: CarPark, district: District, position: Position) -> None:
        attributes = {
            "name": patch.names(f"Laden im {car_park.german}", f"Charging at {car_park.english}"),
            "capacity": patch.value(car_park.sockets),
            "socketType": patch.value(["Type2"]),
            "refParking": patch.reference("OffStreetParking", car_park.slug),
        }
        entity = self._add("EVChargingStation", car_park.slug, district, position, attributes)
        read = rhythm.charging_station(self._seed, f"charging:{car_park.slug}", car_park.sockets)
        self._sense(entity, "charging", 60, (("availableCapacity", None),), read)

    def _add_bicycles(self, station: Station) -> None:
        district, position = self._place("bicycles", station)
        attributes = {
            "name": patch.names(station.german, station.english),
            "vehicleType": patch.value("bicycle"),
        }
        entity = self._add("TrafficFlowObserved", station.slug, district, position, attributes)
        read = rhythm.bicycle_counter(self._climate, self._seed, f"bicycles:{station.slug}", round(station.measure))
        self._sense(entity, "bicycles", 60, (("intensity", None),), read)

    def _add_containers(self) -> None:
        chance = source(self._seed, "containers")
        districts = self._ground.districts
        for number in range(1, inventory.CONTAINERS + 1):
            district = chance.choices(districts, [one.people for one in districts])[0]
            waste, days = chance.choice(inventory.WASTE)
            name = f"{number:04}"
            attributes = {
                "storedWasteKind": patch.value([waste]),
                "binCapacity": patch.value(chance.choice([120, 240, 660, 1100]), "LTR"),
            }
            position = draw_position(chance, district)
            entity = self._add("WasteContainer", name, district, position, attributes)
            read = rhythm.waste_container(self._seed, f"container:{name}", days, chance.uniform(0.55, 1.1))
            self._sense(entity, "containers", 360, (("fillingLevel", "C62"),), read)

    def _add_trees(self) -> None:
        chance = source(self._seed, "trees")
        for number, district in enumerate(self._spread_trees(chance), 1):
            species = chance.choices(inventory.SPECIES, [one.weight for one in inventory.SPECIES])[0]
            position = draw_position(chance, district)
            self._add("Tree", f"{number:05}", district, position, _grow(chance, species))

    def _spread_trees(self, chance: random.Random) -> Iterator[District]:
        districts = self._ground.districts
        yield from chance.choices(districts, [one.green for one in districts], k=inventory.TREES)


def _grow(chance: random.Random, species: Species) -> dict[str, InstancePatch]:
    """Give a tree an age and the size that goes with it."""
    age = min(180, round(chance.expovariate(1 / 32)))
    grown = 1 - math.exp(-(age + 4) / 30)
    height = species.height_m * grown * chance.uniform(0.8, 1.15)
    return {
        "species": patch.value(species.latin),
        "commonName": patch.names(species.german, species.english),
        "plantingYear": patch.value(PLANTED_UNTIL - age),
        "height": patch.value(round(height, 1), "MTR"),
        "crownDiameter": patch.value(round(height * chance.uniform(0.35, 0.6), 1), "MTR"),
        "trunkCircumference": patch.value(round(12 + age * chance.uniform(1.6, 2.6)), "CMT"),
    }
