"""What the simulator may raise.

    SimulationError        wrong use: a request that cannot be simulated (exit status 2)

Everything else that goes wrong in here is a defect and keeps its own exception.
"""

from __future__ import annotations


class SimulationError(Exception):
    """The request cannot be simulated; the message says what was given and what is allowed."""

    exit_status: int = 2
