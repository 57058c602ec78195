"""Errors of the sdr folder, split by who can mend them.

    SdrError                2  wrong use or wrong file
    ├── RecordingError      2  the operator: not a recording, wrong format or rate, header cut off, empty
    └── DeviceError         3  the device or the system: radio missing or silent, disk full

The number is the exit status of the command line. A weak or absent signal is a result, never an error.
"""


class SdrError(Exception):
    """Base of all errors of this folder."""

    exit_status: int = 2


class RecordingError(SdrError):
    """A file is not the recording it was taken for; the message says what to do."""


class DeviceError(SdrError):
    """A receiver, a connection or a disk failed."""

    exit_status: int = 3
