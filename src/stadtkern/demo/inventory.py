"""What stands where in the town: names, sizes and numbers from which entities and sensors are made."""

from __future__ import annotations

from typing import NamedTuple


class Station(NamedTuple):
    """A place where something is measured. measure: what it means depends on the kind of station."""

    slug: str
    german: str
    english: str
    district: str
    measure: float


class CarPark(NamedTuple):
    """A car park. commuters: 0 for shoppers to 1 for people who work nearby. sockets: for charging cars."""

    slug: str
    german: str
    english: str
    district: str
    spots: int
    commuters: float
    sockets: int


class Species(NamedTuple):
    """A kind of tree. height_m: of a full-grown one. weight: how often it stands in the town."""

    latin: str
    german: str
    english: str
    height_m: float
    weight: float


WEATHER = (
    Station("marktplatz", "Wetterstation Marktplatz", "Weather station Market Square", "altstadt", 0),
    Station("kernberg", "Wetterstation Kernberg", "Weather station Kern Hill", "am-hain", 140),
    Station("hafen", "Wetterstation Hafen", "Weather station Harbour", "hafen", -15),
)
"""Measure: metres above the town's centre."""

AIR = (
    Station("ring", "Luftmessstation Altstadtring", "Air station Old Town Ring", "altstadt", 1.5),
    Station("markt", "Luftmessstation Marktplatz", "Air station Market Square", "altstadt", 0.7),
    Station("bahnhof", "Luftmessstation Bahnhof", "Air station Main Station", "oststadt", 1.2),
    Station("hain", "Luftmessstation Hain", "Air station Grove", "am-hain", 0.2),
    Station("nordallee", "Luftmessstation Nordallee", "Air station North Avenue", "nordstadt", 1.1),
    Station("muehlbach", "Luftmessstation Mühlbach", "Air station Mill Brook", "muehlenviertel", 0.5),
    Station("suedpark", "Luftmessstation Südpark", "Air station South Park", "suedvorstadt", 0.3),
    Station("kai", "Luftmessstation Kai", "Air station Quay", "hafen", 0.9),
)
"""Measure: how near the traffic is, 0.2 to 1.5."""

BICYCLES = (
    Station("steinerne-bruecke", "Radzähler Steinerne Brücke", "Bicycle counter Stone Bridge", "altstadt", 420),
    Station("rathausgasse", "Radzähler Rathausgasse", "Bicycle counter Town Hall Lane", "altstadt", 240),
    Station("bahnhofstrasse", "Radzähler Bahnhofstraße", "Bicycle counter Station Street", "oststadt", 380),
    Station("waldweg", "Radzähler Waldweg", "Bicycle counter Forest Path", "am-hain", 90),
    Station("nordallee", "Radzähler Nordallee", "Bicycle counter North Avenue", "nordstadt", 260),
    Station("campus", "Radzähler Campus", "Bicycle counter Campus", "nordstadt", 510),
    Station("muehlendamm", "Radzähler Mühlendamm", "Bicycle counter Mill Dam", "muehlenviertel", 180),
    Station("suedtor", "Radzähler Südtor", "Bicycle counter South Gate", "suedvorstadt", 310),
    Station("schulstrasse", "Radzähler Schulstraße", "Bicycle counter School Street", "suedvorstadt", 150),
    Station("kaipromenade", "Radzähler Kaipromenade", "Bicycle counter Quay Walk", "hafen", 200),
)
"""Measure: bicycles in the busiest hour."""

CAR_PARKS = (
    CarPark("rathaus", "Parkhaus Rathaus", "Car park Town Hall", "altstadt", 320, 0.1, 8),
    CarPark("markt", "Tiefgarage Markt", "Underground car park Market", "altstadt", 210, 0.0, 4),
    CarPark("theater", "Parkhaus Theater", "Car park Theatre", "altstadt", 450, 0.2, 10),
    CarPark("bahnhof", "Parkhaus Bahnhof", "Car park Main Station", "oststadt", 610, 0.8, 12),
    CarPark("klinikum", "Parkhaus Klinikum", "Car park Hospital", "nordstadt", 540, 0.7, 6),
    CarPark("campus", "Parkplatz Campus", "Car park Campus", "nordstadt", 280, 1.0, 0),
    CarPark("muehle", "Parkplatz Alte Mühle", "Car park Old Mill", "muehlenviertel", 120, 0.3, 0),
    CarPark("hafen", "Parkplatz Hafen", "Car park Harbour", "hafen", 390, 0.5, 6),
)

SPECIES = (
    Species("Tilia cordata", "Winterlinde", "small-leaved lime", 24, 5),
    Species("Acer platanoides", "Spitzahorn", "Norway maple", 22, 4),
    Species("Quercus robur", "Stieleiche", "English oak", 28, 3),
    Species("Platanus × hispanica", "Platane", "London plane", 30, 2),
    Species("Fagus sylvatica", "Rotbuche", "European beech", 30, 2),
    Species("Aesculus hippocastanum", "Rosskastanie", "horse chestnut", 25, 2),
    Species("Carpinus betulus", "Hainbuche", "hornbeam", 18, 2),
    Species("Betula pendula", "Hängebirke", "silver birch", 20, 2),
    Species("Fraxinus excelsior", "Esche", "ash", 28, 1),
    Species("Prunus avium", "Vogelkirsche", "wild cherry", 16, 1),
    Species("Sorbus aucuparia", "Eberesche", "rowan", 12, 1),
    Species("Ginkgo biloba", "Ginkgo", "ginkgo", 20, 0.5),
)

TREES = 2_600
CONTAINERS = 240
WASTE = (("paper", 7), ("glass", 14), ("other", 2), ("organic", 7), ("plastic", 7))
"""What a container is for, and the days between two emptyings."""
