"""How programs and tests get at the simulated SoapySDR device."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from sim.errors import SimulationError

DRIVER = "tramthu_sim"
_FOLDER = Path(__file__).resolve().parent / "module"
_MODULE = "libtramthu_sim.so"

Value = str | float | bool | Path
Stretch = tuple[int, int]


def plugin_folder() -> Path:
    """The folder for SOAPY_SDR_PLUGIN_PATH, to be set before a process loads the SoapySDR library.

    Raises:
        SimulationError: the driver module has not been built.
    """
    if not (_FOLDER / _MODULE).exists():
        raise SimulationError(
            f"the simulated receiver is not built ({_FOLDER / _MODULE} is missing); "
            "apt-get install libsoapysdr-dev, then touch CMakeLists.txt and make kernels"
        )
    return _FOLDER


def environment(base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variables of a process that is to find the device; `base` is this process's own if not given."""
    return dict(os.environ if base is None else base) | {"SOAPY_SDR_PLUGIN_PATH": str(plugin_folder())}


def device_args(
    folder: Path, losses: Iterable[Stretch] = (), stalls: Iterable[Stretch] = (), **words: Value
) -> dict[str, str]:
    """Words of a device that has its log, control file and stretches in a folder.

    Args:
        folder: gets device.jsonl, and losses.txt and stalls.txt where there are some; `control` in it is the
            control file, which says nothing until somebody writes it.
        losses: (first, count) in samples, in order.
        stalls: likewise.
        words: see the package's own text; True and False become 1 and 0.

    Raises:
        SimulationError: a value holds a comma, which SoapySDR would take for its own.
    """
    every: dict[str, Value] = {"log": folder / "device.jsonl", "control": folder / "control"}
    for name, stretches in (("losses", losses), ("stalls", stalls)):
        if text := "".join(f"{first} {count}\n" for first, count in stretches):
            every[name] = folder / f"{name}.txt"
            (folder / f"{name}.txt").write_text(text)
    args = {name: _text(value) for name, value in (every | words).items()}
    for name, value in args.items():
        if "," in value:
            raise SimulationError(f"{name}={value}: no comma may stand in a value")
    return args


def device_string(args: Mapping[str, str]) -> str:
    """The device as other programs want it named: driver=tramthu_sim,…"""
    return ",".join(f"{name}={value}" for name, value in ({"driver": DRIVER} | dict(args)).items())


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return repr(value) if isinstance(value, float) else str(value)


def events(log: Path) -> list[dict[str, object]]:
    """What the device wrote down, in order."""
    return [json.loads(line) for line in log.read_text("ascii").splitlines()] if log.exists() else []


def lost(log: Path) -> list[Stretch]:
    """(first, count) of what the device really lost; stretches side by side are one."""
    merged: list[Stretch] = []
    for event in events(log):
        if event["event"] != "lost":
            continue
        first, count = int(str(event["first"])), int(str(event["count"]))
        if merged and sum(merged[-1]) == first:
            first, count = merged[-1][0], merged.pop()[1] + count
        merged.append((first, count))
    return merged


def settings_of(log: Path) -> dict[str, object]:
    """The last value of everything that was set."""
    return {str(e["name"]): e["value"] for e in events(log) if e["event"] == "setting"}
