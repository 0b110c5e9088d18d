"""Statements and expressions from untrusted text.

A text is cut into tokens and statements here, each of which has to be on a list of what is known. Python's parser sees
only what is left, short and not deeply nested, and what it returns is checked again. Nothing is compiled or executed.
Whatever is wrong raises a ValueError that marks the place.
"""

from __future__ import annotations

import ast
import contextlib
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, NoReturn

from spikelet._util.checks import shown
from spikelet.neurons.equations.source import Place, Source

__all__ = ["KEYWORDS", "LONGEST_NAME", "Statement", "Tree", "read_expression", "read_statements"]

MOST_TOKENS = 2_000
DEEPEST = 100
MOST_STATEMENTS = 1_000
LONGEST_NAME = 60
"""Limits: tokens of a statement; brackets, signs, powers and conditions inside each other.

Python's parser and its trees recurse on the stack of the thread, which may be small."""

_ATTEMPTS = 20  # to parse while other threads do

_TOKEN = re.compile(
    r"""(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<sign>\*\*=?|//=?|<<|>>|<=|>=|==|!=|<>|\+=|-=|\*=|/=|%=|:=|->|&&|\|\||[-+*/%<>=(),:;^&|~!'"@.\[\]{}?$`])
    |(?P<newline>\n)
    |(?P<space>[ \t\r\f]+|\\[ \t\r]*\n|\#[^\n]*)
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_WORD_SIGNS = {"and", "or", "if", "else"}
_ASSIGNMENTS = ("=", "+=", "-=", "*=", "/=")
_CONTINUING = {"+", "-", "*", "/", "**", "%", "<", "<=", ">", ">=", "==", "!=", "="}
_HINTS = {
    "^": "'^' is not a power; write '**'",
    "**=": "'**=' is not an assignment here; write X = X**...",
    "%=": "'%=' is not an assignment here; write X = X % ...",
    "//": "'//' is not supported; write floor(a/b)",
    "//=": "'//=' is not supported; write X = floor(X/...)",
    "&": "'&' is not supported; write 'and'",
    "&&": "'&&' is not supported; write 'and'",
    "|": "'|' is not supported; write 'or'",
    "||": "'||' is not supported; write 'or'",
    "~": "'~' is not supported; write 'not'",
    "!": "'!' is not supported; write 'not'",
    "<>": "'<>' is not supported; write '!='",
    ":=": "':=' is not supported; write a separate statement: name = expression",
    "'": "strings are not allowed in equations; a derivative is written dX/dt",
    '"': "strings are not allowed in equations",
    ".": "'.' is allowed in numbers only: names have no attributes",
    "[": "brackets [] are not supported: variables have no index",
    "]": "brackets [] are not supported: variables have no index",
    "\u2212": "this minus sign is a special character; write '-'",
    "\u2013": "this is a dash, not a minus sign; write '-'",
    "\u00d7": "a product is written '*'",
    "\u00b7": "a product is written '*'",
    "\u2264": "write '<='",
    "\u2265": "write '>='",
    "\u2260": "write '!='",
    "\u00b2": "a square is written '**2'",
    "\u00b5": "mu is not among the letters of names; write 'u'",
    "\u03bc": "mu is not among the letters of names; write 'u'",
    "\u2032": "a derivative is written dX/dt",
}
_KEYWORDS = {
    "lambda", "in", "is", "for", "while", "def", "class", "import", "from", "return", "yield", "await", "async", "with",
    "as", "assert", "break", "continue", "del", "elif", "except", "finally", "global", "nonlocal", "pass", "raise",
    "try", "None",
}  # fmt: skip
KEYWORDS = frozenset(_KEYWORDS | _WORD_SIGNS | {"not", "True", "False"})
"""Words that cannot be names."""


class Token(NamedTuple):
    """A word of a text, and where it begins."""

    kind: str  # "number", "name", "sign" or "newline"
    text: str
    at: int

    @property
    def end(self) -> int:
        return self.at + len(self.text)

    @property
    def ends_value(self) -> bool:
        """Whether an operand may end here."""
        if self.kind == "name":
            return self.text not in _WORD_SIGNS and self.text != "not"
        return self.kind == "number" or self.text == ")"

    @property
    def continues(self) -> bool:
        """Whether an expression goes on before and after this token: an operator."""
        return self.text in _WORD_SIGNS or self.text in _CONTINUING


class Tree(NamedTuple):
    """An expression as Python reads it, of nodes that are allowed."""

    source: Source
    start: int
    root: ast.expr

    def place(self, node: ast.AST) -> Place:
        """Return where a node begins."""
        if isinstance(node, ast.expr):
            return Place(self.source, self.start + node.col_offset - 1)
        return Place(self.source, self.start)

    def text(self, node: ast.expr) -> str:
        """Return the text of a node, abbreviated."""
        end = node.end_col_offset or node.col_offset + 1
        text = self.source.text[self.start + node.col_offset - 1 : self.start + end - 1]
        return shown_text(text)

    def nodes(self) -> list[ast.expr]:
        """Return all expressions inside, each after its own parts."""
        order: list[ast.expr] = []
        stack = [self.root]
        while stack:
            node = stack.pop()
            order.append(node)
            stack.extend(parts(node))
        return order[::-1]

    def is_name(self, name: str) -> bool:
        """Whether the expression is nothing but a name."""
        return isinstance(self.root, ast.Name) and self.root.id == name

    def names(self) -> dict[str, Place]:
        """Return the names inside, but for those of functions, and where each occurs first."""
        found: dict[str, Place] = {}
        for node in self.nodes():
            if isinstance(node, ast.Name):
                found.setdefault(node.id, self.place(node))
        return found


def shown_text(text: str) -> str:
    """Return a text in one line of at most 60 characters."""
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:57]}..."


def parts(node: ast.expr) -> list[ast.expr]:
    """Return the operands of an expression."""
    match node:
        case ast.BinOp(left=left, right=right):
            return [left, right]
        case ast.UnaryOp(operand=operand):
            return [operand]
        case ast.Compare(left=left, comparators=others):
            return [left, *others]
        case ast.BoolOp(values=values):
            return list(values)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return [test, body, orelse]
        case ast.Call(args=args):
            return list(args)
    return []


@dataclass(frozen=True)
class Statement:
    """``target operator value [: unit] [(flags)]``, or ``target : unit`` with the operator ":" and no value."""

    place: Place
    target: Tree
    operator: str
    value: Tree | None
    unit: Tree | None
    flags: tuple[tuple[str, Place], ...]


def read_expression(source: Source) -> Tree:
    """Return the expression that a source consists of.

    Raises
    ------
    ValueError
        If it is not one expression.
    """
    found = _tokens(source)
    for token in found:
        if token.kind == "sign" and token.text in ("=", "+=", "-=", "*=", "/="):
            hint = "; write '==' to compare" if token.text == "=" else ""
            raise source.error(f"'{token.text}' is an assignment{hint}", token.at)
        if token.text in (";", ":"):
            raise source.error(f"expected one expression, found '{token.text}'", token.at)
    return _tree(source, [t for t in found if t.kind != "newline"], 0)


def read_statements(source: Source) -> list[Statement]:
    """Return the statements of a source: one a line, or separated by semicolons.

    A statement goes on in the next line within brackets, after a backslash, and where a line ends or begins with an
    operator.

    Raises
    ------
    ValueError
        If one is not a statement.
    """
    found: list[Statement] = []
    for tokens in _split(source, _tokens(source)):
        if len(found) == MOST_STATEMENTS:
            raise source.error(f"more than {MOST_STATEMENTS} statements", tokens[0].at)
        found.append(_statement(source, tokens))
    return found


def _tokens(source: Source) -> list[Token]:
    """Return the tokens, checked one by one."""
    found: list[Token] = []
    for match in _TOKEN.finditer(source.text):
        kind, text, at = match.lastgroup or "", match.group(), match.start()
        if kind == "space":
            continue
        if (
            kind == "other"
            or text in _HINTS
            or text in ("{", "}", "@", "?", "$", "`", "<<", ">>", "->")
        ):
            raise source.error(_HINTS.get(text, _unexpected(text)), at)
        if kind == "name" and text in _KEYWORDS:
            raise source.error(f"'{text}' is a keyword of Python, which is not supported here", at)
        if kind == "name" and found and found[-1].kind == "number" and found[-1].end == at:
            number = found[-1].text
            raise source.error(f"write a product with '*': {number}*{shown_text(text)}", at)
        if kind in ("number", "name") and len(text) > LONGEST_NAME:
            raise source.error(f"a {kind} has at most {LONGEST_NAME} characters", at)
        found.append(Token(kind, text, at))
    return found


def _unexpected(text: str) -> str:
    letters = ": names have the letters a to z, digits and _" if text.isalpha() else ""
    return f"unexpected {shown(text)}{letters}"


def _split(source: Source, tokens: list[Token]) -> Iterator[list[Token]]:
    """Cut tokens into statements: at semicolons, and at the ends of lines where nothing is open."""
    statement: list[Token] = []
    opened: list[Token] = []
    at_end = False  # of a line, at which the statement ends unless the next one goes on
    for i, token in enumerate(tokens):
        if token.kind == "newline":
            at_end = not opened and bool(statement) and not statement[-1].continues
            continue
        if token.text == ";":
            _require_closed(source, opened)
        if token.text == ";" or (at_end and not (token.continues and not _assigns(tokens, i))):
            if statement:
                yield statement
            statement = []
        at_end = False
        if token.text == ";":
            continue
        if token.text == "(":
            opened.append(token)
        elif token.text == ")" and opened:
            opened.pop()
        elif token.text == "=" and opened:
            if "\n" in source.text[opened[-1].at : token.at]:  # the next line has begun
                _require_closed(source, opened)
            raise source.error("'=' is an assignment; write '==' to compare", token.at)
        statement.append(token)
    _require_closed(source, opened)
    if statement:
        yield statement


def _assigns(tokens: list[Token], start: int) -> bool:
    """Whether a line has an assignment, and so is a statement even if it begins with a sign."""
    for i in range(start, len(tokens)):
        if tokens[i].text in ("\n", ";"):
            break
        if tokens[i].text in _ASSIGNMENTS:
            return True
    return False


def _require_closed(source: Source, opened: list[Token]) -> None:
    if opened:
        raise source.error("'(' is never closed", opened[-1].at)


def _statement(source: Source, tokens: list[Token]) -> Statement:
    """Return the parts of a statement."""
    tokens, flags = _without_flags(source, tokens)
    first = Place(source, tokens[0].at)
    signs = [i for i, t in enumerate(tokens) if t.text in _ASSIGNMENTS and t.kind == "sign"]
    colons = [i for i, t in enumerate(tokens) if t.text == ":"]
    if len(colons) > 1:
        raise source.error("a statement has at most one unit", tokens[colons[1]].at)
    end = colons[0] if colons else len(tokens)
    if colons and end + 1 == len(tokens):
        raise source.error("expected a unit after ':'", tokens[end].at)
    unit = _tree(source, tokens[end + 1 :], tokens[end].at) if colons else None
    if not signs and colons:
        return Statement(first, _tree(source, tokens[:end], first.at), ":", None, unit, flags)
    if not signs or signs[0] == 0 or signs[0] > end:
        compared = any(t.text == "==" for t in tokens)
        hint = "; '==' compares, '=' assigns" if compared else ""
        raise first.error(f"expected a statement: name = expression{hint}")
    if len(signs) > 1:
        _require_complete_lines(source, tokens[: signs[1]])
        raise source.error(
            f"a statement has one assignment; write '==' to compare, found '{tokens[signs[1]].text}'",
            tokens[signs[1]].at,
        )
    sign = tokens[signs[0]]
    target = _tree(source, tokens[: signs[0]], first.at)
    value = _tree(source, tokens[signs[0] + 1 : end], sign.at)
    return Statement(first, target, sign.text, value, unit, flags)


def _require_complete_lines(source: Source, tokens: list[Token]) -> None:
    """Raise if a line ends in an operator: what follows may be another statement."""
    for last, token in itertools.pairwise(tokens):
        if last.continues and "\n" in source.text[last.end : token.at]:
            raise source.error(f"expected a value after '{last.text}'", last.at)


def _without_flags(
    source: Source, tokens: list[Token]
) -> tuple[list[Token], tuple[tuple[str, Place], ...]]:
    """Split off ``(unless refractory)`` and other words in brackets at the end of a statement."""
    if tokens[-1].text != ")":
        return tokens, ()
    opening = max((i for i, t in enumerate(tokens) if t.text == "("), default=0)
    inside = tokens[opening + 1 : -1]
    if opening == 0 or not inside or not tokens[opening - 1].ends_value:
        return tokens, ()
    annotated = any(t.text == ":" for t in tokens[:opening])
    # Two words in a row have no other meaning; one word is a flag only after a unit, where no function stands.
    in_a_row = any(
        a.kind == b.kind == "name" and a.ends_value and b.ends_value and a.text != "not"
        for a, b in itertools.pairwise(inside)
    )
    if not in_a_row and not (
        annotated and all(t.kind == "name" or t.text in (",", "-") for t in inside)
    ):
        return tokens, ()
    flags: list[tuple[str, Place]] = []
    at = tokens[opening].end
    for piece in source.text[at : tokens[-1].at].split(","):
        begin = at + len(piece) - len(piece.lstrip())
        flags.append((" ".join(piece.split()), Place(source, begin)))
        at += len(piece) + 1
    return tokens[:opening], tuple(flags)


# --- Expressions -----------------------------------------------------------------------------------------------------


def _tree(source: Source, tokens: list[Token], before: int) -> Tree:
    """Return the expression that tokens make; `before` is where its absence is marked."""
    if not tokens:
        raise source.error("expected an expression", before)
    if len(tokens) > MOST_TOKENS:
        msg = f"a statement has at most {MOST_TOKENS} words; split it into definitions"
        raise source.error(msg, tokens[MOST_TOKENS].at)
    _check_order(source, tokens)
    _check_nesting(source, tokens)
    start, end = tokens[0].at, tokens[-1].end
    # Comments and line breaks within brackets become spaces; what is left stays where it is.
    text = "".join(
        f"{' ' * gap}{t.text}"
        for t, gap in zip(
            tokens,
            [0, *(b.at - a.end for a, b in itertools.pairwise(tokens))],
            strict=True,
        )
    )
    try:
        root = _parsed(f"({text})")
    except SyntaxError as error:
        at = min(start + max((error.offset or 1) - 2, 0), end - 1)
        raise source.error("this is not an expression", at) from None
    except (MemoryError, RecursionError, ValueError, OverflowError):
        raise source.error(
            "this expression is too complex; split it into definitions", start
        ) from None
    tree = Tree(source, start, root)
    for node in tree.nodes():
        _check_node(tree, node)
    return tree


def _parsed(text: str) -> ast.expr:
    """Return the tree of an expression.

    CPython before 3.13 counts the depth of trees in one place for all threads, and can fail if two threads parse at once
    (gh-106905). A parse says nothing about the next one, so it is repeated.
    """
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(SystemError):
            return ast.parse(text, mode="eval").body
    return ast.parse(text, mode="eval").body


def _check_order(source: Source, tokens: list[Token]) -> None:
    """Check that operands and operators follow each other, and that brackets fit."""
    opened: list[Token] = []
    last: Token | None = None
    for token in tokens:
        after_value = last is not None and last.ends_value
        if token.text == "(":
            if after_value and last is not None and last.kind != "name":
                raise source.error(
                    f"expected an operator before '(' and after '{last.text}'", token.at
                )
            opened.append(token)
        elif token.text == ")":
            if not opened:
                raise source.error("')' closes nothing", token.at)
            _require_value(source, last, token)
            opened.pop()
        elif token.text in (";", ":") or (token.kind == "sign" and token.text in _ASSIGNMENTS):
            raise source.error(f"unexpected '{token.text}' in an expression", token.at)
        elif token.kind in ("number", "name") and token.text not in _WORD_SIGNS:
            if after_value and last is not None:
                raise source.error(
                    f"expected an operator between '{last.text}' and '{token.text}'", token.at
                )
        elif token.text not in ("+", "-"):
            _require_value(source, last, token)
        if token.text == "," and not opened:
            raise source.error("',' is allowed only between arguments of a function", token.at)
        last = token
    _require_closed(source, opened)
    assert last is not None
    if not last.ends_value:
        raise source.error(f"expected a value after '{last.text}'", last.at)


def _require_value(source: Source, last: Token | None, token: Token) -> None:
    """Check that a value ends before an operator or a closing bracket; f() has none."""
    if last is not None and (last.ends_value or (last.text == "(" and token.text == ")")):
        return
    if last is None or last.text == "(":
        raise source.error(f"expected a value before '{token.text}'", token.at)
    raise source.error(f"expected a value after '{last.text}', found '{token.text}'", token.at)


def _check_nesting(source: Source, tokens: list[Token]) -> None:
    nested = [0]  # in each open bracket, what binds to the right and so goes deeper
    last: Token | None = None
    for token in tokens:
        value = last is not None and last.ends_value
        if token.text == "(":
            nested.append(0)
        elif token.text == ")":
            nested.pop()
        elif token.text in ("**", "not", "if") or (token.text in ("+", "-") and not value):
            nested[-1] += 1
        elif token.text == ",":
            nested[-1] = 0
        if len(nested) + sum(nested) > DEEPEST:
            msg = f"more than {DEEPEST} brackets, signs and powers inside each other"
            raise source.error(f"{msg}; split the expression into definitions", token.at)
        last = token


_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Mod, ast.Pow)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)


def _check_node(tree: Tree, node: ast.expr) -> None:
    """Check that a node is one of those that have a meaning."""
    match node:
        case ast.BinOp(op=op) if isinstance(op, _OPERATORS):
            return
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() | ast.Not()):
            return
        case ast.Compare(ops=ops) if all(isinstance(op, _COMPARISONS) for op in ops):
            return
        case ast.BoolOp() | ast.IfExp() | ast.Name():
            return
        case ast.Call(func=ast.Name(), keywords=[]):
            return
        case ast.Constant(value=bool()):
            return
        case ast.Constant(value=int() | float() as value):
            if not _finite(value):
                raise tree.place(node).error("this number is too large")
            return
        case ast.Call():
            raise tree.place(node).error("only a function has arguments; write a product with '*'")
        case ast.Tuple(elts=[]):
            raise tree.place(node).error("expected a value in the brackets")
        case ast.Tuple():
            raise tree.place(node).error("',' is allowed only between arguments of a function")
    _refuse(tree, node)


def _refuse(tree: Tree, node: ast.expr) -> NoReturn:
    raise tree.place(node).error(f"'{tree.text(node)}' has no meaning here")


def _finite(value: float) -> bool:
    try:
        return abs(float(value)) < float("inf")
    except OverflowError:
        return False
