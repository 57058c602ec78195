"""A target with a fault behind four comparisons, which only a fuzzer that sees its coverage passes."""

from __future__ import annotations

from harness import atheris, fuzz


@atheris.instrument_func
def one_input(data: bytes) -> None:
    if data[:1] == b"L" and data[1:2] == b"R" and data[2:3] == b"P" and data[3:4] == b"T":
        raise IndexError("planted")


if __name__ == "__main__":
    fuzz(one_input, [b"seed"], allowed=(ValueError,))
