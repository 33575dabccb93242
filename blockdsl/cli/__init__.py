"""The command line: the only floor that prints or exits."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code: 0, 1 where a file or what was asked of it is wrong, 2 for usage.

    No input of a user ends in a traceback.
    """
    from blockdsl.cli.display import show_error
    from blockdsl.diagnostics import ArchError, error

    if sys.stderr is None:  # closed by the caller: there is nobody to tell
        sys.stderr = io.StringIO()
    if sys.stdout is None:
        print(error("output", "standard output is closed"), file=sys.stderr)
        return 1
    try:
        from blockdsl.cli.app import app

        app(args=list(arguments), prog_name="blockdsl")
    except SystemExit as done:
        return _flushed(done.code if isinstance(done.code, int) else int(bool(done.code)))
    except ArchError as wrong:
        _flushed(1)
        show_error(wrong)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except OSError as reason:
        return _output_lost(reason)
    return _flushed(0)


def _flushed(code: int) -> int:
    """The exit code, once everything is written."""
    try:
        sys.stdout.flush()
    except OSError as reason:
        return _output_lost(reason)
    return code


def _output_lost(reason: OSError) -> int:
    """Standard output is full, or its reader is gone (`| head`), which is no error worth words."""
    if not isinstance(reason, BrokenPipeError):
        print(f"error[output]: {reason}", file=sys.stderr)
    # Otherwise python tries to write the rest once more when it exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 1


def main() -> None:
    """The `blockdsl` command."""
    # What a command imports lives until it ends; looking it through for cycles again and again costs
    # a tenth of the time of a short one.
    gc.set_threshold(100_000)
    sys.exit(run(sys.argv[1:]))
