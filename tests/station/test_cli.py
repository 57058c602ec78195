"""The command line: exit status and one sentence for bad input, never a traceback; satpy stays outside."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from station import cli
from station.catalogue import Catalogue
from station.commands.options import parse_site
from station.errors import exit_status_of, sentence_of
from tests.station.conftest import ELEMENTS, Run, one_sentence

FIXED = ["demo", "run", "passes", "simulate", "decode", "products", "replay", "serve", "doctor"]


def test_every_fixed_command_explains_itself(tramthu: Run) -> None:
    status, out, _ = tramthu("--help")
    assert status == 0
    for name in FIXED:
        assert name in out
        if name != "products":
            assert tramthu(name, "--help")[0] == 0


def test_passes_as_json_have_the_fixed_form(tramthu: Run) -> None:
    status, out, err = tramthu(
        "passes",
        "--site",
        "lai-chau",
        "--site",
        "lang-son",
        "--elements",
        ELEMENTS,
        "--from",
        "2024-07-17T00:00:00Z",
        "--days",
        "1",
        "--json",
    )
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert {p["site"] for p in found} == {"Lai Châu", "Lạng Sơn"}
    assert [p["aos"] for p in found] == sorted(p["aos"] for p in found)


def test_passes_as_a_table(tramthu: Run) -> None:
    status, out, _ = tramthu(
        "passes",
        "--site",
        "X,22.4,103.45,900",
        "--elements",
        ELEMENTS,
        "--from",
        "2024-07-17",
        "--satellite",
        "meteor m2-4",
    )
    assert status == 0
    assert "70°" in out


def test_the_table_of_passes_cuts_nothing_at_80_columns(
    tramthu: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    asked = ("passes", "--elements", ELEMENTS, "--from", "2024-07-17")
    for sites in (("lai-chau",), ("lai-chau", "lang-son")):
        where = [word for site in sites for word in ("--site", site)]
        status, out, _ = tramthu(*asked, *where)
        assert status == 0
        assert "…" not in out
        assert max(len(line) for line in out.splitlines()) <= 80
        found = json.loads(tramthu(*asked, *where, "--json")[1])
        assert len(found) > 6
        for seen in found:
            rise, end = (datetime.fromisoformat(seen[key]) for key in ("aos", "los"))
            hour = (rise.hour + 7) % 24
            assert f"{rise:%Y-%m-%d %H:%M:%S} {end:%H:%M:%S} {hour:02}:{rise:%M}–" in out


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"<html><body>429</body></html>", "web page"),
        (
            b"1 59051U 24039A   24198.89352404  .00000096  00000+0  62507-4 0  9994\n2 59051  98.5991 160.0580 0007944  45.3672 314.8153 14.22239163 19710\n",  # noqa: E501
            "checksum",
        ),
        (b"\x00\xff" * 64, "not text"),
    ],
)
def test_bad_elements_are_named(tramthu: Run, tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "elements.txt"
    path.write_bytes(content)
    status, _, err = tramthu("passes", "--site", "lai-chau", "--elements", path)
    assert status == 2
    assert says in one_sentence(err)


def test_elements_ten_years_old_are_refused_unless_forced(tramthu: Run) -> None:
    old = (
        "passes",
        "--site",
        "lai-chau",
        "--elements",
        ELEMENTS,
        "--from",
        "2034-07-17",
        "--satellite",
        "59051",
    )
    status, _, err = tramthu(*old)
    assert status == 2
    assert "10.0 years after their epoch" in one_sentence(err)
    status, _, err = tramthu(*old, "--force")
    assert status == 0
    assert "10.0 years after" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("passes",), "--site and --elements"),
        (("passes", "--site", "nowhere", "--elements", ELEMENTS), "is no site"),
        (("passes", "--site", "lai-chau", "--elements", ELEMENTS, "--from", "tomorrow"), "ISO 8601"),
        (("passes", "--site", "lai-chau", "--elements", "absent.txt"), "cannot be read"),
        (
            ("passes", "--site", "lai-chau", "--elements", ELEMENTS, "--satellite", "METEOR-M2 5"),
            "the nearest is",
        ),
        (("run", "-c", "absent.toml"), "copy station.example.toml"),
        (("serve",), "say what to serve"),
        (("serve", "--data-dir", "absent"), "is no folder"),
        (("replay", "nothing", "--data-dir", "absent"), "is no recording"),
        (("simulate", "--out", "x", "--satellite", "METEOR-M2 9"), "the nearest is"),
        (("simulate", "--out", "x", "--channels", "a"), "--channels"),
        (("simulate", "--out", "x", "--mode", "90k"), "--mode"),
        (("inspect", "absent.cu8"), "absent.cu8"),
        (
            ("decode", "absent.cu8", "--downlink", "meteor_lrpt", "--out", "o", "--level", "ip"),
            "allowed are: iq",
        ),
        (
            ("decode", "absent.cu8", "--downlink", "meteor_lrpt", "--out", "o", "--format", "cu9"),
            "allowed are: cf32",
        ),
        (
            ("decode", "absent.cu8", "--downlink", "meteor_lrpd", "--out", "o", "--rate", "250000"),
            "meteor_lrpt",
        ),
        (("decode", "absent.cu8", "--downlink", "meteor_lrpt", "--out", "o", "--start", "noon"), "ISO 8601"),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(
    tramthu: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...], says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    status, _, err = tramthu(*arguments)
    assert status == 2
    assert says in one_sentence(err)


@pytest.mark.parametrize(
    "arguments", [("decod",), ("decode",), ("passes", "--dayz", "1"), ("demo", "--seed", "x")]
)
def test_a_slip_in_a_word_is_status_2(tramthu: Run, arguments: tuple[str, ...]) -> None:
    status, _, err = tramthu(*arguments)
    assert status == 2
    assert "Traceback" not in err


def _inputs(folder: Path) -> dict[str, tuple[bytes, tuple[str, ...], int, str]]:
    """Name: content, options, exit status, what is said."""
    import numpy as np

    noise = np.random.default_rng(1).integers(0, 256, 400_000, dtype=np.uint8).tobytes()
    raw = ("--format", "cu8", "--rate", "250000")
    return {
        "empty": (b"", raw, 2, ""),
        "noise": (noise, raw, 1, "no signal"),
        "zeros": (b"\x80" * 400_000, raw, 1, "no signal"),
        "nan": (
            np.full(200_000, np.nan, np.complex64).tobytes(),
            ("--format", "cf32", "--rate", "250000"),
            1,
            "finite",
        ),
        "norate": (noise, ("--format", "cu8"), 2, "--rate"),
        "notwav": (noise, ("--format", "wav"), 2, ""),
        "notsigmf": (noise, ("--format", "sigmf"), 2, ""),
        "cutgzip": (b"\x1f\x8b\x08\x00garbage", raw, 2, ""),
        "soft": (noise, ("--level", "soft"), 1, "no frame"),
        "hard": (noise[:50_000], ("--level", "hard"), 1, "no frame"),
        "cadu": (noise[:50_000], ("--level", "cadu"), 1, "no frame"),
        "slow": (noise, ("--format", "cu8", "--rate", "8000"), 2, ""),
    }


@pytest.mark.parametrize("name", sorted(_inputs(Path())))
def test_bad_input_has_its_status_and_no_traceback(tramthu: Run, tmp_path: Path, name: str) -> None:
    content, options, expected, says = _inputs(tmp_path)[name]
    path = tmp_path / f"{name}.bin"
    path.write_bytes(content)
    status, _, err = tramthu("decode", path, "--downlink", "meteor_lrpt", "--out", tmp_path / "out", *options)
    assert "Traceback" not in err
    assert status == expected, err
    assert says in err
    assert path.read_bytes() == content
    if status == 1:
        assert json.loads((tmp_path / "out/report.json").read_text())["exit_status"] == 1
    else:
        one_sentence(err)


def test_an_output_that_is_a_file_is_refused(tramthu: Run, tmp_path: Path) -> None:
    path = tmp_path / "in.cu8"
    path.write_bytes(b"\x80" * 10_000)
    (tmp_path / "out").write_text("a file")
    status, _, err = tramthu(
        "decode", path, "--rate", 250e3, "--downlink", "meteor_lrpt", "--out", tmp_path / "out"
    )
    assert status in (2, 3)
    one_sentence(err)


def test_real_frames_come_out_byte_for_byte(tramthu: Run, tmp_path: Path, shared_data: Path) -> None:
    name = shared_data / "lrpt/meteor-m2_2019-03-24_cu8_300k.raw.gz"
    status, out, _ = tramthu(
        "decode",
        name,
        "--format",
        "cu8",
        "--rate",
        300000,
        "--downlink",
        "meteor_lrpt",
        "--out",
        tmp_path / "o",
        "--json",
    )
    assert status == 0
    assert (tmp_path / "o/frames.cadu").read_bytes() == (
        shared_data / "lrpt/meteor-m2_2019-03-24_expected.cadu"
    ).read_bytes()
    assert json.loads(out)["frames"]["good"] == 14


def test_every_error_of_every_folder_has_a_status() -> None:
    import importlib

    for folder in ("sdr", "scheduler", "hardware", "decoders", "products", "sim", "station"):
        module = importlib.import_module(f"{folder}.errors")
        errors = [e for e in vars(module).values() if isinstance(e, type) and issubclass(e, Exception)]
        assert errors
        for kind in errors:
            assert exit_status_of(kind("said")) in (1, 2, 3)


def test_what_nobody_foresaw_is_a_bug_and_said_so(capfd: pytest.CaptureFixture[str]) -> None:
    def broken() -> int:
        raise ZeroDivisionError("division by zero")

    assert cli.guarded(broken) == 3
    err = capfd.readouterr().err
    assert "This is a bug, please report it" in one_sentence(err)


def test_errors_of_the_system_are_told_apart() -> None:
    assert exit_status_of(FileNotFoundError(2, "No such file", "x")) == 2
    assert exit_status_of(OSError(28, "No space left on device", "x")) == 3
    assert (
        sentence_of(OSError(28, "No space left on device", "x"))
        == "x: No space left on device; free some space"
    )
    assert exit_status_of(ValueError("x")) is None


def test_debug_shows_where(tramthu: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAMTHU_DEBUG", "")
    status, _, err = tramthu("--debug", "run", "-c", "absent.toml")
    assert status == 2
    assert "Traceback" in err


def test_ctrl_c_while_the_command_is_still_being_loaded_is_one_word() -> None:
    """It comes with the first module that takes its time."""
    code = (
        "import sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from station.cli import main\n"
        "main()\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "tramthu: interrupted\n")


def test_satpy_and_its_like_stay_out_of_the_command_and_the_daemon() -> None:
    code = (
        "import sys, station.commands.app, station.daemon, station.demo, station.replay, station.record\n"
        "print([n for n in ('satpy', 'pyresample', 'dask', 'xarray', 'pyorbital', 'rasterio', 'sim') if n in sys.modules])"  # noqa: E501
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_a_taken_port_is_told_and_no_page_promised(tramthu: Run, tmp_path: Path) -> None:
    import socket

    Catalogue(tmp_path).close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, _, err = tramthu("serve", "--data-dir", tmp_path, "--port", port)
    assert status == 3
    assert f"127.0.0.1:{port} cannot be listened on" in one_sentence(err)


def test_an_unknown_observation_is_wrong_use(tramthu: Run, tmp_path: Path) -> None:
    Catalogue(tmp_path).close()
    status, _, err = tramthu("replay", "nothing", "--data-dir", tmp_path)
    assert status == 2
    assert "no observation 'nothing'" in one_sentence(err)


@pytest.mark.parametrize("command", [("serve",), ("replay", "nothing")])
def test_who_only_reads_makes_no_catalogue(tramthu: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """A page that is started with the station would else make the tables at the same time."""
    status, _, err = tramthu(*command, "--data-dir", tmp_path)
    assert status == 2
    assert "folder" in one_sentence(err)
    assert not list(tmp_path.iterdir())


def test_the_name_of_a_site_may_hold_commas() -> None:
    site = parse_site("Lai Châu, Việt Nam,22.4,103.45,900.0")
    assert (site.name, site.latitude_deg, site.altitude_m) == ("Lai Châu, Việt Nam", 22.4, 900.0)


def test_the_recorder_imports_only_what_it_needs() -> None:
    """A new one is to receive in less than a second, and to stay small."""
    code = (
        "import sys, station.record, sdr.record, sdr.soapy\n"
        "print([n for n in ('sqlalchemy', 'typer', 'scipy', 'skyfield', 'fastapi') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
