"""A file of JSON is there as a whole or not at all."""

from __future__ import annotations

import json
from errno import ENOSPC
from pathlib import Path

import pytest

from station.table_file import write_table


@pytest.mark.parametrize("durable", [True, False])
def test_what_shall_outlast_a_power_cut_reaches_the_disk_before_its_name_and_its_name_before_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool
) -> None:
    path, synced = tmp_path / "observation.json", []

    def note(descriptor: int) -> None:
        synced.append((Path(f"/proc/self/fd/{descriptor}").resolve(), path.exists()))

    monkeypatch.setattr("os.fsync", note)
    write_table(path, {"end": "early"}, durable=durable)
    assert synced == ([(tmp_path / "observation.json.new", False), (tmp_path, True)] if durable else [])
    assert json.loads(path.read_text()) == {"end": "early"}


def test_of_a_full_disk_a_file_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_table(tmp_path / "observation.json", {"end": "early"})

    def refuse(_: int) -> None:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_table(tmp_path / "observation.json", {"end": "late"}, durable=True)
    assert json.loads((tmp_path / "observation.json").read_text()) == {"end": "early"}
