"""The self test of one receiver of a station: made, judged against its past, and remembered.

`python -m station.self_test JSON` makes one before a pass, in a process of its own that ends before the
recording needs the receiver, whatever a driver does.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from scheduler.satellites import DownlinkUse, Satellite
from sdr.errors import DeviceError
from sdr.receiver import Tuning
from sdr.self_test_run import KnownCarrier, run_self_test
from sdr.self_test_verdict import FAULT, ChainTest, Finding, judge, verdict_of
from station import registry
from station.config import ReceiverSection, RtlTcpReceiver, SoapyReceiver, StationConfig
from station.self_test_history import RESULT_NAME, accept, append, read_history, usual_for
from station.table_file import write_table

_BANDWIDTH_HZ = 100e3  # of a downlink that does not say
_RECEIVER: TypeAdapter[ReceiverSection] = TypeAdapter(ReceiverSection)


@dataclass(frozen=True)
class Wanted:
    """What is to be tested, and as what it is remembered.

    Attributes:
        receiver: a device.
        antenna: by name, at the other end of its cable.
        frequency_hz: of the downlink.
        bandwidth_hz: of the downlink.
        sends_always: the satellite stands still and is heard at any time.
        carriers: that are always to be heard.
        seconds: of samples.
        observation: before which it is made; empty by hand.
    """

    receiver: ReceiverSection
    antenna: str
    frequency_hz: float
    bandwidth_hz: float
    sends_always: bool = False
    carriers: tuple[KnownCarrier, ...] = ()
    seconds: float = 0.5
    observation: str = ""

    def to_table(self) -> dict[str, Any]:
        """For the worker, as JSON can hold it."""
        return asdict(self) | {"receiver": self.receiver.model_dump(mode="json")}

    @classmethod
    def from_table(cls, table: Mapping[str, Any]) -> Wanted:
        """As `to_table` has it."""
        carriers = tuple(KnownCarrier(**carrier) for carrier in table["carriers"])
        receiver = _RECEIVER.validate_python(table["receiver"])
        return cls(**{**table, "receiver": receiver, "carriers": carriers})


def wanted_of(
    config: StationConfig,
    receiver: ReceiverSection,
    antenna: str,
    heard: tuple[Satellite, DownlinkUse],
    *,
    frequency_hz: float | None = None,
    observation: str = "",
) -> Wanted:
    """From the configuration, for a satellite on one of its downlinks, where it has moved to."""
    one, use = heard
    carriers = tuple(
        KnownCarrier(
            wanted.name, wanted.frequency_hz, wanted.bandwidth_hz, wanted.level_dbfs, wanted.tolerance_db
        )
        for wanted in config.self_test.carrier
        if wanted.receiver in (None, receiver.name)
    )
    return Wanted(
        receiver,
        antenna,
        frequency_hz or use.frequency_hz,
        use.bandwidth_hz or _BANDWIDTH_HZ,
        one.geostationary_longitude_deg is not None,
        carriers,
        config.self_test.seconds,
        observation,
    )


def can_be_tested(receiver: ReceiverSection) -> bool:
    """Whether it is a device; what plays recordings has no antenna."""
    return isinstance(receiver, RtlTcpReceiver | SoapyReceiver)


def self_test(
    wanted: Wanted, data_dir: Path, until: float | None = None, *, afresh: bool = False
) -> dict[str, Any]:
    """Make one, judge it and remember it; the record of `station.self_test_history`.

    Args:
        wanted: what.
        data_dir: of the station.
        until: time of the monotonic clock at which the receiver must be free again.
        afresh: the station was changed: what is found from now on is what is usual.
    """
    receiver, tuning = registry.make_receiver(wanted.receiver, wanted.frequency_hz)
    key = _key(wanted, tuning)
    if afresh:
        accept(data_dir, key, datetime.now(UTC))
    record: dict[str, Any] = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "key": key,
        "receiver": wanted.receiver.name,
        "antenna": wanted.antenna,
        "frequency_hz": wanted.frequency_hz,
        "observation": wanted.observation,
    }
    try:
        found = run_self_test(
            receiver,
            tuning,
            seconds=wanted.seconds,
            band=(wanted.frequency_hz, wanted.bandwidth_hz),
            sends_always=wanted.sends_always,
            carriers=wanted.carriers,
            until=until,
        )
    except DeviceError as error:
        findings: tuple[Finding, ...] = (Finding("device", FAULT, {"reason": str(error)}),)
    else:
        usual = usual_for(read_history(data_dir), key)
        findings = judge(found, usual)
        record |= _numbers(found) | {"past": usual.count, "usual_floor_dbfs_hz": _number(usual.floor_dbfs_hz)}
    record |= {
        "verdict": verdict_of(findings),
        "findings": [
            {"code": one.code, "state": one.state, "words": {name: one.words(name) for name in ("en", "vi")}}
            for one in findings
        ],
    }
    append(data_dir, record)
    return record


def _key(wanted: Wanted, tuning: Tuning) -> str:
    gain = tuning.gains_db or tuning.gain_db
    fed = "fed" if tuning.bias_tee else "unfed"
    return (
        f"{wanted.receiver.name}/{wanted.antenna}/{tuning.frequency_hz:.0f}/{tuning.sample_rate:.0f}/"
        f"{gain}/{fed}"
    )


def _numbers(found: ChainTest) -> dict[str, Any]:
    gain_db = found.bias_gain_db
    return {
        "on": found.on.to_json(),
        "bias_gain_db": None if gain_db is None else round(gain_db, 2),
        "carriers": [
            {"name": one.name, "frequency_hz": one.frequency_hz, "level_dbfs": max(one.level_dbfs, -999.0)}
            for one in found.carriers
        ],
        "lost_samples": found.lost_samples,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 2)


def main() -> int:
    """As a worker: `wanted`, `data_dir`, `folder` for the result, `begin` and `until` in POSIX seconds."""
    table = json.loads(sys.argv[1])
    wanted, until = Wanted.from_table(table["wanted"]), float(table["until"])
    left_s = until - time.time()
    if left_s <= 0:
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # which lets go of the radio
    # The kernel ends this process in time, also where a driver hangs.
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, left_s)
    time.sleep(max(float(table["begin"]) - time.time(), 0.0))
    record = self_test(wanted, Path(table["data_dir"]), time.monotonic() + until - time.time())
    folder = Path(table["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    write_table(folder / RESULT_NAME, record)
    return 0


if __name__ == "__main__":
    sys.exit(main())
