"""What an entity is called and described as: the text of the first of several attributes that it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from stadtkern.model.ids import Iri
from stadtkern.store.dialect import NOW, Bound, Sql, join
from stadtkern.store.sensorthings.sight import Sight

LANGUAGES: Final = ("de", "en", "@none")
"""Which language of a name is shown, the first that is there."""


def _path(attribute: Iri, member: str) -> Bound:
    return Bound(f'$.attributes."{attribute}"[0].{member}', "text")


def _one_text(sight: Sight, attribute: Iri) -> Sql:
    """Give the text of an attribute of document ``d`` (on PostgreSQL its attributes as jsonb ``d.a``)."""
    if sight.engine == "sqlite":
        value = _path(attribute, "value")
        languages = [Sql("d.doc ->> {}", _path(attribute, f'value."{one}"')) for one in LANGUAGES]
        return Sql(
            "CASE WHEN coalesce(d.doc ->> {}, 9e18) > {} THEN CASE json_type(d.doc, {}) WHEN 'object'"
            " THEN coalesce({}) ELSE CAST(d.doc ->> {} AS text) END END",
            _path(attribute, "expires_at"),
            NOW,
            value,
            join(", ", languages),
            value,
        )
    first = Sql("(d.a -> {} -> 0)", Bound(str(attribute), "text"))
    languages = [Sql("{} -> 'value' ->> {}", first, Bound(one, "text")) for one in LANGUAGES]
    return Sql(
        "CASE WHEN coalesce(({} ->> 'expires_at')::bigint, 9223372036854775807) > {} THEN"
        " CASE jsonb_typeof({} -> 'value') WHEN 'object' THEN coalesce({}) ELSE {} ->> 'value' END END",
        first,
        NOW,
        first,
        join(", ", languages),
        first,
    )


def named_text(sight: Sight, entity: Sql, attributes: Sequence[Iri], default: Sql) -> Sql:
    """Give the text of the first attribute that an entity's document has, else of an observed one, else the default."""
    shown = [one for one in attributes if sight.shows(one)]
    if not shown:
        return default
    texts = join(", ", [_one_text(sight, one) for one in shown])
    document = Sql("SELECT coalesce({}, NULL) FROM doc d WHERE d.n = {}", texts, entity)
    if sight.engine == "postgres":
        document = Sql(
            "SELECT coalesce({}, NULL) FROM (SELECT d.doc::jsonb -> 'attributes' AS a FROM doc d WHERE d.n = {}"
            " OFFSET 0) d",
            texts,
            entity,
        )
    return Sql("coalesce(({}), ({}), {})", document, _observed_text(sight, entity, shown), default)


def _observed_text(sight: Sight, entity: Sql, attributes: Sequence[Iri]) -> Sql:
    """Give the text that one of the attributes has now, where it changes with time: such a name is in no document."""
    names = join(", ", [Sql("{}", Bound(str(one), "text")) for one in attributes])
    value, kind, end = "s.current ->> '$.value'", "json_type(s.current, '$.value')", "s.current ->> '$.expires_at'"
    if sight.engine == "postgres":
        value = "s.current::jsonb ->> 'value'"
        kind = "replace(jsonb_typeof(s.current::jsonb -> 'value'), 'string', 'text')"
        end = "(s.current::jsonb ->> 'expires_at')::bigint"
    return Sql(
        "SELECT {} FROM series s WHERE s.entity = {} AND s.attribute IN ({}) AND s.dataset_id = '' AND s.observed = 1"
        " AND {} = 'text' AND coalesce({}, 9223372036854775807) > {} ORDER BY s.n LIMIT 1",
        Sql(value),
        entity,
        names,
        Sql(kind),
        Sql(end),
        NOW,
    )
