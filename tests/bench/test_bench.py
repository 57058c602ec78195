"""The bench measures what it says: noise, counting, verdicts; and it turns red when something is broken."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.bench import __main__ as bench
from tests.bench.cases import CASES, case_named
from tests.bench.loss import run as loss
from tests.bench.options import Options
from tests.bench.recordings import Reception, Sent, clean, received, samples_of
from tests.bench.satdump import run as satdump
from tests.bench.tables import Curve, Plot, Table
from tests.bench.targets import TARGETS, judge


def test_every_case_names_what_exists() -> None:
    from decoders.downlink import load_downlink
    from sim.modes import mode_named

    for case in CASES:
        mode, sent = load_downlink(case.downlink).modes[0], mode_named(case.mode)
        assert sent.energy_rate == pytest.approx(case.bit_rate), case.name
        assert sent.frame_period_s == pytest.approx(case.frame_s), case.name
        assert mode.protected == case.protected
        assert (mode.differential == "nrz-m") == case.nrz_m
        assert mode.code.removeprefix("ccsds-k7-r") == case.rate


def test_every_target_of_a_loss_is_at_a_measured_level() -> None:
    levels = {f"loss {case.name} {level:g}" for case in CASES for level in case.levels}
    wanted = {target.figure for target in TARGETS if target.figure.startswith("loss ")}
    assert wanted <= levels
    assert {figure for figure in wanted if "fades" not in figure} >= {"loss 72k 1.9", "loss metop_ahrpt 3"}


@pytest.mark.parametrize("name", ["72k", "metop_ahrpt", "noaa_hrpt"])
def test_noise_is_calibrated(tmp_path: Path, name: str) -> None:
    """Eb/N0 from the samples themselves: power of signal and of noise, rates as published."""
    case = case_named(name)
    stem = clean(case, tmp_path, frames=2, seed=3)
    path = received(stem, replace(case, swapped=False), Reception(4.0, seed=3), tmp_path / "x.cf32")
    noisy, quiet = np.fromfile(path, np.complex64), np.array(samples_of(stem))
    turn = np.vdot(quiet, noisy) / np.vdot(quiet, quiet)
    assert abs(turn) == pytest.approx(1, abs=0.02)
    noise = np.mean(np.abs(noisy - turn * quiet) ** 2) / case.sample_rate
    bit_rate = {"72k": 72e3, "metop_ahrpt": 2333333.333 * 2 * 3 / 4, "noaa_hrpt": 665.4e3}[name]
    energy = np.mean(np.abs(quiet) ** 2) / bit_rate
    assert 10 * np.log10(energy / noise) == pytest.approx(4.0, abs=0.05)


def test_the_signal_is_off_when_it_is_said_to_be(tmp_path: Path) -> None:
    case = case_named("80k fades")
    stem = clean(case, tmp_path, frames=2, seed=3)
    for told in (False, True):
        path = received(stem, replace(case, told=told), Reception(20.0), tmp_path / "x.cf32")
        power = np.abs(np.fromfile(path, np.complex64)) ** 2
        rate = int(case.sample_rate)
        on, off = power[: 3 * rate].mean(), power[3 * rate : 4 * rate].mean()
        assert 0 < off < 0.1 * on or (told and off == 0)


def test_same_seed_same_recording(tmp_path: Path) -> None:
    case = case_named("72k")
    files = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        stem = clean(case, folder, frames=2, seed=5)
        files.append(received(stem, case, Reception(3.0, seed=5), folder / "x.cf32").read_bytes())
        assert len(Sent.read(stem).whole) >= 2
    assert files[0] == files[1]


def test_a_frame_changed_or_lost_is_counted(tmp_path: Path) -> None:
    from tests.bench.point import _outcome

    case = case_named("72k")
    stem = clean(case, tmp_path, frames=4, seed=5)
    sent = Sent.read(stem)
    wrong = bytearray(sent.whole[1])
    wrong[500] ^= 1
    frames = [sent.whole[0], bytes(wrong), *sent.whole[2:-1]]
    found = _outcome(sent, frames, case, (0, 0), exit_status=0, message="")
    assert (found.whole, found.got, found.never_sent) == (len(sent.whole), len(sent.whole) - 2, 1)
    assert (found.at_start, found.at_end) == (0, 1)


def test_verdicts_fail_on_a_must_only() -> None:
    assert judge({"loss 72k 1.9": 0.0})[1]
    lines, met = judge({"loss 72k 1.9": 0.02})
    assert not met
    assert "MISSED" in lines[0]
    assert judge({"loss 72k 1.45": 0.5})[1]
    assert judge({"rs clean": 1500.0})[1]
    assert not judge({"rs clean": 900.0})[1]
    assert not judge({"never sent": 1.0})[1]


def test_a_table_is_written_and_drawn(tmp_path: Path) -> None:
    plot = Plot(
        "p", "t", "x", "y", (Curve("a", [1, 2], [0.1, 0.0]), Curve("a, theory", [1, 2], [0.1, 0.01], True))
    )
    Table("n", "what", [{"a": 1, "b": 0.123456}], {"f": 1.0}, (plot,)).write(tmp_path)
    assert "| 1 | 0.1235 |" in (tmp_path / "n.md").read_text()
    assert json.loads((tmp_path / "n.json").read_text())["figures"] == {"f": 1.0}
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_without_satdump_its_table_is_empty_and_nothing_is_drawn(tmp_path: Path) -> None:
    satdump(Options(tmp_path)).write(tmp_path)
    assert "nothing measured" in (tmp_path / "satdump.md").read_text()
    assert not (tmp_path / "satdump.png").exists()


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        bench.parse(["--only", "los"])
    assert error.value.code == 2
    assert "known are" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("sabotage", [None, "tap", "sample"])
def test_sabotage_turns_the_run_red(tmp_path: Path, sabotage: str | None) -> None:
    options = Options(tmp_path, quick=True, cases=("72k",), sabotage=sabotage)
    assert judge(loss(options).figures)[1] == (sabotage is None)


@pytest.mark.slow
def test_quick_bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What `make bench ARGS="--quick --only loss,viterbi,acquisition"` says; the same every time."""
    words = ["--quick", "--only", "loss,viterbi,acquisition", "--out"]
    assert bench.main([*words, str(tmp_path / "a")]) == 0, capsys.readouterr().out
    bench.main([*words, str(tmp_path / "b")])
    for name in ("loss", "viterbi", "acquisition"):
        assert (tmp_path / "a" / f"{name}.json").read_text() == (tmp_path / "b" / f"{name}.json").read_text()
