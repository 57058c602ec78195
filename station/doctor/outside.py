"""The doctor's look at what stands outside the computer: rotators, sources of elements, safety sensors."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from hardware.errors import HardwareError
from hardware.safety_sources import FlagFile, ValueFile
from scheduler.areas import load_areas
from scheduler.element_files import files_of
from scheduler.errors import SchedulerError
from station.config import AntennaSection, StationConfig
from station.config.safety import SafetyRuleSection
from station.doctor.check import Check
from station.element_supply import is_url
from station.pointing import connected

_TIMEOUT_S = 2.0
_PORTS = {"http": 80, "https": 443}


def outside_checks(config: StationConfig) -> Iterator[Check]:
    """All of them."""
    for antenna in config.all_antennas:
        if antenna.rotator is not None:
            yield _rotator(antenna)
    for source in config.elements.sources:
        yield _source(source)
    if config.areas.file is not None:
        yield _areas(config.areas.file)
    for rule in config.safety.rule:
        yield _safety(rule)
    if config.safety.webhook is not None:
        yield _token(config.safety.webhook.token_file)


def answers(subject: str, host: str, port: int, mend: str) -> Check:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=_TIMEOUT_S):
            return Check(subject, "ok", f"answers at {host}:{port}")
    except OSError as error:
        return Check(subject, "wrong", f"no answer at {host}:{port}: {error.strerror or error}", mend)


def _rotator(antenna: AntennaSection) -> Check:
    """Asked what it is and where it stands; moved nowhere."""
    assert antenna.rotator is not None  # noqa: S101 - the caller asks for those alone
    subject = "rotator"
    rotator = connected(antenna.rotator)
    try:
        identity, at = rotator.open(), rotator.position()
    except HardwareError as error:
        mend = "start rotctld (Debian: libhamlib-utils) with the right model; see [antenna.rotator]"
        return Check(subject, "wrong", f"{antenna.name}: {error}", mend)
    finally:
        rotator.close()
    said = f"{antenna.name}: {identity}, at azimuth {at[0]:.1f}, elevation {at[1]:.1f}"
    if not antenna.rotator.limits.allow(*at):
        return Check(
            subject, "wrong", f"{said}, outside its limits", "drive it back by hand; look at the limits"
        )
    if antenna.rotator.model is None:
        return Check(
            subject, "warn", said, "say in model = … which rotator is expected, so that no other is turned"
        )
    return Check(subject, "ok", said)


def _source(source: str) -> Check:
    if is_url(source):
        try:
            url = urlsplit(source)
            port = url.port or _PORTS[url.scheme]
        except ValueError as error:
            return Check("elements", "wrong", f"{source}: {error}", "correct it in [elements] sources")
        found = answers(
            "elements", url.hostname or "", port, "without a network: copy a file into a folder source"
        )
        # Weeks offline are normal: the age of the elements is what matters.
        return found if found.state == "ok" else Check("elements", "warn", found.said, found.mend)
    try:
        count = len(files_of(source))
    except SchedulerError as error:
        return Check("elements", "warn", str(error), "plug the medium in, or take the source out")
    return Check("elements", "ok", f"{source}: {count} files")


def _areas(path: Path) -> Check:
    try:
        return Check("areas", "ok", f"{path}: {len(load_areas(path))} areas")
    except SchedulerError as error:
        return Check("areas", "wrong", str(error), "give areas.file a GeoJSON file of polygons in WGS 84")


def _safety(rule: SafetyRuleSection) -> Check:
    subject = f"safety: {rule.name}"
    if rule.source == "mqtt":
        return answers(subject, rule.host or "", rule.port, "start the broker, or mend host and port")
    if rule.source == "webhook":
        return Check(subject, "ok", "by webhook; `tramthu run` listens")
    assert rule.file is not None  # noqa: S101 - the configuration says so
    if rule.source == "flag":
        if not rule.file.parent.is_dir():
            said = f"{rule.file.parent} is not there, which forbids motion"
            return Check(subject, "wrong", said, f"mkdir {rule.file.parent}, or plug the medium in")
        set_now = FlagFile(rule.file).latest().value >= 1
        return Check(
            subject,
            "warn" if set_now else "ok",
            f"{rule.file} {'forbids motion' if set_now else 'is not there'}",
            f"rm {rule.file}, once nobody is on the mast" if set_now else "",
        )
    reading = ValueFile(rule.file, rule.key).latest()
    if reading is None:
        return Check(subject, "wrong", f"no value in {rule.file}", "start what writes it; look at its key")
    age_s = time.time() - reading.time
    stale = age_s > rule.stale_after_s
    said = f"{reading.value:g} {rule.unit}, {age_s:.0f} s old"
    return Check(
        subject, "wrong" if stale else "ok", said, "see to the sensor: it has fallen silent" if stale else ""
    )


def _token(path: Path) -> Check:
    try:
        path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Check("safety: webhook", "wrong", f"{path}: {error}", f"openssl rand -hex 16 > {path}")
    return Check("safety: webhook", "ok", f"its token is in {path}")
