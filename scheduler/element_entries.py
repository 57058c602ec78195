"""The single sets of a file of elements, not yet read, and what stands where there is none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

_MOST_KEYWORDS = 200  # an OMM with covariance has 60
_REPEATABLE = ("COMMENT", "USER_DEFINED")  # CCSDS 502.0-B-3, table 4-3
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")


@dataclass(frozen=True)
class Lines:
    """A two-line set as it stands in the file."""

    where: str
    name: str
    line1: str
    line2: str


@dataclass(frozen=True)
class Message:
    """The keywords and values of one OMM."""

    where: str
    keywords: Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """A part of the file that holds no set, and why."""

    where: str
    reason: str


Entry = Lines | Message | Fault


@dataclass
class Keywords:
    """One OMM as it is collected. A key that comes twice is a sign of two messages run into one."""

    where: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    wrong: str = ""

    def add(self, key: str, value: Any) -> None:
        """The next keyword."""
        if key.startswith(_REPEATABLE):
            return
        if key in self.values:
            self.wrong = f"{key[:40]} comes twice in one message; were two run together?"
        elif len(self.values) >= _MOST_KEYWORDS:
            self.wrong = f"more than {_MOST_KEYWORDS} keywords, so no OMM"
        else:
            self.values[key] = value

    def entry(self) -> Entry:
        """The message, or why it is none."""
        return Fault(self.where, self.wrong) if self.wrong else Message(self.where, self.values)


def raw_lines(text: str) -> Iterator[str]:
    """Line by line with their ends, without a second copy of the text."""
    return (match[0] for match in _LINE.finditer(text))


def numbered(text: str) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, stripped, with their numbers from 1."""
    stripped = ((number, line.strip()) for number, line in enumerate(raw_lines(text), 1))
    return ((number, line) for number, line in stripped if line)
