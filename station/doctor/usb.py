"""What the kernel says of a radio on the USB: is it there, may it be opened, who holds it, how fast is it.

Source: Linux, Documentation/ABI/testing/sysfs-bus-usb and sysfs-devices-power; USB 2.0, 5.8.4 (13 bulk
packets of 512 bytes a microframe at most: 53 MB/s; controllers reach three quarters of it).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sdr.soapy_drivers import driver as known_driver
from station.doctor.check import Check, Places, text_of

# Mb/s as the kernel tells them: bytes per second that get through.
_THROUGH = {"1.5": 0.1e6, "12": 1.0e6, "480": 38e6, "5000": 400e6, "10000": 900e6, "20000": 1.8e9}
_NAMES = {"1.5": "USB 1", "12": "USB 1", "480": "USB 2", "5000": "USB 3", "10000": "USB 3"}
_TELEVISION = "dvb_usb_rtl28xxu"
_TRANSFERS_S, _TRANSFERS_BYTES = 0.1, 4 << 20  # what drivers keep under way
_MIB = 1 << 20
BLACKLIST = (
    f"echo 'blacklist {_TELEVISION}' | sudo tee /etc/modprobe.d/rtl-sdr.conf; sudo rmmod {_TELEVISION}; "
    "plug the dongle in anew"
)


@dataclass(frozen=True)
class UsbDevice:
    """One device: folder in /sys, `vendor:product`, serial, Mb/s, device file."""

    folder: Path
    product: str
    serial: str
    speed: str
    node: Path


def devices_of(driver: str, places: Places) -> list[UsbDevice]:
    """Those plugged in that the driver is for."""
    products = known_driver(driver).usb
    found = []
    for folder in sorted(places.sys.glob("bus/usb/devices/*")):
        product = f"{text_of(folder / 'idVendor')}:{text_of(folder / 'idProduct')}"
        bus, number = text_of(folder / "busnum"), text_of(folder / "devnum")
        if product in products and bus.isdecimal() and number.isdecimal():
            node = places.dev / "bus/usb" / f"{int(bus):03d}" / f"{int(number):03d}"
            found.append(
                UsbDevice(folder, product, text_of(folder / "serial"), text_of(folder / "speed"), node)
            )
    return found


def why_closed(driver: str, serial: str | None, places: Places) -> tuple[str, str] | None:
    """What the kernel knows of why a radio is not found or does not open: what, and how to mend it."""
    products = known_driver(driver).usb
    if not products or not (places.sys / "bus/usb/devices").is_dir():
        return None
    there = devices_of(driver, places)
    if not there:
        said = f"no {driver} is plugged in: the USB has no device {' or '.join(products)}"
        return (
            said,
            "plug it in; try another port and a short cable, for long ones a hub with its own supply; lsusb",
        )
    wanted = [d for d in there if serial in (None, d.serial) or (serial and d.serial.endswith(serial))]
    if not wanted:
        have = ", ".join(d.serial or "without one" for d in there)
        return f"none has the serial number {serial}; plugged in: {have}", "correct serial in [receiver]"
    if serial is not None and len(wanted) > 1:
        said = f"{len(wanted)} have the serial number {serial}"
        return (
            said,
            "give each its own: unplug the others, then rtl_eeprom -s NEW (RTL dongles), and plug in anew",
        )
    return _held(wanted[0], places)


def _held(device: UsbDevice, places: Places) -> tuple[str, str] | None:
    if any(text_of(path / "uevent").find(f"DRIVER={_TELEVISION}") >= 0 for path in _interfaces(device)):
        return "the kernel's television driver holds it", BLACKLIST
    if not os.access(device.node, os.R_OK | os.W_OK):
        said = f"this user may not open {device.node}"
        rule = (
            f'SUBSYSTEM=="usb", ATTRS{{idVendor}}=="{device.product[:4]}", '
            f'ATTRS{{idProduct}}=="{device.product[5:]}", GROUP="plugdev", MODE="0660"'
        )
        mend = (
            'sudo usermod -aG plugdev "$USER", log in again; if that is not enough: '
            f"echo '{rule}' | sudo tee /etc/udev/rules.d/60-tramthu.rules; sudo udevadm control --reload; "
            "plug it in anew"
        )
        return said, mend
    user = _user_of(device.node, places)
    if user is not None:
        return f"process {user[0]} ({user[1]}) has it open", f"end it: kill {user[0]}"
    return None


def _interfaces(device: UsbDevice) -> Iterator[Path]:
    yield from device.folder.glob(f"{device.folder.name}:*")


def _user_of(node: Path, places: Places) -> tuple[int, str] | None:
    for process in places.proc.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            if any(link.readlink() == node for link in (process / "fd").iterdir()):
                return int(process.name), text_of(process / "comm")
        except OSError:  # gone meanwhile, or another user's
            continue
    return None


def link_checks(
    name: str, driver: str, serial: str | None, bytes_per_s: float, places: Places
) -> Iterator[Check]:
    """Speed and power saving of the radio's port.

    Args:
        name: of the receiver.
        driver: SoapySDR's.
        serial: of the device; None: the only one.
        bytes_per_s: over the cable.
        places: where to look.
    """
    for device in devices_of(driver, places):
        if serial is not None and not device.serial.endswith(serial):
            continue
        through = _THROUGH.get(device.speed)
        if through is not None and bytes_per_s > through:
            kind = _NAMES.get(device.speed, f"{device.speed} Mb/s")
            said = (
                f"{name} is on {kind} ({device.speed} Mb/s): {bytes_per_s / 1e6:.1f} MB/s do not get through"
            )
            mend = "another port (blue: USB 3), no old hub or long cable between, or a lower sample_rate"
            yield Check("USB speed", "wrong", said, mend)
        elif through is not None:
            yield Check(
                "USB speed", "ok", f"{name}: {device.speed} Mb/s, {bytes_per_s / 1e6:.1f} MB/s needed"
            )
        if text_of(device.folder / "power/control") == "auto":
            said = f"the kernel may put {name} to sleep ({device.folder}/power/control is auto)"
            mend = (
                f"echo on | sudo tee {device.folder}/power/control; for good: a udev rule with "
                f'ATTR{{idVendor}}=="{device.product[:4]}", ATTR{{power/control}}="on"'
            )
            yield Check("USB power saving", "warn", said, mend)


def memory_check(bytes_per_s: Sequence[float], places: Places) -> Check | None:
    """The kernel's limit for all transfers under way together; None where it tells none."""
    told = text_of(places.sys / "module/usbcore/parameters/usbfs_memory_mb")
    if not told.isdecimal() or not bytes_per_s:
        return None
    limit, needed = int(told), sum(max(_TRANSFERS_BYTES, _TRANSFERS_S * one) for one in bytes_per_s) / _MIB
    if limit == 0 or needed <= limit:
        return Check("USB memory", "ok", f"{told} MB ({needed:.0f} MB needed)" if limit else "unlimited")
    more = 1 << (int(2 * needed) - 1).bit_length()
    mend = (
        f"echo {more} | sudo tee /sys/module/usbcore/parameters/usbfs_memory_mb; for good: "
        f"usbcore.usbfs_memory_mb={more} in the kernel's command line"
    )
    return Check("USB memory", "warn", f"{limit} MB for all radios, {needed:.0f} MB needed", mend)


def television_check(places: Places, *, radio: bool) -> Check:
    """The kernel's own driver for television dongles."""
    subject = "television driver"
    if _TELEVISION not in text_of(places.proc / "modules"):
        return Check(subject, "ok", "keeps its hands off RTL-SDR dongles")
    return Check(subject, "wrong" if radio else "warn", f"{_TELEVISION} holds the dongle", BLACKLIST)
