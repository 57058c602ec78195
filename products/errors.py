"""What can go wrong while making products, split by who can mend it.

ProductError            2  wrong use
├── InputError          2  a file that is not what it should be: the operator gives another
├── NothingUsableError  1  a sound file without a usable pixel: the sky
└── OutputError         3  a full or read-only folder: the machine
"""

from __future__ import annotations


class ProductError(Exception):
    """Base of this folder; `exit_status` is what the command line returns."""

    exit_status: int = 2


class InputError(ProductError):
    """The input file or a data file is not what it should be."""

    exit_status = 2


class NothingUsableError(ProductError):
    """The input is sound but holds no usable pixel."""

    exit_status = 1


class OutputError(ProductError):
    """The products cannot be written."""

    exit_status = 3
