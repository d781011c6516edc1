"""A generated town, for ``stadtkern demo``: plausible, repeatable by its seed, and nowhere on earth."""
