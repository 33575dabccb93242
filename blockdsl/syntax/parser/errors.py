"""What the parser says of a text that is not in the language: found, expected, and the likely fix."""

from __future__ import annotations

import re
import unicodedata

from lark import Token
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from blockdsl.diagnostics import ArchError, Mark, did_you_mean, error, nearest
from blockdsl.recipe import Recipe
from blockdsl.resources import MAX_BYTES
from blockdsl.source import Source, Span
from blockdsl.syntax.parser.recovery import BRACKETS, KEYWORDS, statement_start

MAX_NESTING = 200
"""Expressions inside expressions, at most."""

_SEARCH_WORDS = ("maximize", "minimize", "require")

_WORDS = {
    "NAME": "a name", "NUMBER": "a number", "STRING": 'a "text"', "DIMS": "sizes such as 3x224x224",
    "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`",
    "COMMA": "`,`", "COLON": "`:`", "EQUAL": "`=`", "QMARK": "`?`", "DOT": "`.`", "__ANON_0": "`..`",
}  # fmt: skip
_LONE = "LONE_"
"""Begins the names of the terminals for arguments that are one number or one name."""
_OPERAND = {"NAME", "CALLED", "NUMBER", "LPAR"}
_STATEMENT = {"NET", "CHECK"}
_OPERATOR = {"MINUS", "PLUS", "STAR", "VBAR"}
_CLOSING = ("RPAR", "RSQB", "RBRACE")
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_WORD_BEFORE = re.compile(r"([A-Za-z_]\w*)[ \t]*\Z")
_LET = re.compile(r"\blet\s+\Z")
_LET_NAME = re.compile(r"\blet\s+([A-Za-z_]\w*)\s*\Z")
_UNFINISHED = re.compile(
    rf"(?P<last>[-+*/%|=<>(\[{{,:]|\b(?:{'|'.join(KEYWORDS)}|and|or|not|then|else|if)\b)(?:\s|#[^\n]*)*"
    rf"^[ \t]*(?P<next>[A-Za-z_]\w*)\s*\Z",
    re.MULTILINE,
)
_INDEXED = re.compile(r"(?<!\w)([A-Za-z_]\w*)\Z")
_SIZE_WITH_NAMES = re.compile(r"\d+(x\w+)+")
_NUMBER_AND_LETTERS = re.compile(r"\d[\w.]*")
_FIXES = {
    **dict.fromkeys("−–—‐", "write a plain - (minus)"),
    **dict.fromkeys("“”„'`", 'texts stand in plain double quotes: "…"'),
    "×": "write a plain x between sizes, 3x224x224, and * for a product",
    "·": "write a plain *",
    "…": "a range is written with two points: 1..n",
    "&": "write `and`",
    "!": "write `not`, or != for unequal",
    "^": "a power is written **",
    ";": "nothing stands between statements",
    "\N{ZERO WIDTH SPACE}": "delete this invisible character",
    "\N{NO-BREAK SPACE}": "write a plain space",
}


def syntax_error(source: Source, unexpected: UnexpectedInput) -> ArchError:
    """The diagnostic for Lark's exception."""
    if isinstance(unexpected, UnexpectedCharacters):
        return _strange_character(source, unexpected.pos_in_stream or 0)
    assert isinstance(unexpected, UnexpectedToken)
    token: Token = unexpected.token
    token.type = token.type.removeprefix(_LONE)
    expected = {name.removeprefix(_LONE) for name in unexpected.accepts or unexpected.expected}
    if token.type == "$END":
        return _unexpected_end(source, expected)
    assert token.start_pos is not None
    assert token.end_pos is not None
    place = Span(source, token.start_pos, token.end_pos)
    found = (
        _no_such_form(source, token, place)
        or _bracket_error(source, token, place)
        or _nothing_before_statement(source, token, place)
        or _misspelt_statement(source, token, expected)
        or _comparison_chain(token, place, expected)
    )
    if found:
        return found
    return error(
        "syntax", f"expected {_listed(expected)}, found {_shown(token)}", place,
        help=_likely_fix(source, token, expected),
    )  # fmt: skip


def empty_file(source: Source) -> ArchError:
    """The diagnostic for a text without a statement."""
    return error(
        "syntax",
        f"{source.name} is empty",
        help="the smallest file is an expression: CONV(6,5)-RELU-POOL(2)-FC(10)",
    )


def too_large(source: Source) -> ArchError:
    """The diagnostic for a text beyond any that a person wrote."""
    return error(
        "syntax",
        f"{source.name} is larger than {MAX_BYTES // 1_000_000} MB",
        help="an .arch file describes a network in text; weights live elsewhere",
    )


def too_deep(place: Span) -> ArchError:
    """The diagnostic for brackets or operators that wait for their right side, one in another."""
    return error(
        "syntax",
        f"expressions are nested more than {MAX_NESTING} deep",
        place,
        help="name the inner parts as blocks or with `let`",
    )


def foreign_digit(place: Span) -> ArchError:
    """The diagnostic for a digit that is none of 0 to 9, such as `٣`, `８`, `²` or `½`."""
    char = place.text
    value = f"{unicodedata.numeric(char):g}"
    help = f"write {value}"
    if "SUPERSCRIPT" in unicodedata.name(char, ""):
        help += f"; a power is written **{value}"
    return error("syntax", f"`{char}` is no digit of the language: 0 to 9 are", place, help=help)


# --- kinds of error


def _strange_character(source: Source, position: int) -> ArchError:
    char = source.text[position]
    place = Span(source, position, position + 1)
    if char == '"':
        return error("syntax", 'the text that begins here has no closing "', place)
    number = _NUMBER_AND_LETTERS.match(source.text, position)
    if number:
        place = Span(source, position, number.end())
        if _SIZE_WITH_NAMES.fullmatch(number.group()):
            sizes = number.group().replace("x", ",")
            fix = f"a size with names in it is written ({sizes})"
            return error("syntax", f"{_shown(number.group())} is no size", place, help=fix)
        fix = "numbers end in a digit or in k, M, G (thousand, million, billion); sizes are 3x224x224"
        return error("syntax", f"{_shown(number.group())} is no number", place, help=fix)
    if char.isprintable():
        return error("syntax", f"`{char}` means nothing here", place, help=_FIXES.get(char, ""))
    fix = _FIXES.get(char, "an .arch file is plain text")
    return error("syntax", f"the character U+{ord(char):04X} means nothing here", place, help=fix)


def _unexpected_end(source: Source, expected: set[str]) -> ArchError:
    end = len(source.text.rstrip())
    opened = _open_bracket(source, end)
    if opened and expected & set(_CLOSING):
        return error("syntax", f"this `{opened.text}` is never closed", opened)
    place = Span(source, end - 1, end)
    return error("syntax", f"the file ends where {_listed(expected)} should follow", place)


def _no_such_form(source: Source, token: Token, place: Span) -> ArchError | None:
    """Forms of other languages: names in brackets, an item that is bound, an index after a bracket."""
    before = source.text[max(0, place.start - 200) : place.start]
    if token in ("[", "(") and _LET.search(before):
        return error(
            "syntax", "names that are bound together stand without brackets", place, help="write let a, b = …"
        )
    if token == "[" and (name := _LET_NAME.search(before)):
        return error(
            "syntax", "`let` binds a whole name, not an item", place,
            help=f"bind the list: let {name[1]} = [3, 4]; {name[1]}[1] is then its first item",
        )  # fmt: skip
    if token == "][" or (token == "[" and before[-1:] in (")", "]", "}")):
        start = place.end - 1
        return error(
            "syntax", "an index stands after a name", Span(source, start, start + 1),
            help="bind what comes before to a name: let row = [1, 2], then row[2]",
        )  # fmt: skip
    opened = _open_bracket(source, place.start)
    if token in (":", ",") and opened and opened.text == "[":
        name = _INDEXED.search(source.text[max(0, opened.start - 100) : opened.start])
        if name:
            return error(
                "syntax", "an index is one number, or a slice such as 2..4", place,
                help=f"{name[1]}[2..4] takes several items, {name[1]}[2][4] one of a list in a list",
            )  # fmt: skip
    return None


def _bracket_error(source: Source, token: Token, place: Span) -> ArchError | None:
    """A bracket that closes nothing or another kind, or one still open where a statement begins."""
    opened = _open_bracket(source, place.start)
    if token in _PAIRS.values():
        if opened is None:
            return error("syntax", f"this `{token}` closes nothing", place)
        if _PAIRS[opened.text] != token:
            marks = (Mark(place, f"found `{token}`"), Mark(opened, f"closed by `{_PAIRS[opened.text]}`"))
            return error("syntax", f"`{token}` does not close `{opened.text}`", *marks)
    elif (
        opened
        and _begins_line(source, place.start)
        and (token in KEYWORDS or (_is_next_item(source, place) and not _closes(source, opened)))
    ):
        return error("syntax", f"this `{opened.text}` is never closed", opened)
    return None


def _is_next_item(source: Source, place: Span) -> bool:
    """Whether a word begins a setting of `train`, or a line of `search`."""
    section = source.text[statement_start(source.text, place.start) :].split(None, 1)[0]
    after = source.text[place.end : place.end + 100]
    if section == "search":
        return place.text in _SEARCH_WORDS and after[:1] in (" ", "\t")
    is_setting = section == "train" and place.text in Recipe.arguments
    return is_setting and re.match(r"[ \t]*=(?!=)", after) is not None


def _closes(source: Source, opened: Span) -> bool:
    """Whether a bracket is closed before the next statement."""
    depth = 0
    for match in BRACKETS.finditer(source.text, opened.start):
        if match.group() in _PAIRS:
            depth += 1
        elif match.group() in _PAIRS.values():
            depth -= 1
            if depth == 0:
                return statement_start(source.text, match.start()) == statement_start(
                    source.text, opened.start
                )
    return False


def _nothing_before_statement(source: Source, token: Token, place: Span) -> ArchError | None:
    """A statement that breaks off: the word that begins the next one was read as its rest."""
    unfinished = _UNFINISHED.search(source.text, max(0, place.start - 1000), place.start)
    if unfinished is None or not (unfinished["next"] in KEYWORDS or token == "="):
        return None
    last = Span(source, unfinished.start("last"), unfinished.end("last"))
    if last.text in _PAIRS:
        return error("syntax", f"this `{last.text}` is never closed", last)
    what = "a value" if token == "=" else "an expression"
    return error("syntax", f"{what} should follow `{last.text}` here", last)


def _misspelt_statement(source: Source, token: Token, expected: set[str]) -> ArchError | None:
    """A line whose first word is nearly a keyword: `titel "ResNet"`, read as a name up to the text."""
    assert token.start_pos is not None
    before = _WORD_BEFORE.search(source.text[max(0, token.start_pos - 100) : token.start_pos])
    words = [(str(token), token.start_pos)]
    if before:
        words.append((before[1], token.start_pos - len(before[0])))
    if not expected >= _STATEMENT:
        return None
    known = [*KEYWORDS, *(word for word in _SEARCH_WORDS if word.upper() in expected)]
    for word, start in words:
        keyword = nearest(word, known)
        if keyword and word not in known and _begins_line(source, start):
            place = Span(source, start, start + len(word))
            return error("syntax", f"`{word}` is no statement", place, help=f"did you mean {keyword}?")
    return None


def _comparison_chain(token: Token, place: Span, expected: set[str]) -> ArchError | None:
    if token.type != "COMPARISON" or not expected >= {"AND", "OR"}:
        return None
    return error("syntax", "comparisons do not chain", place, help="join two with `and`: a < b and b < c")


# --- words


def _listed(expected: set[str]) -> str:
    """What may stand here, in words, the short and usual things only."""
    if expected >= _OPERAND:
        return "an expression"
    closing = [_WORDS[name] for name in _CLOSING if name in expected]
    if expected >= _STATEMENT:
        value = "`=`" if "EQUAL" in expected else "a name" if "NAME" in expected else "an operator (- + | *)"
        return f"{value} or a statement (input, block, net, …)"
    if expected >= _OPERATOR:
        return " or ".join([*closing, "an operator (- + | *)"])
    # a name stands for its other spellings: before a bracket, and the word `in`
    others = {"CALLED", "INDEXED", "INDEXED_IN", "IN"} if "NAME" in expected else set()
    others |= {"DOT"} if "EQUAL" in expected else set()
    named = {name for name in expected - others if not name.startswith("__")}
    words = sorted(_WORDS.get(name, f"`{name.lower()}`") for name in named)
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1] if words else "nothing"


def _shown(text: str) -> str:
    return f"`{text}`" if len(text) <= 40 else f"`{text[:39]}…`"


def _likely_fix(source: Source, token: Token, expected: set[str]) -> str:
    assert token.start_pos is not None
    previous = _WORD_BEFORE.search(source.text[max(0, token.start_pos - 100) : token.start_pos])
    operand, operator = expected >= _OPERAND, expected >= _OPERATOR or expected >= _STATEMENT
    match token.type:
        case "LPAR" | "LSQB" if previous and not operand:
            return f"the bracket follows its name at once: {previous[1]}{token}…{_PAIRS[token]}"
        case "MINUS" if operand and "TITLE" not in expected:
            return "a negative number stands in brackets here: (-1)"
        case "VBAR" if operand:
            return "`|` concatenates channels; the logical one is `or`"
        case "COMMA" if _open_bracket(source, token.start_pos) is None:
            return "digits are grouped by _, 25_557_032; sizes are joined by x, 3x224x224"
        case "EQUAL" if (
            operator and "NAME" not in expected and _open_bracket(source, token.start_pos) is None
        ):
            return "bind a name with `let name = …`; compare with =="
        case "COLON" if "EQUAL" in expected:
            return "a value follows a `=`"
        case "NAME" | "CALLED" | "INDEXED" if "STRING" in expected and not operand:
            return f'a text stands in double quotes: "{token}"'
        case "NAME" | "CALLED" | "LPAR" if not operand:
            close = did_you_mean(str(token), [name.lower() for name in expected if name.isalpha()])
            if close or not operator:
                return close
            inside = _open_bracket(source, token.start_pos) is not None
            return "put a comma or an operator between the two" if inside else "join networks with -, + or |"
    return ""


# --- places


def _open_bracket(source: Source, end: int) -> Span | None:
    """The innermost bracket of a statement that is still open before a place in it."""
    opened: list[Span] = []
    for match in BRACKETS.finditer(source.text, statement_start(source.text, end), end):
        if match.group() in _PAIRS:
            opened.append(Span(source, match.start(), match.end()))
        elif match.group() in _PAIRS.values() and opened:
            opened.pop()
    return opened[-1] if opened else None


def _begins_line(source: Source, offset: int) -> bool:
    line = source.text.rfind("\n", 0, offset) + 1
    return not source.text[line:offset].strip()
