"""Wind, lightning, the operator: thresholds, hysteresis, silence; sources that are real and that lie."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hardware.errors import SafetyError
from hardware.safety import Reading, Rule, Safety
from hardware.safety_mqtt import MqttValue
from hardware.safety_sources import FlagFile, Latest, ValueFile, parse_value
from hardware.safety_webhook import Webhook

TOKEN = "0123456789abcdef-webhook"  # noqa: S105
WIND = Rule("wind", "m/s", inhibit_at=15.0, release_at=10.0, calm_s=600.0, stale_after_s=300.0)


class Told:
    """A source whose value the test sets, and its clock."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.reading: Reading | None = None

    def latest(self) -> Reading | None:
        return self.reading

    def close(self) -> None:
        pass

    def tell(self, value: float) -> None:
        self.reading = Reading(value, self.time)


def safety_of(rule: Rule) -> tuple[Safety, Told]:
    told = Told()
    return Safety([(rule, told)], now=lambda: told.time), told


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


def test_a_sensor_that_never_spoke_forbids_after_its_time() -> None:
    safety, told = safety_of(WIND)
    told.time += 299
    assert safety.check() is None
    told.time += 2
    assert "none ever came" in safety.check().reason  # type: ignore[union-attr]


def test_a_value_from_the_future_is_no_value() -> None:
    safety, told = safety_of(WIND)
    told.reading = Reading(3.0, told.time + 86_400)
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
    safety = Safety(rules, now=lambda: told.time)
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
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._config = folder / "mosquitto.conf"
        self._config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n")
        self.start()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [mosquitto_command(), "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(lambda: _listens(self.port))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        from paho.mqtt import publish

        publish.single(topic, payload, hostname="127.0.0.1", port=self.port, retain=retain, qos=1)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


def until(condition: Callable[[], bool], within_s: float = 15.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


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
        until(lambda: sent(b'{"gust": 7.5}', 7.5))
        broker.publish("mast/wind", b"garbage")
        broker.publish("mast/rain", b'{"gust": 99}')
        time.sleep(0.2)
        assert value_of(source) == 7.5
        broker.stop()
        broker.start()
        until(lambda: sent(b'{"gust": 8.5}', 8.5))
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

        until(sent)
    finally:
        source.close()


def test_without_a_broker_there_is_no_value(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    source = MqttValue("127.0.0.1", "mast/wind", port=port)
    time.sleep(0.2)
    assert source.latest() is None
    source.close()
    source.close()


@pytest.mark.parametrize("topic", ["", "mast/#", "mast/+/wind", "a\0b"])
def test_topics_that_are_none_are_refused(topic: str) -> None:
    with pytest.raises(SafetyError, match="topic"):
        MqttValue("127.0.0.1", topic)
