"""What the parser says of a text that is not in the language: found, expected, and the likely fix."""

from __future__ import annotations

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from blockdsl.diagnostics import ArchError, did_you_mean, error
from blockdsl.source import Source, Span

KEYWORDS = (
    "title", "year", "authors", "paper", "dataset", "error", "note", "use", "input", "param", "let",
    "block", "net", "check", "train", "search",
)  # fmt: skip

_WORDS = {
    "NAME": "a name", "CALLED": "a call", "INDEXED": "an index", "NUMBER": "a number",
    "STRING": 'a "text"', "DIMS": "sizes such as 3x224x224", "LPAR": "(", "RPAR": ")", "LSQB": "[",
    "RSQB": "]", "LBRACE": "{", "RBRACE": "}", "COMMA": ",", "COLON": ":", "EQUAL": "=", "MINUS": "-",
    "PLUS": "+", "STAR": "*", "VBAR": "|", "DOT": ".", "QMARK": "?", "__ANON_0": "..",
    "$END": "the end of the file",
}  # fmt: skip
_OPERAND = {"NAME", "CALLED", "NUMBER", "LPAR"}
_OPERATOR = {"MINUS", "PLUS", "STAR", "VBAR"}
_CLOSING = ("RPAR", "RSQB", "RBRACE")


def syntax_error(source: Source, unexpected: UnexpectedInput) -> ArchError:
    """The diagnostic for Lark's exception."""
    if isinstance(unexpected, UnexpectedCharacters):
        return _strange_character(source, unexpected.pos_in_stream or 0)
    assert isinstance(unexpected, UnexpectedToken)
    token: Token = unexpected.token
    expected = set(unexpected.accepts or unexpected.expected)
    if token.type == "$END":
        end = len(source.text.rstrip())
        if end == 0:
            return empty_file(source)
        place = Span(source, max(0, end - 1), end)
        return error("syntax", f"the file ends where {_listed(expected)} should follow", place)
    assert token.start_pos is not None
    assert token.end_pos is not None
    place = Span(source, token.start_pos, token.end_pos)
    return error(
        "syntax", f"expected {_listed(expected)}, found {token.value}", place,
        help=_likely_fix(source, token, expected),
    )  # fmt: skip


def empty_file(source: Source) -> ArchError:
    """The diagnostic for a text without a statement."""
    return error(
        "syntax",
        f"{source.name} is empty",
        help="the smallest file is an expression: CONV(6,5)-RELU-POOL(2)-FC(10)",
    )


def _strange_character(source: Source, position: int) -> ArchError:
    place = Span(source, position, position + 1)
    char = source.text[position]
    if char == '"':
        return error("syntax", 'the text that begins here has no closing "', place)
    dashes = "−–—‐"
    fix = ""
    if char in dashes:
        fix = "write a plain - (minus)"
    elif char == "×":
        fix = "write a plain x: 3x224x224"
    elif char in ("“”'"):
        fix = 'texts stand in plain double quotes: "…"'
    shown = char if char.isprintable() else f"U+{ord(char):04X}"
    return error("syntax", f"{shown} means nothing here", place, help=fix)


def _listed(expected: set[str]) -> str:
    """What may stand here, in words, the short and usual things only."""
    if expected >= _OPERAND:
        return "an expression"
    closing = [_WORDS[name] for name in _CLOSING if name in expected]
    if expected >= _OPERATOR:
        return " or ".join([*closing, "an operator (- + | *)"])
    words = sorted(_WORDS.get(name, name.lower()) for name in expected if not name.startswith("__ANON"))
    if len(words) > 6:
        return "an operator (- + | *) or a statement (input, block, net, …)"
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1] if words else "nothing"


def _likely_fix(source: Source, token: Token, expected: set[str]) -> str:
    before = source.text[: token.start_pos].split()
    previous = before[-1] if before else ""
    if token.type in ("STRING", "NUMBER", "DIMS", "NAME", "CALLED") and previous.isidentifier():
        close = did_you_mean(previous, KEYWORDS)
        if close and previous not in KEYWORDS:
            return close
    if token.type == "LPAR" and previous.isidentifier():
        return f"the bracket follows its name at once: {previous}(…)"
    if token.type in ("NAME", "CALLED", "LPAR") and not expected >= _OPERAND:
        close = did_you_mean(str(token), KEYWORDS)
        return close or "join networks with -, + or |"
    if token.type == "EQUAL" and expected >= _OPERATOR:
        return "bind a name with `let name = …`; compare with =="
    return ""
