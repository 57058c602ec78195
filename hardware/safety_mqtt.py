"""Safety values from an MQTT topic. The client reconnects by itself; silence makes a value stale."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hardware.errors import SafetyError
from hardware.safety import Reading
from hardware.safety_sources import LONGEST, Latest

if TYPE_CHECKING:
    from paho.mqtt.client import Client, MQTTMessage

log = logging.getLogger(__name__)


class MqttValue:
    """The latest value of one topic.

    A retained message is not taken: nobody knows how old it is.

    Args:
        host: of the broker.
        port: of the broker.
        topic: without wildcards.
        key: of the value in a JSON object; empty for a plain number.
        user: and password, where the broker wants them.
        password: see user.
        tls: encrypted, with the system's certificates.
        now: POSIX seconds.

    Raises:
        SafetyError: a host or a topic that is none. An absent broker is no error: it is tried for ever.
    """

    def __init__(
        self,
        host: str,
        topic: str,
        *,
        port: int = 1883,
        key: str = "",
        user: str = "",
        password: str = "",
        tls: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not host.strip():
            raise SafetyError(f"mqtt {topic}: the host {host!r} is none; give the broker's name or address")
        if not topic or any(character in topic for character in "+#\0"):
            raise SafetyError(f"the MQTT topic {topic!r} is none; allowed is one topic without + and #")
        from paho.mqtt.client import Client
        from paho.mqtt.enums import CallbackAPIVersion

        self._topic = topic
        self._latest = Latest(f"mqtt {topic}", key, now=now)
        self._client = Client(CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(user, password)
        if tls:
            self._client.tls_set()
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 30)
        self._client.connect_async(host, port, keepalive=30)
        self._client.loop_start()

    def latest(self) -> Reading | None:
        """The latest value that arrived."""
        return self._latest.latest()

    def unseen(self) -> tuple[Reading, ...]:
        """What arrived since the last call: the extremes and the newest."""
        return self._latest.unseen()

    def close(self) -> None:
        """Disconnect; may be called again."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: Client, _user: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("safety: mqtt %s: the broker refuses: %s", self._topic, reason)
            return
        client.subscribe(self._topic, qos=1)

    def _disconnected(self, _client: Client, _user: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            log.warning("safety: mqtt %s: connection lost: %s; it is tried again", self._topic, reason)

    def _message(self, _client: Client, _user: Any, message: MQTTMessage) -> None:
        if not message.retain:
            self._latest.tell(bytes(message.payload)[: LONGEST + 1])
