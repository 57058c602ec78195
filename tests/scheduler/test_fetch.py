"""The store against real servers on loopback and real files: what it asks, what it takes, what it keeps."""

from __future__ import annotations

import http.server
import json
import os
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from scheduler import fetch as fetch_module
from scheduler.element_clock import ClockState
from scheduler.elements import Elements, Reading, load_elements, read_elements
from scheduler.errors import ElementsError
from scheduler.fetch import ElementStore, FetchReport
from tests.scheduler.elements_server import Script, serving
from tests.scheduler.successors import successor

COMMITTED = Path(__file__).resolve().parents[2] / "scheduler/data/elements/meteor_2024-07-16.txt"
M2_3, M2_4 = (e for e in load_elements(COMMITTED) if e.name in ("METEOR-M2 3", "METEOR-M2 4"))
IDS = (M2_3.norad_id, M2_4.norad_id)
NOW = datetime(2024, 7, 17, 6, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[Script]:
    with serving() as script:
        script.body = omm(M2_3, M2_4)
        yield script


@pytest.fixture
def store(tmp_path: Path) -> ElementStore:
    return ElementStore(tmp_path / "store", longest_s=2.0)


def omm(*sets: Elements) -> bytes:
    return json.dumps([e.to_omm() for e in sets]).encode()


def later(days: float) -> bytes:
    return omm(*(successor(e, days) for e in (M2_3, M2_4)))


def fetch(store: ElementStore, server: Script, at: datetime = NOW) -> FetchReport:
    return store.refresh([server.url], IDS, at)


def test_first_download_fills_the_store_and_survives_a_restart(
    store: ElementStore, server: Script, tmp_path: Path
) -> None:
    report = fetch(store, server)
    assert report.accepted == (M2_3, M2_4)
    assert report.problems == ()
    assert ElementStore(tmp_path / "store").elements() == [M2_3, M2_4]
    assert load_elements(tmp_path / "store/elements.json") == [M2_3, M2_4]
    assert "tramthu" in server.requests[0]["User-Agent"]


def test_a_url_is_asked_once_in_two_hours_over_restarts_too(server: Script, tmp_path: Path) -> None:
    for minutes, asked in ((0, 1), (30, 1), (119, 1), (121, 2), (150, 2)):
        store = ElementStore(tmp_path / "store")
        report = fetch(store, server, NOW + timedelta(minutes=minutes))
        assert len(server.requests) == asked
        assert report.problems == ()
    assert report.sources[0].outcome == "waiting"


def test_an_unchanged_file_is_not_sent_again(store: ElementStore, server: Script) -> None:
    server.headers = {"ETag": '"abc"', "Last-Modified": "Wed, 17 Jul 2024 01:00:00 GMT"}
    fetch(store, server)
    server.status, server.body = 304, b""
    report = fetch(store, server, NOW + timedelta(hours=3))
    assert server.requests[1]["If-None-Match"] == '"abc"'
    assert server.requests[1]["If-Modified-Since"] == "Wed, 17 Jul 2024 01:00:00 GMT"
    assert report.sources[0].outcome == "unchanged"
    assert store.elements() == [M2_3, M2_4]


def test_another_wanted_satellite_is_asked_for_in_full(store: ElementStore, server: Script) -> None:
    server.headers = {"ETag": '"abc"'}
    store.refresh([server.url], IDS[:1], NOW)
    store.refresh([server.url], IDS, NOW + timedelta(hours=3))
    assert "If-None-Match" not in server.requests[1]
    assert store.elements() == [M2_3, M2_4]


def test_a_lost_set_is_asked_for_in_full(server: Script, tmp_path: Path) -> None:
    server.headers = {"ETag": '"abc"'}
    fetch(ElementStore(tmp_path / "store"), server)
    (tmp_path / f"store/sets/{IDS[0]}.txt").unlink()
    (tmp_path / "store/elements.json").unlink()
    fetch(ElementStore(tmp_path / "store"), server, NOW + timedelta(hours=3))
    assert "If-None-Match" not in server.requests[1]


@pytest.mark.parametrize("status", [403, 404, 429, 500, 503])
def test_a_refusing_server_is_asked_ever_less_often(server: Script, tmp_path: Path, status: int) -> None:
    fetch(ElementStore(tmp_path / "store"), server)
    server.status, server.body = status, b"<html>blocked</html>"
    asked_at, at = [], NOW + timedelta(hours=3)
    for _ in range(400):  # four days, a restart each quarter of an hour
        before = len(server.requests)
        store = ElementStore(tmp_path / "store")
        report = fetch(store, server, at)
        if len(server.requests) > before:
            asked_at.append(at)
            assert str(status) in report.problems[0]
        at += timedelta(minutes=15)
    gaps = [(b - a).total_seconds() / 3600 for a, b in pairwise(asked_at)]
    assert gaps == [2, 4, 8, 16, 24, 24]
    assert store.elements() == [M2_3, M2_4]


@pytest.mark.parametrize("value", ["36000", format_datetime(NOW + timedelta(hours=10), usegmt=True)])
def test_retry_after_is_kept_to(store: ElementStore, server: Script, value: str) -> None:
    server.status = 429
    server.headers = {"Retry-After": value, "Date": format_datetime(NOW, usegmt=True)}
    for hours, asked in ((0, 1), (9.9, 1), (10.1, 2)):
        fetch(store, server, NOW + timedelta(hours=hours))
        assert len(server.requests) == asked


def test_a_clock_put_back_by_years_does_not_silence_a_url(server: Script, tmp_path: Path) -> None:
    fetch(ElementStore(tmp_path / "store"), server, NOW + 1000 * DAY)
    fetch(ElementStore(tmp_path / "store"), server, NOW)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>Bao tri he thong</body></html>", "web page"),
        (b"No GP data found\n", "belongs to no two-line set"),
        (omm(M2_3, M2_4)[:500], "download cut"),
        (b"\x1f\x8b\x08\x00garbage", "gzip"),
        (b"PK\x03\x04\xff\xfe", "not text"),
        (omm(replace(M2_3, norad_id=25544)), "none of its 1 sets"),
    ],
)
def test_a_useless_download_is_named_and_changes_nothing(
    store: ElementStore, server: Script, body: bytes, says: str
) -> None:
    fetch(store, server)
    server.body, server.headers = body, {"ETag": '"bad"'}
    report = fetch(store, server, NOW + DAY)
    assert says in report.problems[0]
    assert store.elements() == [M2_3, M2_4]
    server.body = later(1.9)
    fetch(store, server, NOW + 2 * DAY)
    assert "If-None-Match" not in server.requests[-1]
    assert store.elements()[0].epoch == M2_3.epoch + 1.9 * DAY


def test_a_body_cut_behind_a_promised_length_is_not_taken(store: ElementStore, server: Script) -> None:
    lines = "\n".join("\n".join((e.name, *e.to_tle())) for e in (M2_3, M2_4)).encode()

    def cut(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response_only(200)
        handler.send_header("Content-Length", str(len(lines)))
        handler.end_headers()
        handler.wfile.write(lines[:200])

    server.act = cut
    report = fetch(store, server)
    assert "broke off" in report.problems[0]
    assert store.elements() == []


def test_of_lines_cut_without_a_promise_the_whole_sets_are_taken(store: ElementStore, server: Script) -> None:
    lines = "\n".join("\n".join((e.name, *e.to_tle())) for e in (M2_3, M2_4))
    server.body, server.headers = lines[:250].encode(), {"ETag": '"half"'}
    report = fetch(store, server)
    assert [e.norad_id for e in store.elements()] == [IDS[0]]
    assert "cut" in report.problems[0]
    fetch(store, server, NOW + timedelta(hours=3))
    assert "If-None-Match" not in server.requests[1]


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
    ],
)
def test_a_server_that_drips_anywhere_is_left(
    store: ElementStore, server: Script, begin: bytes, drop: bytes
) -> None:
    dripped = []

    def drip(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.wfile.write(begin)
        for _ in range(100):
            try:
                handler.wfile.write(drop)
            except OSError:  # it was left
                return
            dripped.append(drop)
            time.sleep(0.1)

    server.act = drip
    report = fetch(ElementStore(store._vault._folder, longest_s=0.5), server)
    assert "within 0.5 s" in report.problems[0]
    assert len(dripped) < 50


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/elements"])
def test_redirects_to_files_and_round_and_round_are_not_followed(
    store: ElementStore, server: Script, target: str
) -> None:
    server.status, server.headers = 302, {"Location": target}
    report = fetch(store, server)
    assert report.sources[0].outcome == "failed"
    assert len(server.requests) <= 5


def test_a_server_that_is_not_there_is_tried_again_soon(store: ElementStore) -> None:
    with serving() as gone:
        url = gone.url
    report = store.refresh([url], IDS, NOW)
    assert "not reached" in report.problems[0]
    assert store.refresh([url], IDS, NOW + timedelta(minutes=5)).sources[0].outcome == "waiting"
    assert store.refresh([url], IDS, NOW + timedelta(minutes=11)).sources[0].outcome == "failed"


def test_later_sources_are_spared_while_the_first_has_all(store: ElementStore, server: Script) -> None:
    with serving() as second:
        second.body = server.body
        assert store.refresh([server.url, second.url], IDS, NOW).sources[1].outcome == "spared"
        assert not second.requests
        server.status = 500
        second.body = later(0.5)
        report = store.refresh([server.url, second.url], IDS, NOW + DAY)
    assert [s.outcome for s in report.sources] == ["failed", "read"]
    assert len(report.accepted) == 2


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("http://[::1", "cannot be used|broke off|not reached"),
        ("https://two words/", "broke off|not reached"),
        ("file:///etc/passwd", "file:// is not asked"),
        ("ftp://x/y", "ftp:// is not asked"),
        ("", "the source is empty"),
        ("nul\0", "no file is there|cannot be read"),
    ],
)
def test_a_senseless_source_is_named_and_those_behind_it_are_asked(
    store: ElementStore, tmp_path: Path, source: str, says: str
) -> None:
    good = tmp_path / "good.json"
    good.write_bytes(omm(M2_3, M2_4))
    report = store.refresh([source, good], IDS, NOW)
    assert report.sources[0].outcome == "failed"
    assert re.search(says, report.sources[0].said)
    assert report.accepted == (M2_3, M2_4)


def test_a_slip_in_a_reader_does_not_silence_the_sources_behind(
    store: ElementStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(omm(M2_3 if name == "a" else M2_4))

    def slip(content: bytes) -> Reading:
        if M2_3.name.encode() in content:
            raise ZeroDivisionError("slip")
        return read_elements(content)

    monkeypatch.setattr(fetch_module, "read_elements", slip)
    report = store.refresh([tmp_path / "a", tmp_path / "b"], IDS, NOW)
    assert "ZeroDivisionError" in report.problems[0]
    assert report.accepted == (M2_4,)


@pytest.mark.parametrize("content", ["[]", "[" * 10_000, '{"u": {"not_before": 1, "failures": 1e999}}'])
def test_a_damaged_memory_of_urls_is_forgotten(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "store"
    (folder / "sets").mkdir(parents=True)
    (folder / "sets/²³.txt").write_text("")
    whole = content.replace("1e999", '1e999, "etag": "", "last_modified": "", "wanted": [], "held": []')
    (folder / "urls.json").write_text(whole)
    assert ElementStore(folder).elements() == []


def test_files_folders_and_sticks(store: ElementStore, tmp_path: Path) -> None:
    stick = tmp_path / "media/usb0/elements"
    pattern = str(tmp_path / "media/*/elements")
    assert store.refresh([pattern], IDS, NOW).sources[0].outcome == "absent"
    stick.mkdir(parents=True)
    (stick / "a.dat").write_bytes(omm(M2_3))
    (stick / "holiday.jpg").write_bytes(b"\xff\xd8\xff\xe0")
    os.mkfifo(stick / "pipe")
    file = tmp_path / "by_hand.txt"
    file.write_text("\n".join(M2_4.to_tle()))
    report = store.refresh([pattern, file, tmp_path / "not there"], IDS, NOW)
    assert [s.outcome for s in report.sources] == ["partial", "read", "failed"]
    assert [e.norad_id for e in store.elements()] == list(IDS)
    assert store.refresh([file], IDS, NOW).sources[0].outcome == "unchanged"


def test_of_very_many_files_the_rest_is_named(store: ElementStore, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(501):
        (folder / f"{number:03d}").write_bytes(omm(M2_3))
    report = store.refresh([folder], IDS[:1], NOW)
    assert "501 files are there" in report.problems[0]
    assert report.accepted == (M2_3,)


def test_another_file_of_the_same_name_length_and_time_is_read(store: ElementStore, tmp_path: Path) -> None:
    """As a tool that keeps times lays it there."""
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_text("\n".join(M2_3.to_tle()))
    other.write_text("\n".join(M2_4.to_tle()))
    assert store.refresh([path], IDS, NOW).accepted
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)
    assert [e.norad_id for e in store.refresh([path], IDS, NOW).accepted] == [M2_4.norad_id]


def test_a_set_of_another_satellite_is_refused_and_named(store: ElementStore, server: Script) -> None:
    server.body = omm(M2_3, M2_4, successor(M2_3, 0.4))
    fetch(store, server)
    for day in range(1, 6):  # not even when it comes again and again
        wrong = successor(M2_4, day)
        server.body = omm(replace(wrong, norad_id=M2_3.norad_id, name=M2_3.name))
        report = fetch(store, server, NOW + day * DAY)
        assert len(report.refused) == 1
        assert "another satellite" in str(report.refused[0])
        assert any("METEOR-M2 3 (57166)" in problem for problem in report.problems)
    assert store.elements()[0] == successor(M2_3, 0.4)
    assert len(store.quarantine(M2_3.norad_id)) == 5


def test_a_manoeuvre_is_believed_at_the_second_set(store: ElementStore, server: Script) -> None:
    fetch(store, server)
    burnt = successor(M2_4, 0.5)
    burnt = replace(burnt, mean_motion_rev_per_day=burnt.mean_motion_rev_per_day - 8e-4)
    first, second = successor(burnt, 0.4), successor(burnt, 1.4)
    server.body = omm(first)
    report = fetch(store, server, NOW + DAY)
    assert "manoeuvre" in report.problems[0]
    assert store.elements()[1] == M2_4
    server.body = omm(second)
    report = fetch(store, server, NOW + 2 * DAY)
    assert store.history(M2_4.norad_id) == [M2_4, first, second]
    assert report.problems == ()


def test_a_manoeuvre_is_believed_when_another_source_has_it(store: ElementStore, server: Script) -> None:
    fetch(store, server)
    burnt = replace(M2_4, mean_motion_rev_per_day=M2_4.mean_motion_rev_per_day - 8e-4)
    server.body = omm(M2_3, successor(burnt, 1))
    store.refresh([server.url], IDS, NOW + DAY)
    file = store._vault._folder.parent / "second.json"
    file.write_bytes(server.body)
    store.refresh([file], IDS, NOW + DAY)
    assert store.elements()[1] == successor(burnt, 1)


def test_an_operator_may_force_a_set_in(store: ElementStore, server: Script) -> None:
    fetch(store, server)
    raised = replace(successor(M2_4, 1), mean_motion_rev_per_day=14.1)
    server.body = omm(raised)
    fetch(store, server, NOW + DAY)
    assert store.release(M2_4.norad_id, NOW + DAY) == raised
    assert store.elements()[1] == raised
    with pytest.raises(ElementsError, match="quarantine"):
        store.release(M2_4.norad_id, NOW + DAY)


def test_future_epochs_are_refused_and_older_ones_replace_nothing(
    store: ElementStore, server: Script
) -> None:
    fetch(store, server)
    server.body = omm(successor(M2_3, 30), successor(M2_4, -3))
    report = fetch(store, server, NOW + DAY)
    assert "days ahead" in str(report.refused[0])
    assert store.elements() == [M2_3, M2_4]


def test_a_dead_clock_is_named_and_good_sets_come_in_all_the_same(tmp_path: Path) -> None:
    """The machine starts in 1970; three satellites that follow from their own sets prove it wrong."""
    third = replace(successor(M2_4, 0.1), mean_anomaly_deg=200.0, norad_id=99, name="THIRD")
    base = (M2_3, M2_4, third)
    path = tmp_path / "elements.json"
    path.write_bytes(omm(*base))
    ids = [e.norad_id for e in base]
    ElementStore(tmp_path / "store").refresh([path], ids, NOW)
    fresh = [successor(e, 10) for e in base]
    path.write_bytes(omm(*fresh))
    store = ElementStore(tmp_path / "store")
    report = store.refresh([path], ids, datetime(1970, 1, 1, 0, 5, tzinfo=UTC))
    assert report.clock.state is ClockState.BEHIND
    assert "1970" in report.clock.said
    assert sorted(store.elements(), key=lambda e: e.epoch) == sorted(fresh, key=lambda e: e.epoch)


def test_refused_for_a_wrong_clock_they_come_in_once_it_is_right(tmp_path: Path) -> None:
    path = tmp_path / "elements.json"
    path.write_bytes(omm(M2_3, M2_4))
    store = ElementStore(tmp_path / "store")
    report = store.refresh([path], IDS, NOW - 400 * DAY)
    assert store.elements() == []
    assert report.clock.state is ClockState.BEHIND
    assert store.refresh([path], IDS, NOW).accepted == (M2_3, M2_4)


def test_a_servers_date_names_a_clock_a_day_off(store: ElementStore, server: Script) -> None:
    server.headers = {"Date": format_datetime(NOW, usegmt=True)}
    report = fetch(store, server, NOW + DAY)
    assert report.clock.state is ClockState.AHEAD
    assert "24 hours ahead" in report.problems[-1]


def test_what_is_missing_is_named(store: ElementStore, server: Script) -> None:
    assert (
        "no source has a set of satellite 40069" in store.refresh([server.url], [40069, *IDS], NOW).problems
    )


def test_a_full_disk_loses_nothing_that_is_held(
    server: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ElementStore(tmp_path / "store")
    fetch(store, server)

    def full(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    server.body = later(1)
    report = fetch(store, server, NOW + DAY)
    assert any("No space left" in problem for problem in report.problems)
    assert store.elements()[0].epoch == M2_3.epoch + DAY  # used, though only in memory
    monkeypatch.undo()
    assert len(ElementStore(tmp_path / "store").elements()) == 2
