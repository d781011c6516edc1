"""In which order a set is read, and where in it a page begins.

Null comes first ascending and last descending (OGC 18-088 9.3.3.3); the last key is always the id, so that the order is
total. Without an order a set is read by id, Observations by phenomenonTime and id.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Sequence
from typing import Any, Final, LiteralString, NamedTuple, cast

import msgspec

from stadtkern.errors import BadRequestData, TooComplexQuery
from stadtkern.model.sensorthings import TypeName
from stadtkern.query.odata.tree import Member, Order, Query
from stadtkern.store.dialect import FALSE, Bound, EngineName, ParamType, Sql, join
from stadtkern.store.sensorthings.expression import compile_keys
from stadtkern.store.sensorthings.scope import Scope
from stadtkern.store.sensorthings.sight import Row

_NAMES: Final[tuple[LiteralString, ...]] = tuple(
    f"k{ten}{one}" for ten in ("0", "1", "2") for one in ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
)
_TYPES: Final[dict[type, ParamType]] = {int: "bigint", float: "double precision", str: "text"}
_encode = msgspec.json.encode


class Key(NamedTuple):
    """One part of an order. sure: it is an integer and never NULL, so that an index may give the order. text: it is a
    text, else a number.
    """

    sql: Sql
    descending: bool = False
    sure: bool = False
    text: bool = False

    def may_be(self, value: Any) -> bool:
        """Tell whether it can have a value: what comes back from clients must not compare texts with numbers."""
        if self.sure or isinstance(value, int):
            return value.__class__ is int and not self.text and -(2**63) <= value < 2**63
        if isinstance(value, str):
            return self.text and "\0" not in value
        return value is None or (isinstance(value, float) and not self.text)


def order_keys(type: TypeName, query: Query, row: Row, scope: Scope) -> list[Key]:
    """Give the keys of a query over the row of its set. Raises: BadRequestData, TooComplexQuery."""
    keys: list[Key] = []
    for order in query.orderby:
        plain = _plain(type, order, row)
        if plain is not None:
            keys.append(Key(plain, order.descending, True))
        else:
            keys += [Key(sql, order.descending, text=text) for sql, text in compile_keys(order.expression, scope)]
        if _is_id(order):
            break
    else:
        if not keys and type == "Observation":
            keys.append(Key(row["time"], False, True))
        keys.append(Key(row["n"], bool(keys) and keys[-1].descending, True))
    if len(keys) > len(_NAMES):
        raise TooComplexQuery("$orderby has too many parts")
    return keys


def _is_id(order: Order) -> bool:
    one = order.expression
    return isinstance(one, Member) and not one.relations and one.property == "id"


def _plain(type: TypeName, order: Order, row: Row) -> Sql | None:
    """Give the column of what is never NULL."""
    one = order.expression
    if not isinstance(one, Member) or one.relations or one.inside:
        return None
    if one.property == "id":
        return row["n"]
    if (type, one.property) in {("Observation", "phenomenonTime"), ("HistoricalLocation", "time")}:
        return row["time"]
    return None


def key_columns(keys: Sequence[Key]) -> Sql:
    """Give the keys as columns of a SELECT."""
    return join(", ", [Sql("{} AS {}", key.sql, Sql(_NAMES[i])) for i, key in enumerate(keys)])


def read_keys(keys: Sequence[Key], row: Row) -> list[Sql]:
    """Give the keys that a SELECT around the one with ``key_columns`` sees."""
    return [row[_NAMES[i]] for i in range(len(keys))]


def order_by(keys: Sequence[Key], engine: EngineName, sql: Sequence[Sql]) -> Sql:
    """Give what stands behind ORDER BY, over these SQL texts of the keys."""
    return join(", ", [Sql("{}{}", one, _direction(key, engine)) for key, one in zip(keys, sql, strict=True)])


def _direction(key: Key, engine: EngineName) -> Sql:
    if engine == "sqlite" or key.sure:
        return Sql(" DESC") if key.descending else Sql("")
    return Sql(" DESC NULLS LAST") if key.descending else Sql(" ASC NULLS FIRST")


def write_after(type: TypeName, query: Query, values: Sequence[Any]) -> str | None:
    """Write where a page ended, for ``Query.after``; None where a value cannot be written."""
    if any(one is not None and one.__class__ not in _TYPES for one in values):
        return None
    return base64.urlsafe_b64encode(_encode([_mark(type, query), *values])).decode().rstrip("=")


def _mark(type: TypeName, query: Query) -> str:
    """Give a short text that is another one for another order."""
    orders = [[type], *([repr(one.expression), one.descending] for one in query.orderby)]
    return hashlib.sha256(_encode(orders)).hexdigest()[:8]


def read_after(type: TypeName, query: Query, keys: Sequence[Key]) -> list[Any]:
    """Read what ``write_after`` wrote. Raises: BadRequestData."""
    text = query.after or ""
    try:
        parts: Any = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise BadRequestData("$skiptoken is none that this server has given") from error
    if not isinstance(parts, list):
        raise BadRequestData("$skiptoken is none that this server has given")
    mark, *values = cast("list[Any]", parts) or [None]
    if mark != _mark(type, query) or len(values) != len(keys):
        raise BadRequestData("$skiptoken belongs to a query with another $orderby")
    if not all(key.may_be(value) for key, value in zip(keys, values, strict=True)):
        raise BadRequestData("$skiptoken is none that this server has given")
    return values


def beyond(keys: Sequence[Key], values: Sequence[Any]) -> Sql:
    """Give the condition that a row comes after the one with these values."""
    bound = [None if one is None else Bound(one, _TYPES[one.__class__]) for one in values]
    same_way = all(key.sure and key.descending == keys[0].descending for key in keys)
    if same_way and None not in bound:
        left, right = join(", ", [key.sql for key in keys]), join(", ", [Sql("{}", one) for one in bound if one])
        return Sql("({}) < ({})", left, right) if keys[0].descending else Sql("({}) > ({})", left, right)
    choices: list[Sql] = []
    for i, key in enumerate(keys):
        same = [_equal(one, value) for one, value in zip(keys[:i], bound[:i], strict=True)]
        choices.append(Sql("({})", join(" AND ", [*same, _past(key, bound[i])])))
    return Sql("({})", join(" OR ", choices))


def _equal(key: Key, value: Bound | None) -> Sql:
    return Sql("{} IS NULL", key.sql) if value is None else Sql("{} = {}", key.sql, value)


def _past(key: Key, value: Bound | None) -> Sql:
    if value is None:
        return FALSE if key.descending else Sql("{} IS NOT NULL", key.sql)
    if not key.descending:
        return Sql("{} > {}", key.sql, value)
    return Sql("{} < {}", key.sql, value) if key.sure else Sql("({} < {} OR {} IS NULL)", key.sql, value, key.sql)
