"""Resets one USB device that is stuck, as unplugging it and plugging it in would; never a hub.

Source: Linux, Documentation/driver-api/usb/usb.rst and include/uapi/linux/usbdevice_fs.h (USBDEVFS_RESET =
_IO('U', 20)); sysfs files `serial`, `idVendor`, `idProduct`, `busnum`, `devnum` of /sys/bus/usb/devices/*.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from sdr.errors import DeviceError

_USBDEVFS_RESET = 0x5514
_LEAST_SERIAL = 4


def _ioctl(descriptor: int, request: int) -> None:
    fcntl.ioctl(descriptor, request, 0)


def reset_usb(
    serial: str,
    products: tuple[str, ...],
    *,
    sysfs: Path = Path("/sys/bus/usb/devices"),
    nodes: Path = Path("/dev/bus/usb"),
    processes: Path = Path("/proc"),
    ioctl: Callable[[int, int], None] = _ioctl,
) -> Path:
    """Reset the one device of that serial number.

    Args:
        serial: as the driver tells it; the device's own may have more around it ("AIRSPY SN:…").
        products: "vendor:product" of the devices that come into question.
        sysfs: the kernel's list of devices.
        nodes: their device files.
        processes: to see that no other program has the device open.
        ioctl: does it.

    Returns:
        The device file.

    Raises:
        DeviceError: none or several such devices, another program uses it, or the kernel refuses.
    """
    node = _find(serial, products, sysfs, nodes)
    if (user := _user_of(node, processes)) is not None:
        raise DeviceError(f"{node} is in use by process {user}; it is not reset")
    try:
        descriptor = os.open(node, os.O_WRONLY | os.O_CLOEXEC)
        try:
            ioctl(descriptor, _USBDEVFS_RESET)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise DeviceError(
            f"{node} cannot be reset ({error.strerror}); allow its user to write to it by a udev rule, or "
            "unplug it and plug it in again"
        ) from None
    return node


def _find(serial: str, products: tuple[str, ...], sysfs: Path, nodes: Path) -> Path:
    found = [
        device
        for device in sorted(sysfs.glob("*"))
        if f"{_text(device / 'idVendor')}:{_text(device / 'idProduct')}" in products
        and _same(serial, _text(device / "serial"))
    ]
    if len(found) != 1:
        raise DeviceError(
            f"{len(found) or 'no'} USB devices of {' or '.join(products)} have the serial number {serial}; "
            "only a single one is reset"
        )
    bus, number = (_text(found[0] / name) for name in ("busnum", "devnum"))
    if not (bus.isdecimal() and number.isdecimal()):
        raise DeviceError(f"{found[0]} tells no bus and device number")
    return nodes / f"{int(bus):03d}" / f"{int(number):03d}"


def _same(wanted: str, told: str) -> bool:
    wanted, told = wanted.lower(), told.lower()
    return wanted == told or (len(wanted) >= _LEAST_SERIAL and told.endswith(wanted))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:
        return ""


def _user_of(node: Path, processes: Path) -> int | None:
    """Number of another process that has a device file open, as far as we may see."""
    for process in processes.glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            if any(link.readlink() == node for link in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:  # gone meanwhile, or another user's
            continue
    return None
