"""The links that are measured, as data: what is sent, how the receiver stands, how long, at which Eb/N0."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Case:
    """One downlink under one kind of reception.

    Attributes:
        name: of the case in tables.
        mode: of the simulator.
        downlink: of the decoder.
        carrier_hz: as sent.
        sample_rate: Hz.
        bit_rate: bits per second out of the inner decoder that share the signal's power; 80k: 80 000, since
            its sync words are symbols as any other, so that their energy is not counted.
        frame_s: seconds per frame.
        frames: that are sent.
        crystal_ppm: error of the receiver's one crystal, on carrier and sample clock.
        doppler_hz: in the first sample.
        drift_hz_s: by which it changes.
        levels: Eb/N0 in dB.
        quick_levels: those of a quick run.
        quick_frames: frames of a quick run.
        rate: of the inner code, "none" without one; for theory.
        nrz_m: whether bits are told by their changes; for theory.
        interleave: codewords of a frame; 0 without Reed-Solomon.
        off_s: the signal, not the noise, is off in the last so many seconds of every four.
        told: and the decoder is told so: the samples are zeros there.
        swapped: I and Q change places.
    """

    name: str
    mode: str
    downlink: str
    carrier_hz: float
    sample_rate: float
    bit_rate: float
    frame_s: float
    frames: int
    crystal_ppm: float
    doppler_hz: float
    drift_hz_s: float
    levels: tuple[float, ...]
    quick_levels: tuple[float, ...] = ()
    quick_frames: int = 0
    rate: str = "1/2"
    nrz_m: bool = True
    interleave: int = 4
    off_s: float = 0.0
    told: bool = False
    swapped: bool = False

    @property
    def protected(self) -> bool:
        """Whether Reed-Solomon proves the frames."""
        return self.interleave > 0


def _lrpt(name: str, mode: str, downlink: str, levels: tuple[float, ...], **more: object) -> Case:
    # A crystal 50 ppm slow shows 6.9 kHz; with the Doppler shift of a rise it is the 10.5 kHz of the issue.
    values: dict[str, object] = {
        "carrier_hz": 137.9e6,
        "sample_rate": 288e3,
        "bit_rate": 72e3,
        "frame_s": 8192 / 72e3,
        "frames": 1500,
        "crystal_ppm": -50.0,
        "doppler_hz": 3605.0,
        "drift_hz_s": -30.0,
    }
    return Case(name, mode, downlink, levels=levels, **(values | more))  # type: ignore[arg-type]


def _hrpt(name: str, carrier_hz: float, frame_s: float, frames: int, quick: int) -> Case:
    return Case(
        name, name, name, carrier_hz, 3e6, 665.4e3, frame_s, frames, 50.0, -40e3, -400.0,
        (3.0, 4.0, 5.0, 6.0, 7.0, 8.0), (5.0,), quick,
        rate="none", nrz_m=False, interleave=0,
    )  # fmt: skip


CASES: tuple[Case, ...] = (
    _lrpt(
        "72k", "72k", "meteor_lrpt_72k", (1.2, 1.3, 1.4, 1.45, 1.5, 1.6, 1.7, 1.9, 2.5, 4.0),
        quick_levels=(1.9,), quick_frames=300,
    ),
    _lrpt("m2_72k", "m2_72k", "meteor_m2_lrpt_72k", (1.3, 1.45, 1.6, 1.9, 2.5), nrz_m=False, swapped=True),
    _lrpt(
        "80k", "80k", "meteor_lrpt_80k", (1.4, 1.6, 1.8, 2.0, 2.2, 3.0), bit_rate=80e3,
        quick_levels=(2.2,), quick_frames=300,
    ),
    _lrpt("80k fades", "80k", "meteor_lrpt_80k", (3.5, 4.0, 4.5, 6.0), bit_rate=80e3, off_s=1.0),
    _lrpt(
        "80k fades told", "80k", "meteor_lrpt_80k", (3.5, 4.0, 4.5, 6.0), bit_rate=80e3, off_s=1.0, told=True
    ),
    Case(
        "metop_ahrpt", "metop_ahrpt", "metop_ahrpt", 1701.3e6, 6e6, 3.5e6, 8192 / 3.5e6, 3000,
        -50.0, 40e3, -400.0, (2.4, 2.5, 2.6, 2.65, 2.7, 2.8, 3.0, 4.0), (3.0,), 1000,
        rate="3/4", nrz_m=False, swapped=True,
    ),
    _hrpt("noaa_hrpt", 1698e6, 1 / 6, 60, 15),
    _hrpt("meteor_hrpt", 1700e6, 8192 / 665.4e3, 800, 200),
    Case(
        "jpss_hrd", "jpss_hrd", "jpss_hrd", 7812e6, 25e6, 15e6, 8192 / 15e6, 1200,
        -25.0, 180e3, -1800.0, (1.3, 1.45, 1.6, 1.9, 2.5),
    ),
    Case(
        "noaa21_hrd", "noaa21_hrd", "noaa21_hrd", 7812e6, 40e6, 25e6, 10232 / 25e6, 1000,
        -25.0, 180e3, -1800.0, (1.3, 1.45, 1.6, 1.9, 2.5), interleave=5,
    ),
    Case(
        "gk2a_lrit", "gk2a_lrit", "gk2a_lrit", 1692.14e6, 512e3, 64e3, 8192 / 64e3, 500,
        10.0, 0.0, 0.0, (1.3, 1.45, 1.6, 1.9, 2.5), nrz_m=False,
    ),
)  # fmt: skip


def case_named(name: str) -> Case:
    """The case of that name."""
    return next(case for case in CASES if case.name == name)
