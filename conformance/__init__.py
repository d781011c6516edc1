"""The official NGSI-LD conformance suite, run against this project on each engine: ``./do conform CLONE VENV``."""
