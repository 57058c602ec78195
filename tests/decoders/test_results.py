"""The folder of results belongs to one decoder at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from decoders.errors import DecoderError
from decoders.results import Results


def test_a_second_decoder_does_not_write_into_the_files_of_the_first(tmp_path: Path) -> None:
    first = Results(tmp_path)
    first.append("frames.cadu", b"A" * 1000)
    with pytest.raises(DecoderError, match=r"another decoder writes into .*give another --out") as error:
        Results(tmp_path)
    assert error.value.exit_status == 2
    first.append("frames.cadu", b"A" * 1000)
    first.finish()
    first.abandon()
    assert (tmp_path / "frames.cadu").read_bytes() == b"A" * 2000
    Results(tmp_path).abandon()  # after it, the next one may


def test_a_file_system_without_locks_takes_results_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    results = Results(tmp_path)
    results.append("frames.cadu", b"A")
    results.finish()
    results.abandon()
    assert (tmp_path / "frames.cadu").read_bytes() == b"A"
