"""The level-1a file: what goes in comes out through plain xarray, and a bad folder is one sentence."""

from __future__ import annotations

import json
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import xarray

from decoders.errors import OutputError
from decoders.framing.packets import Packet, PacketAssembler
from decoders.instruments.level1a import Provenance, level1a_name, packet_report, write_level1a
from decoders.instruments.msu_mr import MsuMrAssembler, MsuMrImage

PROVENANCE = Provenance(
    satellite="METEOR-M2 3",
    norad_id=57166,
    downlink="meteor_lrpt",
    mode="72k",
    elements_omm={"OBJECT_NAME": "METEOR-M2 3", "NORAD_CAT_ID": 57166},
    station={"name": "Lai Châu", "latitude_deg": 22.4, "longitude_deg": 103.45, "altitude_m": 900.0},
    recording_name="pass.sigmf-data",
    recording_sha256="ab" * 32,
    software={"tramthu": "0.1.0"},
    frame_report={"good": 1213},
    history="tramthu decode pass.sigmf-meta",
)


@pytest.fixture(scope="module")
def image(shared_data: Path) -> MsuMrImage:
    cadus = (shared_data / "lrpt/meteor-m2-3_2026-02-14/meteor_m2-x_lrpt.cadu").read_bytes()
    assembler = MsuMrAssembler("utc")
    assembler.process(PacketAssembler().process(cadus[i + 4 : i + 896] for i in range(0, len(cadus), 1024)))
    return assembler.finish()


@pytest.fixture(scope="module")
def written(image: MsuMrImage, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_level1a(tmp_path_factory.mktemp("level1a"), image, PROVENANCE)


def test_name(written: Path):
    assert written.name == "METEOR-M2_3_MSU-MR_20260214T183746Z_l1a.nc"
    assert list(written.parent.iterdir()) == [written]  # nothing unfinished is left


def test_counts_and_times_come_back(image: MsuMrImage, written: Path):
    with xarray.open_dataset(written, decode_cf=False) as dataset:
        assert dict(dataset.sizes) | {"y": 1208, "x": 1568, "telemetry": 112} == dict(dataset.sizes)
        for channel, apid in ((1, 64), (2, 65), (4, 67)):
            counts = dataset[f"ch{channel}"]
            assert counts.dtype == np.uint8
            assert np.array_equal(counts, image.counts[channel])
            assert np.array_equal(dataset[f"ch{channel}_quality"], image.quality[channel])
            assert counts.attrs["apid"] == apid
            assert counts.attrs["ancillary_variables"] == f"ch{channel}_quality"
            assert dataset[f"ch{channel}_quality"].attrs["flag_meanings"] == "good missing damaged"
        assert "ch3" not in dataset
        assert dataset["ch4"].attrs["wavelength_um"].tolist() == [3.5, 4.1]
        assert np.array_equal(dataset["line_time"], image.line_time_s)
        assert np.array_equal(dataset["line_time_source"], image.line_time_source)
        assert np.array_equal(dataset["telemetry_bytes"], image.telemetry.octets)
        assert np.array_equal(dataset["calibration_words"], image.telemetry.words)
        assert np.array_equal(dataset["position"], image.telemetry.position_m)


def test_times_are_cf(written: Path):
    with xarray.open_dataset(written) as dataset:
        first = dataset["line_time"].values[0]
        assert abs(first - np.datetime64("2026-02-14T18:37:46.262289")) < np.timedelta64(1, "us")
        assert dataset["telemetry_time"].dtype.kind == "M"


def test_globals(image: MsuMrImage, written: Path):
    with netCDF4.Dataset(written) as dataset:
        assert dataset.Conventions == "CF-1.10"
        assert dataset.satellite == "METEOR-M2 3"
        assert dataset.norad_id == 57166
        assert dataset.instrument == "MSU-MR"
        assert dataset.processing_level == "1a"
        assert dataset.time_coverage_start == "2026-02-14T18:37:46.262289Z"
        assert json.loads(dataset.elements_omm)["NORAD_CAT_ID"] == 57166
        assert json.loads(dataset.station)["name"] == "Lai Châu"
        assert json.loads(dataset.frame_report) == {"good": 1213}
        assert json.loads(dataset.packet_report) == json.loads(json.dumps(packet_report(image)))
        assert dataset.instrument_serial == 3
        assert dataset.instrument_set == "backup"


def test_same_bytes_again(image: MsuMrImage, written: Path, tmp_path: Path):
    assert write_level1a(tmp_path, image, PROVENANCE).read_bytes() == written.read_bytes()


def test_empty_provenance_takes_the_instruments_word(image: MsuMrImage, tmp_path: Path):
    with netCDF4.Dataset(write_level1a(tmp_path, image, Provenance())) as dataset:
        assert (dataset.satellite, dataset.norad_id) == ("METEOR-M2 3", 57166)
        assert dataset.elements_omm == dataset.station == ""


@pytest.mark.parametrize("name", ["../../etc/x", "METEOR-M2 3", "a/b\\c:d", "…", ""])
def test_a_name_never_leaves_the_folder(image: MsuMrImage, tmp_path: Path, name: str):
    file_name = level1a_name(image, Provenance(satellite=name))
    assert (tmp_path / file_name).resolve().parent == tmp_path.resolve()
    assert file_name.endswith("_MSU-MR_20260214T183746Z_l1a.nc")


def test_no_telemetry_at_all(tmp_path: Path):
    data = bytes.fromhex("23d803ff63340000" + "00" + "0000fff0" + "32") + bytes.fromhex(
        "28a28a28a28a28a28a28a0"
    )
    assembler = MsuMrAssembler()
    assembler.process([Packet(64, 1, 0, data)])
    with netCDF4.Dataset(write_level1a(tmp_path, assembler.finish(), Provenance())) as dataset:
        assert dataset.satellite == "UNKNOWN"
        assert dataset["ch1"].shape == (8, 1568)
        assert dataset["telemetry_bytes"].shape == (0, 21)


@pytest.mark.parametrize("path", ["missing/pass.nc", "/proc/pass.nc", "/dev/full/pass.nc"])
def test_folder_that_cannot_be_written(image: MsuMrImage, tmp_path: Path, path: str):
    with pytest.raises(OutputError, match="cannot be written") as caught:
        write_level1a(tmp_path / path, image, PROVENANCE)
    assert caught.value.exit_status == 3


def test_full_disk_leaves_nothing(image: MsuMrImage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise RuntimeError("NetCDF: HDF error")

    monkeypatch.setattr("decoders.instruments.level1a.write_telemetry", full)
    with pytest.raises(OutputError, match="HDF error"):
        write_level1a(tmp_path, image, PROVENANCE)
    assert list(tmp_path.iterdir()) == []
