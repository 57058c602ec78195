"""The reset of a stuck USB device, on a made-up /sys, /dev and /proc."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sdr.errors import DeviceError
from sdr.usb_reset import reset_usb

RTL = ("0bda:2832", "0bda:2838")
RESET = 0x5514


class Machine:
    """Folders in the place of the kernel's, and an ioctl that writes down what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.sysfs, self.nodes, self.processes = (folder / name for name in ("sys", "dev", "proc"))
        for path in (self.sysfs, self.nodes, self.processes):
            path.mkdir()
        self.asked: list[tuple[str, int]] = []

    def plug(self, name: str, product: str, serial: str | None, device: int) -> Path:
        vendor, number = product.split(":")
        entry = self.sysfs / name
        entry.mkdir()
        facts = {"idVendor": vendor, "idProduct": number, "busnum": "1", "devnum": str(device)}
        for key, value in (facts | ({"serial": serial} if serial else {})).items():
            (entry / key).write_text(value + "\n")
        node = self.nodes / "001" / f"{device:03d}"
        node.parent.mkdir(exist_ok=True)
        node.touch()
        return node

    def open_in(self, process: int, node: Path) -> None:
        folder = self.processes / str(process) / "fd"
        folder.mkdir(parents=True)
        (folder / "7").symlink_to(node)

    def ioctl(self, descriptor: int, request: int) -> None:
        self.asked.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), request))

    def reset(self, serial: str) -> Path:
        return reset_usb(
            serial, RTL, sysfs=self.sysfs, nodes=self.nodes, processes=self.processes, ioctl=self.ioctl
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.plug("usb1", "1d6b:0002", None, 1)  # a hub
    made.plug("1-1", "0781:5567", "00000042", 2)  # a memory stick with the same serial
    return made


def test_only_the_very_device_is_reset(machine: Machine) -> None:
    node = machine.plug("1-2", "0bda:2838", "00000042", 17)
    machine.plug("1-3", "0bda:2838", "00000043", 18)
    machine.open_in(os.getpid(), node)  # that it is open here is no obstacle
    assert machine.reset("00000042") == node
    assert machine.asked == [(str(node), RESET)]


def test_a_serial_with_words_around_it(machine: Machine) -> None:
    node = machine.plug("1-2", "0bda:2838", "AIRSPY SN:91D064DC27A84EB7", 5)
    assert machine.reset("91d064dc27a84eb7") == node


@pytest.mark.parametrize(
    ("devices", "message"),
    [
        ([], "no USB devices of 0bda:2832 or 0bda:2838 have the serial number 00000042"),
        ([("1-2", "00000042", 5), ("1-3", "00000042", 6)], "2 USB devices"),
        ([("1-2", None, 5)], "no USB devices"),
    ],
)
def test_what_is_not_the_one_device_is_left_alone(
    machine: Machine, devices: list[tuple[str, str | None, int]], message: str
) -> None:
    for name, serial, number in devices:
        machine.plug(name, "0bda:2838", serial, number)
    with pytest.raises(DeviceError, match=message):
        machine.reset("00000042")
    assert machine.asked == []


def test_a_device_that_another_program_uses_is_left_alone(machine: Machine) -> None:
    node = machine.plug("1-2", "0bda:2838", "00000042", 5)
    machine.open_in(999_999_999, node)
    with pytest.raises(DeviceError, match="in use by process 999999999; it is not reset"):
        machine.reset("00000042")
    assert machine.asked == []


def test_a_kernel_that_refuses_is_told(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.plug("1-2", "0bda:2838", "00000042", 5)

    def refuse(descriptor: int, request: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(machine, "ioctl", refuse)
    with pytest.raises(DeviceError, match=r"cannot be reset .Operation not permitted.*udev rule"):
        machine.reset("00000042")


def test_a_device_that_goes_meanwhile(machine: Machine) -> None:
    machine.plug("1-2", "0bda:2838", "00000042", 5).unlink()
    with pytest.raises(DeviceError, match=r"cannot be reset .No such file"):
        machine.reset("00000042")
