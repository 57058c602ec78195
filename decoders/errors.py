"""What can go wrong in the decoder, by who can mend it.

    DecoderError         exit status 2   base
    ├── DownlinkError    exit status 2   the operator named an unknown downlink, or a definition is ill-formed
    ├── InputError       exit status 2   the input is not what it was said to be
    └── OutputError      exit status 3   the folder for the results is full or cannot be written

A lost or absent signal is a result (`DecodeReport.exit_status` 1), never an exception.
"""

from __future__ import annotations


class DecoderError(Exception):
    """Base of all errors that the decoders raise on purpose; `exit_status` is what a command ends with."""

    exit_status: int = 2


class DownlinkError(DecoderError):
    """A downlink is unknown, or its definition does not fit together."""


class InputError(DecoderError):
    """The input is empty, truncated or not of the level and format that were given."""


class OutputError(DecoderError):
    """The results cannot be written: the disk is full, or the folder is read-only."""

    exit_status = 3
