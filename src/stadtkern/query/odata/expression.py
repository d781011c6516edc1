"""``$filter`` and ``$orderby``: text to a typed tree.

Operators by precedence, strongest first: paths, calls and ``in``; ``not`` and the sign; ``mul div mod``; ``add sub``;
``gt ge lt le``; ``eq ne``; ``and``; ``or``. A path across a relation to many makes the smallest comparison or
truth function that it stands in a condition on *some* entity there (``AnyOf``).
Spec: OGC 18-088 9.3.3.2, 9.3.3.5; OData 4.0 Part 2, 5.1.1.
"""

from __future__ import annotations

from typing import Final, cast

from stadtkern.model.sensorthings import EntityType
from stadtkern.query.odata.functions import FUNCTIONS, call
from stadtkern.query.odata.kinds import (
    Kind,
    Typed,
    calculate,
    check_height,
    compare,
    fit,
    fit_list,
    of_literal,
)
from stadtkern.query.odata.literals import negate, read_literal
from stadtkern.query.odata.path import Way, read_way
from stadtkern.query.odata.tokens import Token, Tokens
from stadtkern.query.odata.tree import AnyOf, Binary, Expression, Listed, Member, Operator, Order, Unary

MAX_ORDERS = 20
"""Most parts of one ``$orderby``."""
MAX_LISTED = 1_000
"""Most values of one ``in``."""
MAX_LAMBDAS = 10
"""Most ``any`` inside one another."""

_STRENGTH: Final[dict[str, int]] = {
    "or": 1,
    "and": 2,
    **dict.fromkeys(("eq", "ne"), 3),
    **dict.fromkeys(("gt", "ge", "lt", "le"), 4),
    **dict.fromkeys(("add", "sub"), 5),
    **dict.fromkeys(("mul", "div", "mod"), 6),
}
_BEHIND: Final = frozenset({")", ";"})
"""What may follow a condition: the brackets of ``any`` and of ``$expand``, and what divides the options there."""
_COMPARISONS: Final = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})


def parse_filter(text: str, type: EntityType) -> Expression:
    """Parse a filter on entities of a type. Raises: BadRequestData (with the character where it fails)."""
    tokens = Tokens(text, "$filter")
    found = read_filter(tokens, type)
    if tokens.peek().kind != "end":
        raise tokens.error("expected an operator or the end")
    return found


def parse_orderby(text: str, type: EntityType) -> tuple[Order, ...]:
    """Parse an order of entities of a type. Raises: BadRequestData (with the character where it fails)."""
    tokens = Tokens(text, "$orderby")
    found = read_orderby(tokens, type)
    if tokens.peek().kind != "end":
        raise tokens.error("expected 'asc', 'desc', a comma or the end")
    return found


def read_filter(tokens: Tokens, type: EntityType) -> Expression:
    """Read a filter up to what cannot belong to it. Raises: BadRequestData."""
    return _Reader(tokens, type).condition("the filter").node


def read_orderby(tokens: Tokens, type: EntityType) -> tuple[Order, ...]:
    """Read an order up to what cannot belong to it. Raises: BadRequestData."""
    orders = [_read_order(tokens, type)]
    while tokens.take(","):
        orders.append(_read_order(tokens, type))
        if len(orders) > MAX_ORDERS:
            raise tokens.error(f"there are more than {MAX_ORDERS} parts of an order", tokens.end)
    return tuple(orders)


def _read_order(tokens: Tokens, type: EntityType) -> Order:
    start = tokens.peek_start()
    reader = _Reader(tokens, type)
    found = reader.expression()
    if reader.pending:
        raise tokens.error("what is ordered by leads to many entities", start)
    if found.kind == "entity":
        raise tokens.error("entities have no order; name a property", start)
    descending = tokens.take_word("asc", "desc") == "desc"
    return Order(found.node, descending, tokens.text[start : tokens.end])


class _Reader:
    """Reads one expression about one entity.

    pending: paths to many that the next comparison closes: where they start and their relations, to the variable.
    """

    __slots__ = ("made_up", "pending", "tokens", "type", "variables")

    def __init__(self, tokens: Tokens, type: EntityType) -> None:
        self.tokens = tokens
        self.type = type
        self.variables: dict[str, EntityType] = {}
        self.pending: dict[tuple[str | None, tuple[str, ...]], str] = {}
        self.made_up = 0

    def condition(self, role: str) -> Typed:
        """Read a truth value."""
        mark = len(self.pending)
        found = self.expression()
        behind = self.tokens.peek()
        if behind.kind != "end" and behind.text not in _BEHIND:
            raise self.tokens.error("expected an operator or the end")
        return self.close(fit(self.tokens, found, "boolean", role), mark)

    def close(self, value: Typed, mark: int) -> Typed:
        """Wrap a truth value in the conditions on what its paths lead to."""
        while len(self.pending) > mark:
            (outer, relations), variable = self.pending.popitem()
            node = AnyOf(relations, variable, value.node, outer, value.node.at)
            value = Typed(node, "boolean", check_height(self.tokens, value.height + 1, value.node.at))
        return value

    def expression(self, least: int = 1) -> Typed:
        """Read operands and the operators between them that bind at least so strongly."""
        mark = len(self.pending)
        left = self.operand()
        while (strength := self.strength()) >= least:
            operator = self.tokens.next()
            word = operator.text.lower()
            if word in {"and", "or"}:
                left = self.junction(left, word, operator.start, mark)
                continue
            right = self.expression(strength + 1)
            left = self.combine(left, cast("Operator", word), right, operator.start)
            left = self.close(left, mark) if word in _COMPARISONS else left
        return left

    def strength(self) -> int:
        """Tell how strongly the operator that comes next binds; 0 where none comes."""
        token = self.tokens.peek()
        return _STRENGTH.get(token.text.lower(), 0) if token.kind == "name" else 0

    def junction(self, left: Typed, word: str, at: int, mark: int) -> Typed:
        """Read the rest of ``a and b and c``: a balanced tree, so that long chains stay low."""
        parts = [self.truth(left, word, mark)]
        places: list[int] = []
        while True:
            places.append(at)
            self.tokens.count()
            mark = len(self.pending)
            parts.append(self.truth(self.expression(_STRENGTH[word] + 1), word, mark))
            token = self.tokens.peek()
            if token.kind != "name" or token.text.lower() != word:
                return self.balance(cast("Operator", word), parts, places, 0, len(parts))
            at = self.tokens.next().start

    def truth(self, value: Typed, word: str, mark: int) -> Typed:
        """Take a value as an operand of ``and``, ``or`` or ``not``."""
        return self.close(fit(self.tokens, value, "boolean", f"the operand of {word!r}"), mark)

    def balance(self, word: Operator, parts: list[Typed], places: list[int], first: int, end: int) -> Typed:
        """Join the parts from first to before end."""
        if end - first == 1:
            return parts[first]
        middle = (first + end + 1) // 2
        left = self.balance(word, parts, places, first, middle)
        right = self.balance(word, parts, places, middle, end)
        at = places[middle - 1]
        height = check_height(self.tokens, 1 + max(left.height, right.height), at)
        return Typed(Binary(word, left.node, right.node, at), "boolean", height)

    def combine(self, left: Typed, word: Operator, right: Typed, at: int) -> Typed:
        """Make a comparison or a calculation."""
        self.tokens.count()
        kind: Kind = "boolean"
        if word in _COMPARISONS:
            left, right = compare(self.tokens, word, left, right, at)
        else:
            kind = calculate(self.tokens, word, left, right, at)
        height = check_height(self.tokens, 1 + max(left.height, right.height), at)
        return Typed(Binary(word, left.node, right.node, at), kind, height)

    def operand(self) -> Typed:
        """Read ``not``, a sign, or what stands between operators, with ``in`` behind it."""
        token = self.tokens.peek()
        if token.kind == "name" and token.text.lower() == "not":
            return self.negation()
        if self.tokens.sees("-"):
            return self.minus()
        mark = len(self.pending)
        found = self.primary()
        while self.tokens.take_word("in") is not None:
            found = self.close(self.membership(found), mark)
        return found

    def negation(self) -> Typed:
        token = self.tokens.next()
        self.tokens.enter(token.start)
        self.tokens.count()
        mark = len(self.pending)
        operand = self.truth(self.operand(), "not", mark)
        self.tokens.leave()
        height = check_height(self.tokens, operand.height + 1, token.start)
        return Typed(Unary("not", operand.node, token.start), "boolean", height)

    def minus(self) -> Typed:
        token = self.tokens.next()
        self.tokens.count()
        behind = self.tokens.peek()
        if behind.kind == "number" and behind.start == token.end:
            return of_literal(negate(self.tokens, token, self.tokens.next()))
        self.tokens.enter(token.start)
        operand = self.operand()
        if operand.kind != "duration":
            operand = fit(self.tokens, operand, "number", "what the minus sign stands before")
        self.tokens.leave()
        height = check_height(self.tokens, operand.height + 1, token.start)
        return Typed(Unary("-", operand.node, token.start), operand.kind, height)

    def membership(self, left: Typed) -> Typed:
        """Read the list of an ``in``."""
        at = self.tokens.end - len("in")
        start = self.tokens.peek_start()
        self.tokens.expect("(")
        values = [self.constant()]
        while self.tokens.take(","):
            values.append(self.constant())
            if len(values) > MAX_LISTED:
                raise self.tokens.error(f"the list has more than {MAX_LISTED} values", start)
        self.tokens.expect(")")
        listed: Listed = fit_list(self.tokens, left, values, start)
        height = check_height(self.tokens, left.height + 1, at)
        return Typed(Binary("in", left.node, listed, at), "boolean", height)

    def constant(self) -> Typed:
        """Read one value of a list."""
        self.tokens.count()
        token = self.tokens.next()
        if token.kind == "symbol" and token.text == "-" and self.tokens.peek().kind == "number":
            return of_literal(negate(self.tokens, token, self.tokens.next()))
        literal = read_literal(self.tokens, token)
        if literal is None:
            raise self.tokens.error("a list holds constants", token.start)
        return of_literal(literal)

    def primary(self) -> Typed:
        """Read a constant, a bracket, a function or a path."""
        self.tokens.count()
        token = self.tokens.next()
        if token.kind == "symbol" and token.text == "(":
            return self.bracket(token)
        literal = read_literal(self.tokens, token)
        if literal is not None:
            return of_literal(literal)
        if token.kind != "name":
            raise self.tokens.error("expected a property, a value, a function or '('", token.start)
        return self.function(token) if self.tokens.sees("(") else self.path(token)

    def bracket(self, token: Token) -> Typed:
        self.tokens.enter(token.start)
        found = self.expression()
        self.tokens.leave()
        self.tokens.expect(")")
        return found

    def function(self, token: Token) -> Typed:
        name = token.text.lower()
        if name not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise self.tokens.error(f"there is no function {token.text[:60]!r}; there are {known}", token.start)
        self.tokens.enter(token.start)
        self.tokens.expect("(")
        mark = len(self.pending)
        arguments: list[Typed] = []
        if not self.tokens.sees(")"):
            arguments.append(self.expression())
            while self.tokens.take(","):
                arguments.append(self.expression())
        self.tokens.expect(")")
        self.tokens.leave()
        found = call(self.tokens, name, arguments, token.start)
        return self.close(found, mark) if found.kind == "boolean" else found

    def path(self, first: Token) -> Typed:
        """Read a path from the entity itself (``$it`` or nothing) or from the variable of a lambda."""
        variable, type, name = self.origin(first)
        if name is None:
            return Typed(Member((), None, (), variable, first.start), "entity")
        way = read_way(self.tokens, type, name)
        if way.ends == "any":
            return self.some(way, variable, first)
        relations = way.relations
        if way.crossing:
            variable = self.cross(variable, relations[: way.crossing])
            relations = relations[way.crossing :]
        return Typed(Member(relations, way.property, way.inside, variable, first.start), way.kind)

    def origin(self, first: Token) -> tuple[str | None, EntityType, Token | None]:
        """Tell where a path starts and its first name from there; None where it ends at once."""
        if first.text in self.variables:
            variable, type = first.text, self.variables[first.text]
        elif first.text.lower() == "$it":
            variable, type = None, self.type
        else:
            return None, self.type, first
        return variable, type, self.tokens.name("a property or a relation") if self.tokens.take("/") else None

    def cross(self, outer: str | None, relations: tuple[str, ...]) -> str:
        """Give the made-up variable of a path to many; within one comparison the same path has the same one."""
        variable = self.pending.get((outer, relations))
        if variable is None:
            self.made_up += 1
            variable = self.pending[(outer, relations)] = f"${self.made_up}"
        return variable

    def some(self, way: Way, outer: str | None, first: Token) -> Typed:
        """Read ``(d: condition)`` behind ``any``; ``()`` asks whether there is any entity at all."""
        self.tokens.enter(first.start)
        self.tokens.expect("(")
        if self.tokens.take(")"):
            self.tokens.leave()
            return Typed(AnyOf(way.relations, self.unnamed(), None, outer, first.start), "boolean")
        name = self.tokens.name("a variable")
        if name.text in self.variables or not name.text.isidentifier():
            raise self.tokens.error(f"{name.text[:60]!r} cannot be a new variable", name.start)
        if len(self.variables) >= MAX_LAMBDAS:
            raise self.tokens.error(f"more than {MAX_LAMBDAS} 'any' stand inside one another", first.start)
        self.tokens.expect(":")
        self.variables[name.text] = way.type
        condition = self.condition("the condition of 'any'")
        del self.variables[name.text]
        self.tokens.expect(")")
        self.tokens.leave()
        node = AnyOf(way.relations, name.text, condition.node, outer, first.start)
        return Typed(node, "boolean", check_height(self.tokens, condition.height + 1, first.start))

    def unnamed(self) -> str:
        self.made_up += 1
        return f"${self.made_up}"
