"""station.toml."""

from __future__ import annotations

from harness import ROOT, file_named, fuzz, instrumented
from mutators import mixed, toml_lines

with instrumented():
    from station.config import load_config
    from station.errors import ConfigError

PATH = file_named("station.toml")

SMALL = b"""
[station]
name = "here"
latitude_deg = 22.4
longitude_deg = 103.5
horizon_mask = [[0, 5], [90, 12.5]]
[receiver]
type = "%s"
%s
[rotator]
host = "rotator"
[elements]
files = ["elements.txt", "~/other.txt"]
[[satellite]]
name = "METEOR-M2 4"
downlink = "meteor_lrpt"
[publish]
folder = "/mnt/share"
"""


def one_input(data: bytes) -> None:
    PATH.write_bytes(data)
    config = load_config(PATH)
    assert config.station.data_dir.is_absolute()
    assert -90 <= config.station.site.latitude_deg <= 90
    assert config.station.mask is None or config.station.horizon_mask


def seeds() -> list[bytes]:
    receivers = {
        b"simulator": b"channels = [1, 2, 4]",
        b"playback": b'file = "pass.wav"',
        b"rtl_tcp": b"port = 1234",
        b"soapy": b'args = {driver = "lime"}',
    }
    small = [SMALL % (kind, more) for kind, more in receivers.items()]
    found = [
        b"x = " + b"[" * 100_000,
        b"playback = 1" + SMALL % (b"playback", b""),
        (SMALL % (b"playback", b'file = "x"')).replace(b"~/", b"~nobody-here/"),
    ]
    return [(ROOT / "station.example.toml").read_bytes(), *small, *found]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=(ConfigError,), longest=200_000, mutate=mixed(toml_lines))
