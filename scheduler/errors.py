"""What can go wrong with satellites, elements and passes.

SchedulerError                 exit status 2: the operator can mend it
├── ElementsError              a file or line is no usable set of orbital elements
└── SatelliteError             a satellite is unknown, or its data file is ill-formed
"""

from __future__ import annotations


class SchedulerError(Exception):
    """Base of every error of this folder."""

    exit_status = 2


class ElementsError(SchedulerError):
    """Orbital elements that cannot be read, found or propagated."""


class SatelliteError(SchedulerError):
    """A satellite that is not known, or a data file about one that is ill-formed."""
