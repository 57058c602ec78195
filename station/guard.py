"""How every process of the station ends: each exception becomes one sentence on stderr and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from station.errors import SYSTEM_FAULT, exit_status_of, sentence_of

DEBUG_VARIABLE = "TRAMTHU_DEBUG"
INTERRUPTED = 130


def guarded(act: Callable[[], int]) -> int:
    """Run; every exception becomes one sentence on stderr and an exit status."""
    try:
        return act()
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last place where an error can be told
        return _told(error)


def _told(error: Exception) -> int:
    status = exit_status_of(error)
    if os.environ.get(DEBUG_VARIABLE):
        sys.stderr.write("".join(traceback.format_exception(error)))
    if status is None:
        _say(
            f"{type(error).__name__}: {sentence_of(error)}. This is a bug, please report it with what "
            "`tramthu --debug …` says"
        )
        return SYSTEM_FAULT
    _say(sentence_of(error))
    return status


def _say(text: str) -> None:
    sys.stderr.write(f"tramthu: {text}\n")
