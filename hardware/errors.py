"""Errors of the hardware folder.

    HardwareError         3  a device of the station, or its description in the configuration
    ├── RotatorError      3  rotator: no answer, a wrong one, a position it may not take
    │   └── AwayError     3  it failed a moment ago, and is not tried again yet
    └── SafetyError       3  a source of wind, lightning or the operator's word cannot be set up

The number is the exit status of the command line.
"""


class HardwareError(Exception):
    """Base of all errors of this folder."""

    exit_status: int = 3


class RotatorError(HardwareError):
    """The rotator does not do what it is told; the message says what was asked and what came back."""


class AwayError(RotatorError):
    """Not tried: the last failure is too recent."""


class SafetyError(HardwareError):
    """A source of safety values cannot be set up; the message says what was given and what is allowed."""
