"""Writes a tree of the query language as text, with every bracket: what the parser has to read back."""

from __future__ import annotations

from stadtkern.query.odata.tree import AnyOf, Binary, Call, Expression, Listed, Literal, Member, Unary


def write(node: Expression) -> str:
    """Write an expression in brackets."""
    match node:
        case Literal():
            return write_literal(node)
        case Member():
            return write_member(node)
        case Call():
            return f"{node.name}({', '.join(write(one) for one in node.arguments)})"
        case Unary():
            return f"({node.operator} {write(node.operand)})"
        case Binary():
            return f"({write(node.left)} {node.operator} {write(node.right)})"
        case Listed():
            return f"({', '.join(write_literal(one) for one in node.values)})"
        case AnyOf():
            start = [node.outer] if node.outer else []
            inner = "" if node.condition is None else f"{node.variable}: {write(node.condition)}"
            return f"{'/'.join([*start, *node.relations])}/any({inner})"


def write_literal(literal: Literal) -> str:
    match literal.kind:
        case "text":
            return "'" + str(literal.value).replace("'", "''") + "'"
        case "boolean":
            return "true" if literal.value else "false"
        case "null":
            return "null"
        case "duration":
            return f"duration'{literal.text}'"
        case "geometry":
            return f"geography'{literal.text}'"
        case _:
            return literal.text


def write_member(member: Member) -> str:
    start = [member.variable] if member.variable else []
    path = "/".join([*start, *member.relations, *([member.property] if member.property else [])]) or "$it"
    return path + "".join(f"[{part}]" if isinstance(part, int) else f"/{part}" for part in member.inside)
