"""`tramthu`: the command line, and how it ends. `station/commands/app.py` lists the commands.

Exit status: 0 done, 1 the input holds nothing usable, 2 wrong use or wrong file, 3 a fault of a device or the
system. An error that somebody foresaw is one sentence on stderr; `--debug` before the command shows where
it arose. Ctrl-C is exit status 130, or the ordinary end where a command has no other.
"""

from __future__ import annotations

import sys

from station.guard import INTERRUPTED, guarded


def main() -> None:
    """Entry point of the command `tramthu`."""
    sys.exit(guarded(_run_app))


def _run_app() -> int:
    from station.commands.app import app  # takes a second or two, in which Ctrl-C has its word as well

    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's own end, without a word
            raise KeyboardInterrupt from end
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


if __name__ == "__main__":
    main()
