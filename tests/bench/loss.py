"""Table `loss`: frames lost and bit error rate against Eb/N0, theory beside them.

Every point is a cold start in mid-stream at a random carrier phase, the receiver's crystal off for carrier
and clock, Doppler and its drift on top (see `cases.py`). Frames are counted byte for byte against the log of
what was sent, the first and last whole ones of the recording included.
"""

from __future__ import annotations

import math
import sys

from tests.bench import point
from tests.bench.cases import CASES, Case
from tests.bench.options import Options
from tests.bench.point import Outcome
from tests.bench.recordings import clean
from tests.bench.tables import Cell, Curve, Plot, Table
from tests.theory import curves

Points = dict[str, dict[float, Outcome]]

TITLE = (
    "Eb/N0 in dB per bit out of the inner decoder (80k: sync words not counted; HRPT: residual carrier "
    "counted). Lost: share of the frames that lie wholly in the recording. Theory: one pass of ideal soft "
    "Viterbi and Reed-Solomon. BER: behind the inner decoder, of located frames; theory's is a Monte Carlo "
    "at rate 1/2, and the union bound at other rates, which is too high above 1e-3."
)


def run(options: Options) -> Table:
    """All cases at all their levels."""
    cases = [case for case in CASES if options.wants(case) and _levels(case, options)]
    points = {case.name: _measured(case, options) for case in cases}
    rows = [_row(case, ebn0_db, one) for case in cases for ebn0_db, one in points[case.name].items()]
    return Table("loss", TITLE, rows, _figures(points), (_loss_plot(cases, points), _ber_plot(cases, points)))


def _levels(case: Case, options: Options) -> tuple[float, ...]:
    return case.quick_levels if options.quick else case.levels


def _measured(case: Case, options: Options) -> dict[float, Outcome]:
    stem = clean(
        case, options.scratch, frames=options.frames(case), seed=options.seed, sabotage=options.sabotage
    )
    levels = _levels(case, options)
    print(f"{case.name}: {len(levels)} levels", file=sys.stderr, flush=True)
    found = options.map(lambda ebn0_db: point.run(stem, case, options.reception(case, ebn0_db)), levels)
    return dict(zip(levels, found, strict=True))


def _row(case: Case, ebn0_db: float, one: Outcome) -> dict[str, Cell]:
    return {
        "case": case.name,
        "Eb/N0": ebn0_db,
        "sent": one.whole,
        "got": one.got,
        "lost": round(one.loss, 5),
        "theory": _theory_loss(case, ebn0_db),
        "at start": one.at_start,
        "at end": one.at_end,
        "BER": one.bit_error_rate,
        "theory's BER": theory_ber(case, ebn0_db),
        "never sent": one.never_sent,
    }


def _theory_loss(case: Case, ebn0_db: float) -> float | None:
    if not case.protected or case.off_s:
        return None
    found = curves.frame_loss(case.rate, ebn0_db, interleave=case.interleave, nrz_m=case.nrz_m)
    return None if found is None else round(found, 5)


def theory_ber(case: Case, ebn0_db: float) -> float | None:
    """Bit error rate behind an ideal inner decoder."""
    if case.off_s:
        return None
    if case.rate == "none":
        return curves.split_phase_error(ebn0_db)
    found = curves.viterbi_bit_error(case.rate, ebn0_db, nrz_m=case.nrz_m)
    return found if found < 0.1 else None  # the bound says nothing there


def _figures(points: Points) -> dict[str, float]:
    figures = {
        f"loss {name} {ebn0_db:g}": one.loss
        for name, found in points.items()
        for ebn0_db, one in found.items()
    }
    for name in ("noaa_hrpt", "meteor_hrpt"):
        away = [_away_db(ebn0_db, one) for ebn0_db, one in points.get(name, {}).items()]
        if away:
            figures[f"ber {name}"] = max(away)
    shares = [
        one.got / told if (told := points["80k fades told"][ebn0_db].got) else 0.0
        for ebn0_db, one in points.get("80k fades", {}).items()
        if ebn0_db in points.get("80k fades told", {}) and ebn0_db >= 4.5
    ]
    if shares:
        figures["fades 80k"] = min(shares)
    if points:
        figures["never sent"] = sum(one.never_sent for found in points.values() for one in found.values())
    return figures


def _away_db(ebn0_db: float, one: Outcome) -> float:
    """By how many dB split phase is worse than theory; points of fewer than 30 errors tell nothing."""
    if one.bits and one.bit_errors < 30:
        return 0.0
    rate, low, high = one.bit_error_rate or 0.5, -10.0, 15.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if curves.split_phase_error(middle) > rate else (low, middle)
    return ebn0_db - low


def _loss_plot(cases: list[Case], points: Points) -> Plot:
    lines = []
    for case in cases:
        found = points[case.name]
        if not case.protected:
            continue
        lines.append(Curve(case.name, list(found), [one.loss for one in found.values()]))
    for rate, nrz_m, label in (("1/2", True, "72k"), ("3/4", False, "metop_ahrpt")):
        places = [1 + 0.01 * k for k in range(250)]
        theory = [(x, curves.frame_loss(rate, x, nrz_m=nrz_m)) for x in places]
        kept = [(x, y) for x, y in theory if y is not None and y > 1e-4]
        lines.append(
            Curve(
                f"{label}, one-pass theory rate {rate}",
                [x for x, _ in kept],
                [y for _, y in kept],
                theory=True,
            )
        )
    return Plot("loss", "Frames lost", "Eb/N0 [dB]", "share lost", tuple(lines))


def _ber_plot(cases: list[Case], points: Points) -> Plot:
    lines = []
    for case in cases:
        if case.off_s:
            continue
        found = {x: one.bit_error_rate for x, one in points[case.name].items() if one.bit_error_rate}
        lines.append(Curve(case.name, list(found), list(found.values())))
        lowest, highest = math.floor(min(case.levels)), math.ceil(max(case.levels))
        places = [lowest + 0.05 * k for k in range(20 * (highest - lowest) + 1)]
        theory = [(x, theory_ber(case, x)) for x in places]
        kept = [(x, y) for x, y in theory if y is not None and y > 1e-6]
        lines.append(Curve(f"{case.name}, theory", [x for x, _ in kept], [y for _, y in kept], theory=True))
    return Plot("ber", "Bit errors behind the inner decoder", "Eb/N0 [dB]", "bit error rate", tuple(lines))
