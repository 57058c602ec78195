"""What rotctld answers, and what sensors tell of the wind: only the documented errors, and sane numbers."""

from __future__ import annotations

from contextlib import suppress

from harness import fuzz, instrumented

with instrumented():
    from hardware.errors import SafetyError
    from hardware.rotctld_answers import BadAnswerError, identity_of, parse_answer, position_of
    from hardware.safety_sources import parse_value


def one_input(data: bytes) -> None:
    name = ("get_pos", "dump_state", "stop")[len(data) % 3]
    try:
        answer = parse_answer(data, name)
        assert isinstance(answer.code, int)
        identity = identity_of(answer.fields, answer.fields)
        assert len(identity.name) <= 80
        azimuth_deg, elevation_deg = position_of(answer.fields)
        assert abs(azimuth_deg) <= 1080
        assert abs(elevation_deg) <= 360
    except BadAnswerError:
        pass
    for key in ("", "wind.gust"):
        with suppress(SafetyError):
            assert abs(parse_value(data, key)) < float("inf")


def seeds() -> list[bytes]:
    # As Hamlib 4.5.4 answers; each also a byte or two longer, for another command's name.
    state = (
        "dump_state:\nRotor Model: 603\nMinimum Azimuth: -180.000000\nMaximum Azimuth: 450.000000\n"
        "Minimum Elevation: 0.000000\nMaximum Elevation: 180.000000\nAzimuth: 1\nElevation: 2\nRPRT 0\n"
    )
    answers = [
        "get_pos:\nAzimuth: 123.400000\nElevation: 45.600000\nRPRT 0\n",
        state,
        "stop:\nRPRT -5\n",
        '{"wind": {"gust": 7.5}}',
        "7.5",
    ]
    return [text.encode() + b" " * spaces for text in answers for spaces in range(3)]


if __name__ == "__main__":
    fuzz(one_input, seeds(), allowed=())
