"""The query language of OGC SensorThings 1.1: addresses and options into values."""
