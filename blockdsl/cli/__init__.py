"""The command line: the only floor that prints or exits."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

DEFECT = 70
"""The exit code where Blockdsl itself is at fault (EX_SOFTWARE of sysexits.h)."""
INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def run(arguments: Sequence[str]) -> int:
    """Run one command.

    Its exit code: 0, 1 where a file or what was asked of it is wrong, 2 for usage, 130 after Ctrl-C, and
    `DEFECT` after an exception that no command should raise. With BLOCKDSL_DEBUG=1 in the environment that
    exception is raised instead of reported.
    """
    from blockdsl.cli.display import show_error
    from blockdsl.cli.streams import flushed, output_lost, prepare, say
    from blockdsl.diagnostics import ArchError
    from blockdsl.output import in_words

    if closed := prepare():
        say(closed, to_stderr=True)
        return 1
    try:
        from blockdsl.cli.app import application

        application(arguments)(args=list(arguments), prog_name="blockdsl")
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else int(bool(done.code))
        if code == INTERRUPTED:
            say("interrupted", to_stderr=True)
        return flushed(code)
    except ArchError as wrong:
        flushed(1)
        show_error(wrong)
        return 1
    except KeyboardInterrupt:
        say("interrupted", to_stderr=True)
        return INTERRUPTED
    except OSError as reason:
        if reason.filename is None:
            return output_lost(reason)
        flushed(1)
        say(f"error[file]: {reason.filename}: {in_words(reason)}", to_stderr=True)
        return 1
    except Exception as defect:  # whatever it is, the user reads a message and no traceback
        if os.environ.get("BLOCKDSL_DEBUG"):
            raise
        flushed(DEFECT)
        return _reported(defect)
    return flushed(0)


def _reported(defect: Exception) -> int:
    """Say that Blockdsl is at fault, and how the traceback is seen."""
    from blockdsl.cli.streams import say
    from blockdsl.diagnostics import exception_text

    say(f"error[defect]: {exception_text(defect)}", to_stderr=True)
    say("  this is a defect of Blockdsl and not of your file; please report it", to_stderr=True)
    say("  help: run the command again with BLOCKDSL_DEBUG=1 before it for the traceback", to_stderr=True)
    return DEFECT


def main() -> None:
    """The `blockdsl` command."""
    from blockdsl.speedups import collect_no_more, collect_rarely

    collect_rarely()
    code = run(sys.argv[1:])
    collect_no_more()
    sys.exit(code)
