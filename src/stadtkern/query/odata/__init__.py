"""The query language of OGC SensorThings 1.1: addresses and options into values.

``target.parse_target(path)``, ``options.parse_query(pairs, type)``, ``expression.parse_filter(text, type)`` and
``expression.parse_orderby(text, type)``; what they give is in ``tree``.
"""
