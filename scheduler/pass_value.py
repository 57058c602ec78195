"""The worth of one pass as a record, and the sentences that explain its numbers.

The value of a recording is the integral of `density` over it, plus its shares, each scaled by the part of its
lines that lies in the recording. A share is what several passes compete for; over all chosen passes a key is
worth `repeat * S + (1 - repeat) * min(S, largest single share)`, S being the sum of its chosen shares.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from scheduler.frames import Array

LANGUAGES = ("en", "vi")
Words = Mapping[str, Mapping[str, str]]

PARTS: Words = MappingProxyType({
    "priority": {"en": "priority", "vi": "mức ưu tiên"},
    "status": {"en": "status", "vi": "tình trạng"},
    "unheard": {"en": "waiting", "vi": "thời gian chờ"},
    "picture": {"en": "picture", "vi": "ảnh chung"},
    "area": {"en": "area", "vi": "vùng"},
})  # fmt: skip

# A sentence by its code.
WORDS: Words = MappingProxyType({
    "priority": {
        "en": "factor for {name}, as configured",
        "vi": "hệ số của {name} theo cấu hình",
    },
    "status": {
        "en": "factor because {use} is {status}",
        "vi": "hệ số vì {use} đang ở tình trạng {status}",
    },
    "unheard": {
        "en": "factor because the satellite was last heard {days:.1f} days before",
        "vi": "hệ số vì lần thu vệ tinh gần nhất là {days:.1f} ngày trước",
    },
    "unheard_never": {
        "en": "factor because the satellite was never heard",
        "vi": "hệ số vì chưa từng thu được vệ tinh này",
    },
    "picture": {
        "en": "{minutes:.1f} of {length:.1f} min are expected to decode",
        "vi": "dự kiến giải mã được {minutes:.1f} trong {length:.1f} phút",
    },
    "area": {
        "en": "the factors above x weight {weight:.3g} x {seen:.1%} seen x link {link:.1%} x "
        "fineness {fine:.3g} (pixel {km:.1f} km) x light {light:.3g} (Sun {sun:.0f}°) x news {novelty:.3g} "
        "(last seen {hours:.1f} h before)",
        "vi": "các hệ số trên x trọng số {weight:.3g} x thấy {seen:.1%} x đường truyền {link:.1%} x độ mịn "
        "{fine:.3g} (điểm ảnh {km:.1f} km) x ánh sáng {light:.3g} (Mặt Trời {sun:.0f}°) x độ mới "
        "{novelty:.3g} (lần thấy trước cách {hours:.1f} giờ)",
    },
    "area_never": {
        "en": "the factors above x weight {weight:.3g} x {seen:.1%} seen x link {link:.1%} x "
        "fineness {fine:.3g} (pixel {km:.1f} km) x light {light:.3g} (Sun {sun:.0f}°), never seen before",
        "vi": "các hệ số trên x trọng số {weight:.3g} x thấy {seen:.1%} x đường truyền {link:.1%} x độ mịn "
        "{fine:.3g} (điểm ảnh {km:.1f} km) x ánh sáng {light:.3g} (Mặt Trời {sun:.0f}°), chưa thấy lần nào",
    },
    "area_unseen": {
        "en": "the instrument does not see it while the downlink is heard",
        "vi": "thiết bị không quét qua khi đang thu được tín hiệu",
    },
    "area_nothing": {
        "en": "counts nothing: its weight, the priority, the status or the novelty is 0",
        "vi": "không tính: trọng số, mức ưu tiên, tình trạng hoặc độ mới bằng 0",
    },
})  # fmt: skip


@dataclass(frozen=True, eq=False)
class Share:
    """Value that several passes compete for; of its lines `weight` [m] (sum 1) come at `time` [m] (POSIX)."""

    key: str
    value: float
    time: Array
    weight: Array

    def part(self, start: float, end: float) -> float:
        """How much of its lines lies between two POSIX times, 0 to 1."""
        return float(self.weight[(self.time >= start) & (self.time <= end)].sum())


@dataclass(frozen=True)
class Term:
    """One number of the explanation: of a part such as `picture` or `area Lai Châu`, and its reason."""

    part: str
    number: float
    code: str
    given: Mapping[str, float | str] = field(default_factory=dict)

    def words(self, language: str = "en") -> str:
        """A line in `en` or `vi`."""
        kind, _, name = self.part.partition(" ")
        label = f"{PARTS[kind][language]} {name}".rstrip()
        return f"{label}: {self.number:.3g} ({WORDS[self.code][language].format(**self.given)})"


@dataclass(frozen=True, eq=False)
class PassValue:
    """Value of one pass on a grid: `time` [n] POSIX s rising, `density` [n] value per second.

    `parts` sum up to the value of the whole pass; `usable` [n] is the chance that a second is decoded;
    `terms` say where the numbers come from.
    """

    time: Array
    density: Array
    parts: Mapping[str, float]
    shares: tuple[Share, ...] = ()
    terms: tuple[Term, ...] = ()
    usable: Array = field(default_factory=lambda: np.empty(0))

    @property
    def total(self) -> float:
        """Of the whole pass, when nothing competes."""
        return self.over(-math.inf, math.inf)

    def over(self, start: float, end: float) -> float:
        """Of a recording between two POSIX times, when nothing competes."""
        return self.integral(start, end) + sum(s.value * s.part(start, end) for s in self.shares)

    def integral(self, start: float, end: float) -> float:
        """Of the density between two POSIX times, by trapezoids."""
        steps = np.diff(self.time) * (self.density[1:] + self.density[:-1]) / 2
        summed = np.concatenate([[0.0], np.cumsum(steps)])
        low, high = np.interp([start, end], self.time, summed)
        return float(max(high - low, 0.0))

    def explain(self, language: str = "en") -> list[str]:
        """A line for every number, in `en` or `vi`."""
        return [term.words(language) for term in self.terms]
