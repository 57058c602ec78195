"""What can go wrong with satellites, elements and passes.

SchedulerError                 exit status 2: the operator can mend it
├── ElementsError              a file or line is no usable set of orbital elements
├── SatelliteError             a satellite is unknown, or its data file is ill-formed
├── AreaError                  a file of areas is no usable GeoJSON
└── ValueModelError            an antenna or a weight that cannot be
"""

from __future__ import annotations


class SchedulerError(Exception):
    """Base of every error of this folder."""

    exit_status = 2


class ElementsError(SchedulerError):
    """Orbital elements that cannot be read, found or propagated."""


class SatelliteError(SchedulerError):
    """A satellite that is not known, or a data file about one that is ill-formed."""


class AreaError(SchedulerError):
    """A file of areas that cannot be read or holds no usable polygon."""


class ValueModelError(SchedulerError):
    """An antenna, an instrument or a weight that is ill-formed or impossible."""
