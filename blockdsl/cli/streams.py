"""Standard output and standard error: the only place where the command line writes text."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from blockdsl.diagnostics import ArchError, error
from blockdsl.output import in_words
from blockdsl.visible import visible


def width_of(stream: TextIO) -> int | None:
    """The columns of the terminal that a stream writes to; None where it is none."""
    if not stream.isatty():
        return None
    columns = os.environ.get("COLUMNS", "")
    wished = int(columns) if columns.isdecimal() else 0
    return wished or os.get_terminal_size(stream.fileno()).columns or 80


def say(
    text: object, *, to_stderr: bool = False, end: str = "\n", indent: str | None = None, whole: bool = False
) -> None:
    """Write text and flush it; characters that would act on a terminal are written out.

    The text may have several lines. Nothing in it is markup. On a terminal, lines that are too long go on in
    the next, behind their label or after `indent`; `whole` leaves them as they are, to be copied.
    """
    written = visible(str(text), keep="\n\t")
    if not whole and (width := width_of(sys.stderr if to_stderr else sys.stdout)):
        from blockdsl.tables import fitted

        written = fitted(written, width, indent)
    written += end
    if not to_stderr:
        sys.stdout.write(written)
        sys.stdout.flush()
        return
    try:
        sys.stderr.write(written)
        sys.stderr.flush()
    except OSError:  # full, or its reader is gone: there is nobody to tell
        _discard(sys.__stderr__, 2)


def say_file(text: str) -> None:
    """Write the content of a text file to standard output: unchanged, except on a terminal."""
    if sys.stdout.isatty():
        say(text, end="", whole=True)
        return
    sys.stdout.write(text)
    sys.stdout.flush()


def prepare() -> ArchError | None:
    """Make the standard streams fit for any text; an error where standard output is closed."""
    if sys.stderr is None:  # closed by the caller: there is nobody to tell
        sys.stderr = io.StringIO()
    for stream in (sys.stdout, sys.stderr):
        # An encoding such as ASCII has no sign for `×`: it is written out, as an error would help nobody.
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")
    return error("output", "standard output is closed") if sys.stdout is None else None


def flushed(code: int) -> int:
    """The exit code, once everything is written."""
    try:
        sys.stdout.flush()
    except OSError as reason:
        return output_lost(reason)
    return code


def output_lost(reason: OSError) -> int:
    """Standard output is full, or its reader is gone (`| head`), which is no error worth words."""
    if not isinstance(reason, BrokenPipeError):
        say(f"error[output]: cannot write to standard output: {in_words(reason)}", to_stderr=True)
    _discard(sys.__stdout__, 1)
    return 1


def _discard(stream: TextIO | None, number: int) -> None:
    """Let what was not written go nowhere; otherwise Python tries to write it once more when it exits."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno() if stream else number)
    os.close(nowhere)
