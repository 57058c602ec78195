"""Wind, lightning, the operator: thresholds, hysteresis, silence; sources that are real and that lie."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hardware.errors import SafetyError
from hardware.safety import Inhibit, Reading, Rule, Safety, Source
from hardware.safety_mqtt import MqttValue
from hardware.safety_sources import FlagFile, Latest, ValueFile, parse_value
from hardware.safety_webhook import Webhook
from tests.waiting import free_port, listens, wait_for

TOKEN = "0123456789abcdef-webhook"  # noqa: S105
WIND = Rule("wind", "m/s", inhibit_at=15.0, release_at=10.0, calm_s=600.0, stale_after_s=300.0)


class Told:
    """A source whose value the test sets, and the clocks: one that is set, one that is not."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.set_by = 0.0
        self.reading: Reading | None = None

    def unseen(self) -> tuple[Reading, ...]:
        return () if self.reading is None else (self.reading,)

    def close(self) -> None:
        pass

    def tell(self, value: float) -> None:
        self.reading = Reading(value, self.time + self.set_by)


def safety_of(
    rule: Rule, source: Source | None = None, held: dict[str, Inhibit] | None = None
) -> tuple[Safety, Told]:
    told = Told()
    clocks: dict[str, Any] = {"now": lambda: told.time + told.set_by, "elapsed": lambda: told.time}
    return Safety([(rule, source or told)], held=held, **clocks), told


def walk(safety: Safety, told: Told, value: float, seconds: int) -> list[bool]:
    """Whether motion is forbidden, each second while the value stays."""
    found = []
    for _ in range(seconds):
        told.time += 1
        told.tell(value)
        found.append(safety.check() is not None)
    return found


def test_a_gust_forbids_at_once_and_ten_minutes_of_calm_allow_again() -> None:
    safety, told = safety_of(WIND)
    assert not any(walk(safety, told, 14.9, 100))
    assert all(walk(safety, told, 15.0, 1))
    assert all(walk(safety, told, 12.0, 2000))  # between the thresholds nothing changes
    calm = walk(safety, told, 9.9, 700)
    assert calm.index(False) == 600
    found = safety.check()
    assert found is None


def test_the_calm_begins_anew_with_each_gust() -> None:
    safety, told = safety_of(WIND)
    walk(safety, told, 20.0, 1)
    assert all(walk(safety, told, 5.0, 599))
    walk(safety, told, 16.0, 1)
    assert all(walk(safety, told, 5.0, 599))
    assert not all(walk(safety, told, 5.0, 5))


def test_what_is_said() -> None:
    safety, told = safety_of(WIND)
    told.tell(21.5)
    found = safety.check()
    assert found is not None
    assert (found.reason, found.since, found.park) == ("wind 21.5 m/s, limit 15", 1000.0, True)


def test_a_hold_time_lets_single_gusts_pass() -> None:
    safety, told = safety_of(Rule("wind", "m/s", 15.0, 10.0, hold_s=5.0))
    assert not any(walk(safety, told, 16.0, 4))
    assert not any(walk(safety, told, 5.0, 1))
    assert walk(safety, told, 16.0, 7) == [False] * 5 + [True] * 2


def test_a_dead_sensor_forbids_and_is_named() -> None:
    safety, told = safety_of(WIND)
    told.tell(4.2)
    assert safety.check() is None
    told.time += 301
    found = safety.check()
    assert found is not None
    assert found.reason == "wind: no value for 301 s, the last was 4.2 m/s; see to the sensor"
    assert all(walk(safety, told, 4.2, 599))  # back, but it has to be calm first
    assert not all(walk(safety, told, 4.2, 5))


def test_a_sensor_that_never_spoke_forbids_from_the_start() -> None:
    safety, told = safety_of(WIND)
    found = safety.check()
    assert found is not None
    assert (found.reason, found.park) == ("wind: no value yet; see to the sensor", True)
    assert safety.unheard == ("wind",)
    told.time += 10
    told.tell(4.0)
    assert safety.check() is None  # nothing was forbidden before, so no calm is needed
    assert safety.unheard == ()


def test_a_sensor_that_is_silent_for_long_needs_a_calm() -> None:
    safety, told = safety_of(WIND)
    told.time += 301
    assert "none ever came" in safety.check().reason  # type: ignore[union-attr]
    assert walk(safety, told, 4.0, 700).index(False) == 600


def test_between_two_values_the_last_one_counts() -> None:
    wind, told = Latest("wind"), Told()
    rule = Rule("wind", "m/s", 15.0, 10.0, hold_s=5.0)
    safety = Safety([(rule, wind)], elapsed=lambda: told.time)
    wind.tell(b"16")
    assert safety.check() is None
    told.time += 6
    assert safety.check() is not None
    wind.tell(b"5")
    assert safety.check() is not None
    for _ in range(6):  # a sensor that speaks every 100 s
        told.time += 100
        found = safety.check()
        wind.tell(b"5")
    assert found is None


class Failing:
    """A source that tells nothing, or breaks, when it is asked to."""

    def __init__(self) -> None:
        self.readings: tuple[Reading, ...] = ()
        self.broken = False

    def unseen(self) -> tuple[Reading, ...]:
        if self.broken:
            raise RuntimeError("a bug of its driver")
        return self.readings

    def close(self) -> None:
        pass


def test_single_readings_that_fail_change_nothing_and_many_do() -> None:
    source = Failing()
    safety, told = safety_of(WIND, source)
    for second in range(1000):
        told.time += 1
        source.broken = second % 7 == 6
        source.readings = () if second % 10 == 9 else (Reading(3.0, told.time),)
        assert safety.check() is None
    source.broken = True
    told.time += 302
    assert "the last was 3 m/s" in safety.check().reason  # type: ignore[union-attr]


def test_a_file_that_is_half_written_at_one_look_ends_no_pass(tmp_path: Path) -> None:
    path = tmp_path / "wind"
    safety, told = safety_of(WIND, ValueFile(path))
    for second in range(900):
        told.time += 1
        path.write_text("" if second % 400 == 399 else "3.0")
        os.utime(path, (told.time, told.time))
        assert safety.check() is None
    path.unlink()
    told.time += 299
    assert safety.check() is None
    told.time += 2
    assert safety.check() is not None


@pytest.mark.parametrize("step_s", [-86_400.0, -120.0, 120.0, 86_400.0])
def test_a_clock_that_is_set_neither_forbids_nor_ends_a_calm(step_s: float) -> None:
    safety, told = safety_of(WIND)
    assert not any(walk(safety, told, 3.0, 500))
    told.set_by = step_s
    assert safety.check() is None
    assert not any(walk(safety, told, 3.0, 500))
    walk(safety, told, 20.0, 1)
    told.set_by = 0.0
    assert walk(safety, told, 3.0, 700).index(False) == 600
    told.set_by = step_s
    told.time += 301  # and silence is noticed all the same
    assert safety.check() is not None


def test_gusts_and_strikes_between_two_looks_are_seen() -> None:
    wind, strikes = Latest("wind"), Latest("lightning")
    lightning = Rule("lightning", "km", 10.0, 20.0, calm_s=0.0, when_stale="calm")
    gusty, stormy = Safety([(WIND, wind)]), Safety([(lightning, strikes)])
    for value in (5.0, 25.0, *[5.0] * 1000):
        wind.tell(str(value).encode())
    found = gusty.check()
    assert found is not None
    assert found.reason == "wind 25 m/s, limit 15"
    for value in (80.0, 3.0, *[80.0] * 1000):
        strikes.tell(str(value).encode())
    assert len(strikes.unseen()) == 3  # however many came
    for value in (80.0, 3.0, 80.0):
        strikes.tell(str(value).encode())
    assert "3 km" in stormy.check().reason  # type: ignore[union-attr]  # although no calm is asked for
    assert stormy.check() is None


def test_what_was_forbidden_when_the_last_watch_ended_has_its_calm_first() -> None:
    before, told = safety_of(WIND)
    walk(before, told, 20.0, 1)
    after, told = safety_of(WIND, held=before.held)
    assert walk(after, told, 5.0, 700).index(False) == 600
    assert after.held == {}
    stops = Rule("wind", "m/s", 15.0, 10.0, park=False)  # configured anew meanwhile
    after, told = safety_of(stops, held=before.held)
    assert after.check().park is False  # type: ignore[union-attr]


def test_a_value_from_the_future_is_no_value_unless_it_forbids() -> None:
    safety, told = safety_of(WIND)
    told.reading = Reading(3.0, told.time + 86_400)
    assert safety.check() is not None
    told.reading = Reading(20.0, told.time + 86_400)
    assert "20 m/s" in safety.check().reason  # type: ignore[union-attr]
    told.time += 301
    assert "no value" in safety.check().reason  # type: ignore[union-attr]


def test_silence_of_a_strike_sensor_is_calm() -> None:
    """Kilometres to the last strike: small is bad, and no strike says nothing."""
    rule = Rule("lightning", "km", 20.0, 30.0, calm_s=1800.0, stale_after_s=60.0, when_stale="calm")
    safety, told = safety_of(rule)
    assert safety.check() is None
    told.tell(12.0)
    assert safety.check() is not None
    told.time += 61
    assert safety.check() is not None
    told.time += 1799
    assert safety.check() is not None
    told.time += 1
    assert safety.check() is None


def test_a_reason_to_stop_outranks_those_to_park(tmp_path: Path) -> None:
    told, flag = Told(), tmp_path / "INHIBIT"
    operator = Rule("operator", "", 1.0, 0.0, calm_s=0.0, park=False)
    rules = [(WIND, told), (operator, FlagFile(flag, now=lambda: told.time))]
    safety = Safety(rules, now=lambda: told.time, elapsed=lambda: told.time)
    told.tell(20.0)
    assert safety.check().park is True  # type: ignore[union-attr]
    flag.touch()
    found = safety.check()
    assert found is not None
    assert not found.park
    assert found.reason == "wind 20 m/s, limit 15; operator forbids motion"
    flag.unlink()
    assert safety.check().park is True  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "arguments",
    [
        {"inhibit_at": float("nan"), "release_at": 1.0},
        {"inhibit_at": 15.0, "release_at": float("inf")},
        {"inhibit_at": 15.0, "release_at": 10.0, "calm_s": -1.0},
        {"inhibit_at": 15.0, "release_at": 10.0, "stale_after_s": 0.0},
    ],
)
def test_impossible_rules_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(SafetyError, match="wind"):
        Rule("wind", "m/s", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("payload", "key", "value"),
    [
        (b"7.5", "", 7.5),
        (b" 7\n", "", 7.0),
        (b'{"wind": {"gust": "7.5"}}', "wind.gust", 7.5),
        (b"true", "", 1.0),
    ],
)
def test_values_are_read(payload: bytes, key: str, value: float) -> None:
    assert parse_value(payload, key) == value


@pytest.mark.parametrize(
    ("payload", "key"),
    [
        (b"", ""),
        (b"calm", ""),
        (b"NaN", ""),
        (b"Infinity", ""),
        (b"1e999", ""),
        (b"[1]", ""),
        (b"null", ""),
        (b'{"gust": 1}', ""),
        (b"7.5", "gust"),
        (b'{"gust": null}', "gust"),
        (b'{"gust": 1}', "wind.gust"),
        (b"\xff\xfe7", ""),
        (b"[" * 4000, ""),
        (b"1" * 5000, ""),
        (b"9" * 400, ""),
    ],
)
def test_what_is_no_value_is_refused(payload: bytes, key: str) -> None:
    with pytest.raises(SafetyError):
        parse_value(payload, key)


def test_a_file_is_as_old_as_its_last_change(tmp_path: Path) -> None:
    path = tmp_path / "wind"
    source = ValueFile(path, "gust")
    assert source.latest() is None
    path.write_text('{"gust": 7.5}')
    os.utime(path, (5000, 5000))
    assert source.latest() == Reading(7.5, 5000)
    path.write_text("half a lin")
    assert source.latest() is None
    path.write_text("x" * 100_000)
    assert source.latest() is None


def test_a_flag_whose_folder_is_gone_counts_as_set(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    flag = FlagFile(tmp_path / "stick" / "INHIBIT")
    assert [flag.latest().value for _ in range(3)] == [1.0] * 3
    assert len(caplog.records) == 1  # said once, not each second
    (tmp_path / "stick").mkdir()
    assert flag.latest().value == 0.0
    (tmp_path / "stick" / "INHIBIT").symlink_to(tmp_path / "nothing")
    assert flag.latest().value == 1.0


def test_bad_payloads_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    wind = Latest("wind")
    assert all(wind.tell(b"calm") for _ in range(100))
    wind.tell(b"7")
    wind.tell(b"calm")
    assert len(caplog.records) == 2


@pytest.fixture
def webhook() -> Iterator[tuple[Webhook, Latest]]:
    wind = Latest("wind", "gust")
    hook = Webhook({"wind": wind}, token=TOKEN, port=0)
    yield hook, wind
    hook.close()


def post(port: int, path: str, body: bytes, token: str = TOKEN, **headers: str) -> int:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        client.request("POST", path, body, {"Authorization": f"Bearer {token}", **headers})
        return client.getresponse().status
    finally:
        client.close()


def test_a_posted_value_arrives(webhook: tuple[Webhook, Latest]) -> None:
    hook, wind = webhook
    assert post(hook.port, "/wind", json.dumps({"gust": 12.5}).encode()) == 204
    reading = wind.latest()
    assert reading is not None
    assert reading.value == 12.5
    assert abs(reading.time - time.time()) < 5


def test_what_is_posted_is_not_trusted(webhook: tuple[Webhook, Latest]) -> None:
    hook, wind = webhook
    good = b'{"gust": 1}'
    assert post(hook.port, "/wind", good, token="wrong") == 401  # noqa: S106
    assert post(hook.port, "/wind", good, token="") == 401
    assert post(hook.port, "/wind", good, token="\xe9" * 20) == 401
    assert post(hook.port, "/rain", good) == 404
    assert post(hook.port, "/../wind", good) == 404
    assert post(hook.port, "/wind", b"calm") == 400
    assert post(hook.port, "/wind", b"1" * 5000) == 413
    assert post(hook.port, "/wind", good, **{"Content-Length": "-1"}) == 411
    assert wind.latest() is None


def test_a_client_that_does_not_finish_is_hung_up(
    webhook: tuple[Webhook, Latest], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardware.safety_webhook._TIMEOUT_S", 0.3)
    hook, wind = webhook
    slow = [socket.create_connection(("127.0.0.1", hook.port), 5) for _ in range(20)]
    for one in slow:
        with suppress(OSError):
            one.sendall(b"POST /wind HTTP/1.1\r\nContent-")
    for one in slow:
        with suppress(OSError):
            assert one.recv(100) == b""
        one.close()
    assert post(hook.port, "/wind", b'{"gust": 2}') == 204
    assert wind.latest() is not None


def test_slow_clients_keep_no_value_out(webhook: tuple[Webhook, Latest]) -> None:
    hook, _ = webhook
    slow = [socket.create_connection(("127.0.0.1", hook.port), 5) for _ in range(24)]
    for one in slow:
        one.sendall(b"POST /wind HTTP/1.1\r\n")
    assert [post(hook.port, "/wind", b'{"gust": 2}') for _ in range(5)] == [204] * 5
    for one in slow:
        one.close()


def test_one_address_does_not_take_all_places() -> None:
    hook = Webhook({}, token=TOKEN, port=0)
    try:
        entered = [hook._server._enters("192.0.2.1") for _ in range(200)]
        assert 0 < sum(entered) < 100
        assert hook._server._enters("192.0.2.2")
        assert sum(hook._server._enters(f"198.51.100.{n}") for n in range(200)) < 128
        for _ in range(sum(entered)):
            hook._server._leaves("192.0.2.1")
        assert hook._server._enters("192.0.2.1")
    finally:
        hook.close()


def test_a_short_token_and_a_taken_port_are_refused(webhook: tuple[Webhook, Latest]) -> None:
    with pytest.raises(SafetyError, match="at least 16"):
        Webhook({}, token="secret", port=0)  # noqa: S106
    with pytest.raises(SafetyError, match="cannot be used"):
        Webhook({}, token=TOKEN, port=webhook[0].port)


def mosquitto_command() -> str:
    found = shutil.which("mosquitto", path=os.environ["PATH"] + ":/usr/sbin")
    if found is None:
        if os.environ.get("TRAMTHU_CI"):
            pytest.fail("needs mosquitto: apt-get install mosquitto")
        pytest.skip("needs mosquitto: apt-get install mosquitto")
    return found


class Broker:
    """A real mosquitto on a free port."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [mosquitto_command(), "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(lambda: listens(self.port))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        from paho.mqtt import publish

        publish.single(topic, payload, hostname="127.0.0.1", port=self.port, retain=retain, qos=1)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    one = Broker(tmp_path)
    yield one
    one.stop()


def value_of(source: MqttValue) -> float | None:
    reading = source.latest()
    return None if reading is None else reading.value


def test_values_come_through_a_real_broker_and_after_its_restart(broker: Broker) -> None:
    source = MqttValue("127.0.0.1", "mast/wind", port=broker.port, key="gust")

    def sent(payload: bytes, value: float) -> bool:
        broker.publish("mast/wind", payload)  # again, for the subscription may not stand yet
        time.sleep(0.05)
        return value_of(source) == value

    try:
        wait_for(lambda: sent(b'{"gust": 7.5}', 7.5))
        broker.publish("mast/wind", b"garbage")
        broker.publish("mast/rain", b'{"gust": 99}')
        time.sleep(0.2)
        assert value_of(source) == 7.5
        broker.stop()
        broker.start()
        wait_for(lambda: sent(b'{"gust": 8.5}', 8.5))
    finally:
        source.close()


def test_a_retained_value_is_not_taken(broker: Broker) -> None:
    """Nobody knows how old it is: the sensor may have died last week."""
    broker.publish("mast/wind", b"3.0", retain=True)
    source = MqttValue("127.0.0.1", "mast/wind", port=broker.port)
    try:

        def sent() -> bool:
            broker.publish("mast/wind", b"4.0")
            time.sleep(0.05)
            assert value_of(source) != 3.0
            return value_of(source) == 4.0

        wait_for(sent)
    finally:
        source.close()


def test_without_a_broker_there_is_no_value(tmp_path: Path) -> None:
    source = MqttValue("127.0.0.1", "mast/wind", port=free_port())
    time.sleep(0.2)
    assert source.latest() is None
    source.close()
    source.close()


@pytest.mark.parametrize("host", ["", " "])
def test_a_host_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(SafetyError, match="host"):
        MqttValue(host, "mast/wind")


@pytest.mark.parametrize("topic", ["", "mast/#", "mast/+/wind", "a\0b"])
def test_topics_that_are_none_are_refused(topic: str) -> None:
    with pytest.raises(SafetyError, match="topic"):
        MqttValue("127.0.0.1", topic)
