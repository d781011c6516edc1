"""Entities, their histories and discovery answers to JSON text; the front of the ``render_…`` modules.

Rendered objects carry no ``@context``: they can be kept as bytes and put together. ``with_context`` adds it.
"""

from stadtkern.views.ngsild.render_discovery import (
    render_attribute_details,
    render_attribute_info,
    render_attribute_list,
    render_type_details,
    render_type_info,
    render_type_list,
)
from stadtkern.views.ngsild.render_entity import (
    EntityRenderer,
    context_text,
    next_expiry,
    render_entity,
    render_feature_collection,
    render_list,
    targets_of,
    with_context,
)
from stadtkern.views.ngsild.render_language import LanguageFilter, parse_lang
from stadtkern.views.ngsild.render_temporal import HistoryRenderer, render_history
from stadtkern.views.ngsild.representation import Representation

__all__ = [
    "EntityRenderer",
    "HistoryRenderer",
    "LanguageFilter",
    "Representation",
    "context_text",
    "next_expiry",
    "parse_lang",
    "render_attribute_details",
    "render_attribute_info",
    "render_attribute_list",
    "render_entity",
    "render_feature_collection",
    "render_history",
    "render_list",
    "render_type_details",
    "render_type_info",
    "render_type_list",
    "targets_of",
    "with_context",
]
