"""The SoapySDR receiver through the real library, with a driver module built for the tests.

The module path is read once by the library, so each scenario runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sdr import soapy_library
from sdr.errors import DeviceError
from sdr.receiver import Tuning
from sdr.recording import Gap, open_recording
from sdr.soapy import SoapyReceiver

SOURCE = Path(__file__).with_name("soapy_test_module.cpp")
RATE = 250_000

SCENARIO = """
import json, sys
from dataclasses import asdict
from pathlib import Path
from sdr.errors import DeviceError
from sdr.receiver import Tuning
from sdr.record import open_writer, record
from sdr.soapy import SoapyReceiver
from sdr.soapy_library import enumerate_devices

options = json.loads(sys.argv[2])
receiver = SoapyReceiver("tramthu_test", serial=options.pop("serial", None), args=options.pop("args", None))
tuning = Tuning(137.9e6, 250_000, gain_db=30.4, bias_tee=True, ppm=2)
try:
    opened = receiver.open(tuning)
    info = record(receiver, open_writer(opened, Path(sys.argv[1])), reserve_bytes=0, **options)
    print(json.dumps({"opened": asdict(opened), "end": info.end}))
except DeviceError as error:
    print(json.dumps({"error": str(error)}))
finally:
    receiver.close()
"""


@pytest.fixture(scope="session")
def module_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not Path("/usr/include/SoapySDR/Device.hpp").exists() or shutil.which("g++") is None:
        pytest.skip("needs g++ and SoapySDR's headers: apt-get install g++ libsoapysdr-dev")
    folder = tmp_path_factory.mktemp("soapy")
    subprocess.run(
        [
            "g++",
            "-O1",
            "-shared",
            "-fPIC",
            "-std=c++17",
            str(SOURCE),
            "-o",
            str(folder / "libtest.so"),
            "-lSoapySDR",
        ],
        check=True,
    )
    return folder


def run(module_folder: Path, stem: Path, **options: Any) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", SCENARIO, str(stem), json.dumps(options)],
        env=os.environ | {"SOAPY_SDR_PLUGIN_PATH": str(module_folder)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def numbers(path: Path) -> np.ndarray:
    """The device's own count of every recorded sample; 0 in gaps."""
    return np.fromfile(path.with_name(path.name + ".sigmf-data"), "<u4")


def test_what_the_device_really_did_is_told(module_folder: Path, tmp_path: Path) -> None:
    result = run(module_folder, tmp_path / "a", serial="a", duration_s=0.1)
    opened = result["opened"]
    assert opened["device"] == "SoapySDR test device (tramthu_test)"
    assert (opened["frequency_hz"], opened["sample_rate"]) == (137.9e6 + 12.5, RATE)
    assert (opened["gain_db"], opened["antenna"], opened["format"]) == (30.0, "RX", "cs16")
    assert any("ppm stay in the recording" in note for note in opened["notes"])
    with open_recording(tmp_path / "a") as reader:
        assert (reader.info.sample_count, reader.info.end) == (25_000, "finished")
        assert reader.info.metadata["gain_db"] == 30.0
        assert reader.info.center_frequency_hz == 137.9e6 + 12.5
    assert np.array_equal(numbers(tmp_path / "a"), np.arange(25_000))


def test_a_stamped_loss_is_marked_at_its_exact_place_and_length(module_folder: Path, tmp_path: Path) -> None:
    run(module_folder, tmp_path / "a", serial="a", args={"lose_at": "12345", "lose": "678"}, duration_s=0.1)
    with open_recording(tmp_path / "a") as reader:
        assert reader.info.gaps == (Gap(12345, 678, "overflow"),)
    expected = np.arange(25_000)
    expected[12345 : 12345 + 678] = 0
    assert np.array_equal(numbers(tmp_path / "a"), expected)


def test_a_loss_without_stamps_is_estimated_and_says_so(module_folder: Path, tmp_path: Path) -> None:
    args = {"lose_at": "5000", "lose": "50000", "stamps": "0"}
    run(module_folder, tmp_path / "a", serial="a", args=args, duration_s=0.4)
    with open_recording(tmp_path / "a") as reader:
        (gap,) = reader.info.gaps
    assert gap.sample_index == 5000
    assert gap.sample_count == pytest.approx(50_000, abs=5000)  # 20 ms of a busy machine
    assert gap.cause == "overflow (length estimated)"


def test_a_device_that_dies_ends_readably(module_folder: Path, tmp_path: Path) -> None:
    result = run(module_folder, tmp_path / "a", serial="a", args={"die_at": "5000"}, duration_s=1)
    assert "the radio stopped: STREAM_ERROR" in result["error"]
    with open_recording(tmp_path / "a") as reader:
        assert len(reader.read(100_000)) == 5000


def test_two_radios_need_a_serial(module_folder: Path, tmp_path: Path) -> None:
    result = run(module_folder, tmp_path / "a", duration_s=1)
    assert result["error"] == "2 radios of driver tramthu_test; choose one by its serial: a, b"


def test_a_serial_that_is_not_there(module_folder: Path, tmp_path: Path) -> None:
    result = run(module_folder, tmp_path / "a", serial="z", duration_s=1)
    assert "no radio found for driver=tramthu_test, serial=z" in result["error"]


def test_a_nonsense_rate_is_refused(module_folder: Path, tmp_path: Path) -> None:
    result = run(module_folder, tmp_path / "a", serial="a", args={"rate_error": "1e6"}, duration_s=1)
    assert "gives 1.25e+06 samples/s instead of 250000" in result["error"]


def test_an_absent_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soapy_library, "LIBRARY", "libSoapySDR.so.absent")
    soapy_library.library.cache_clear()
    with pytest.raises(DeviceError, match=r"apt-get install libsoapysdr0\.8"):
        SoapyReceiver("rtlsdr").open(Tuning(1e8, 250_000))
    soapy_library.library.cache_clear()


def test_a_driver_must_be_named() -> None:
    with pytest.raises(DeviceError, match=r"name the SoapySDR driver|cannot be loaded"):
        SoapyReceiver("").open(Tuning(1e8, 250_000))
