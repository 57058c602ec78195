"""What on this machine is missing or wrong, and how to mend it."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from scheduler.elements import load_elements, select
from scheduler.errors import SchedulerError
from scheduler.fetch import ElementStore
from scheduler.satellites import satellite
from sdr.disk import free_bytes
from station.config import ReceiverSection, StationConfig
from station.doctor_outside import Check, answers, clock_check, outside_checks
from station.element_supply import store_of
from station.freshness import age_warning

__all__ = ["Check", "examine"]

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = (
    "satpy",
    "pyresample",
    "rasterio",
    "netCDF4",
    "skyfield",
    "sgp4",
    "fastapi",
    "sqlalchemy",
    "scipy",
)
_TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
_TIMEX_BYTES = 256
_MODULES = Path("/proc/modules")


def examine(config: StationConfig | None) -> list[Check]:
    """All checks; those of a station only with its configuration."""
    general: tuple[Callable[[], Check], ...] = (_python, _kernels, _packages, _clock)
    found = [check() for check in general]
    found.append(_television_driver(config))
    if config is None:
        found.append(_room(Path.cwd(), 1.0))
        return found
    return [*found, *_station_checks(config)]


def _station_checks(config: StationConfig) -> Iterator[Check]:
    yield _room(config.station.data_dir, config.schedule.keep_free_gb)
    yield from _elements(config)
    for receiver in config.receivers:
        yield _receiver(receiver)
    yield from outside_checks(config)
    if config.products.boundaries is not None:
        yield _boundaries(config.products.boundaries)


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return Check("Python", "ok", version)
    return Check("Python", "wrong", f"{version} is not supported", "make PYTHON=python3.11 setup")


def _kernels() -> Check:
    """Every C++ kernel has a stub beside it, which names it."""
    stubs = [stub for pattern in ("*/_*.pyi", "decoders/*/_*.pyi") for stub in ROOT.glob(pattern)]
    names = sorted(".".join(stub.relative_to(ROOT).with_suffix("").parts) for stub in stubs)
    broken = [name for name in names if not _imports(name)]
    if not broken and names:
        return Check("C++ kernels", "ok", f"{len(names)} built")
    said = f"not built or of another Python: {', '.join(broken)}" if broken else "none found"
    return Check("C++ kernels", "wrong", said, "make kernels")


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _packages() -> Check:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return Check("Python packages", "wrong", f"missing: {', '.join(missing)}", "make setup")
    return Check("Python packages", "ok", f"{len(PACKAGES)} of {len(PACKAGES)} looked for are there")


def _clock() -> Check:
    """The kernel knows whether something keeps its clock right (adjtimex(2))."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return Check("clock", "warn", "cannot be asked on this system")
    if state not in (_TIME_ERROR, -1):
        return Check("clock", "ok", "kept by a time service")
    mend = "apt-get install chrony; without a network a GNSS receiver with gpsd can feed it"
    return Check("clock", "warn", "no time service keeps it; a second off is 6.7 km on the map", mend)


def _television_driver(config: StationConfig | None) -> Check:
    radio = config is not None and any(r.type in ("rtl_tcp", "soapy") for r in config.receivers)
    loaded = _MODULES.exists() and "dvb_usb_rtl28xxu" in _MODULES.read_text()
    if not loaded:
        return Check("television driver", "ok", "keeps its hands off RTL-SDR dongles")
    mend = (
        "echo 'blacklist dvb_usb_rtl28xxu' | sudo tee /etc/modprobe.d/rtl-sdr.conf; "
        "sudo rmmod dvb_usb_rtl28xxu; plug the dongle in anew"
    )
    return Check("television driver", "wrong" if radio else "warn", "dvb_usb_rtl28xxu holds the dongle", mend)


def _room(folder: Path, keep_gb: float) -> Check:
    existing = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not os.access(existing, os.W_OK):
        return Check(
            "data folder", "wrong", f"{existing} is not writable", "give this user the right to write there"
        )
    free_gb = free_bytes(existing) / 1e9
    if free_gb < keep_gb + 1:
        mend = "move old recordings away, or lower schedule.keep_free_gb"
        return Check("data folder", "wrong", f"{free_gb:.1f} GB free in {existing}", mend)
    return Check("data folder", "ok", f"{free_gb:.0f} GB free in {existing}")


def _elements(config: StationConfig) -> Iterator[Check]:
    mend = "curl -fsS -o FILE 'https://celestrak.org/NORAD/elements/gp.php?GROUP=weather&FORMAT=JSON'"
    sets = ElementStore(store_of(config)).elements() if store_of(config).is_dir() else []
    for path in config.elements.files:
        try:
            sets += load_elements(path)
        except SchedulerError as error:
            yield Check("elements", "wrong", str(error), mend)
    limits, now = config.elements.limits, datetime.now(UTC)
    if (clock := clock_check(sets, now)) is not None:
        yield clock
    for wanted in config.satellite if sets else ():
        try:
            chosen = select(sets, satellite(wanted.name).norad_id, now)
            said = age_warning(chosen, now, limits)
        except SchedulerError as error:
            yield Check("elements", "wrong", str(error), mend)
            continue
        fresh = f"{chosen.name}: {chosen.age_days(now):.1f} days old"
        yield Check("elements", "warn" if said else "ok", said or fresh, mend if said else "")


def _receiver(receiver: ReceiverSection) -> Check:
    if receiver.type == "rtl_tcp":
        mend = f"rtl_tcp -a {receiver.host} -p {receiver.port} on the machine with the dongle"
        return answers("receiver", receiver.host, receiver.port, mend)
    if receiver.type == "playback":
        found = receiver.file.exists()
        return Check(
            "receiver",
            "ok" if found else "wrong",
            f"playback of {receiver.file}",
            "" if found else "it is not there",
        )
    if receiver.type == "simulator":
        return Check("receiver", "ok", "simulated: nothing is received")
    return _soapy(receiver.driver)


def _soapy(driver: str) -> Check:
    from sdr.errors import DeviceError
    from sdr.soapy_library import enumerate_devices

    mend = (
        f"apt-get install libsoapysdr0.8 soapysdr-module-{driver}; plug the radio in; add the user to plugdev"
    )
    try:
        devices = enumerate_devices(driver)
    except DeviceError as error:
        return Check("receiver", "wrong", str(error), mend)
    if not devices:
        return Check("receiver", "wrong", f"SoapySDR finds no {driver}", mend)
    return Check("receiver", "ok", f"SoapySDR finds {len(devices)} {driver}")


def _boundaries(path: Path) -> Check:
    try:
        kind = json.loads(path.read_text("utf-8"))["type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "give products.boundaries a GeoJSON file of the authority whose borders may be drawn"
        return Check("boundaries", "wrong", f"{path}: {error}", mend)
    return Check("boundaries", "ok", f"{path}: {kind}")
