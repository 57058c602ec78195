"""`python -m station.child PARENT NICENESS MODULE ARGUMENTS…`: a worker that ends with its supervisor.

A worker whose supervisor was killed would go on writing beside the worker of the next one, so the kernel is
asked for a SIGTERM at the supervisor's death (prctl(2), PR_SET_PDEATHSIG). PARENT 0 goes on: the recorder,
which the next supervisor takes over.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import sys
import traceback

from station.errors import SYSTEM_FAULT

_PR_SET_PDEATHSIG = 1


def end_with_parent(parent: int) -> None:
    """Ask for SIGTERM when the parent dies; end at once when it is dead already."""
    with contextlib.suppress(OSError, AttributeError):  # not Linux: the worker then merely outlives
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(SYSTEM_FAULT)


def main() -> None:
    """Arguments: the supervisor's process id or 0, niceness, module, the module's own arguments."""
    parent, niceness, module = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    if parent:
        end_with_parent(parent)
    with contextlib.suppress(PermissionError):  # to come before others is not granted everywhere
        os.nice(niceness)
    sys.argv = [module, *sys.argv[4:]]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except Exception:  # noqa: BLE001 - Python's own status for it, 1, means "nothing usable" here
        traceback.print_exc()
        sys.exit(SYSTEM_FAULT)


if __name__ == "__main__":
    main()
