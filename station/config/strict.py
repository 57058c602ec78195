"""What every section of the configuration is built on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=40)]
LOWEST_HZ, HIGHEST_HZ = 1e6, 100e9


class Strict(BaseModel):
    """A section: no key more than is declared, nothing that is not a number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _rising(given: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    for low, high in given:
        if not LOWEST_HZ <= low < high <= HIGHEST_HZ:
            raise ValueError(f"a range of {low:g} to {high:g} Hz; give [low, high] within 1e6 to 100e9 Hz")
    return given


Ranges = Annotated[tuple[tuple[float, float], ...], AfterValidator(_rising)]
ANY_FREQUENCY: tuple[tuple[float, float], ...] = ((LOWEST_HZ, HIGHEST_HZ),)


def within(frequency_hz: float, bandwidth_hz: float, ranges: Sequence[tuple[float, float]]) -> bool:
    """Whether a band lies whole in one of the ranges."""
    half = bandwidth_hz / 2
    return any(low <= frequency_hz - half and frequency_hz + half <= high for low, high in ranges)


def repeated(names: Sequence[str]) -> Iterator[str]:
    """Names that occur a second time."""
    return (name for number, name in enumerate(names) if name in names[:number])
