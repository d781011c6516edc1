"""Stadtkern: an open urban data platform for municipalities."""

__all__: list[str] = []
