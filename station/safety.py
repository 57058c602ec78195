"""Whether the antennas may move: asked by the daemon, told to every recorder, acted on between passes.

The sources live in the daemon alone. What they forbid stands in `inhibit.json`, which the thread that drives
a rotator reads; while nobody drives it the daemon parks or stops the rotator itself.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hardware.errors import HardwareError, SafetyError
from hardware.safety import Inhibit, Safety, Source
from hardware.safety_sources import FlagFile, Latest, ValueFile
from station.alone import daemon_works_in
from station.config import AntennaSection, StationConfig
from station.config.safety import SafetyRuleSection

log = logging.getLogger(__name__)

INHIBIT_NAME = "inhibit.json"  # in the data folder, kept by the daemon
_EVERY_S = 1.0
_NEVER: Callable[[], Inhibit | None] = lambda: None  # noqa: E731 - a default with a name


class SafetyWatch:
    """Watches from `start` to `close`; without rules it does nothing.

    Args:
        config: of the station.
        told: file for the recorders, None where there are none.
        busy: whether a recorder drives that antenna now.
    """

    def __init__(self, config: StationConfig, told: Path | None, busy: Callable[[str], bool]) -> None:
        self._config, self._told, self._busy = config, told, busy
        self._stop = threading.Event()
        self._safety: Safety | None = None
        self._closers: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="safety", daemon=True)
        self._rested: set[str] = set()
        self.inhibit: Inhibit | None = None

    def start(self) -> None:
        """Open the sources, ask them once, and begin.

        Raises:
            SafetyError: a source cannot be opened: then the station must not begin.
        """
        if self._config.safety.rule:
            self._safety = self._opened()
            self._ask(self._safety)
            self._thread.start()
        else:
            self._tell(None)

    def close(self) -> None:
        """End; may be called again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for close in self._closers:
            close()
        self._closers = []

    def _opened(self) -> Safety:
        posted: dict[str, Latest] = {}
        rules = [(section.rule, _source(section, posted)) for section in self._config.safety.rule]
        safety = Safety(rules)
        self._closers.append(safety.close)
        webhook = self._config.safety.webhook
        if webhook is not None:
            from hardware.safety_webhook import Webhook

            token = _secret(webhook.token_file)
            self._closers.append(Webhook(posted, token=token, host=webhook.host, port=webhook.port).close)
        return safety

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self._look()
            except Exception:
                log.exception("safety")  # the watch goes on whatever happens to one look

    def _look(self) -> None:
        assert self._safety is not None  # noqa: S101 - for the type checker
        found = self._ask(self._safety)
        if found is None:
            self._rested.clear()
            return
        for antenna in self._config.all_antennas:
            if antenna.rotator and antenna.name not in self._rested and not self._busy(antenna.name):
                self._rest(antenna, found)

    def _ask(self, safety: Safety) -> Inhibit | None:
        found = safety.check()
        if (found is None) != (self.inhibit is None):
            log.warning("antennas: %s", found.reason if found else "may move again")
        self.inhibit = found
        self._tell(found)
        return found

    def _tell(self, found: Inhibit | None) -> None:
        """Written beside and renamed; absent where nothing is forbidden."""
        if self._told is None:
            return
        if found is None:
            self._told.unlink(missing_ok=True)
            return
        beside = self._told.with_name(f"{self._told.name}.new")
        record: Mapping[str, Any] = {"reason": found.reason, "since": found.since, "park": found.park}
        beside.write_text(json.dumps(record, ensure_ascii=False), "utf-8")
        beside.replace(self._told)

    def _rest(self, antenna: AntennaSection, found: Inhibit) -> None:
        """Park or stop an antenna that nobody drives; tried again at the next look where it fails."""
        from station.pointing import connected

        assert antenna.rotator is not None  # noqa: S101 - for the type checker
        rotator = connected(antenna.rotator)
        try:
            rotator.park() if found.park else rotator.stop()
            self._rested.add(antenna.name)
        except HardwareError as error:
            log.error("%s: %s", antenna.name, error)  # noqa: TRY400 - said whole
        finally:
            rotator.close()


def inhibit_of(path: Path | None) -> Callable[[], Inhibit | None]:
    """What a recorder asks: the daemon's word in the file."""
    if path is None:
        return _NEVER

    def asked() -> Inhibit | None:
        try:
            table = json.loads(path.read_text("utf-8"))
            return Inhibit(str(table["reason"]), float(table["since"]), bool(table["park"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    return asked


@contextmanager
def word_on_motion(config: StationConfig) -> Iterator[Callable[[], Inhibit | None]]:
    """What forbids motion, for a command that drives a rotator: the daemon's word, else that of the rules.

    Raises:
        SafetyError: a source cannot be opened: then nothing may be moved.
    """
    if daemon_works_in(config.station.data_dir):
        yield inhibit_of(config.station.data_dir / INHIBIT_NAME)
        return
    with closing(SafetyWatch(config, None, lambda _antenna: True)) as watch:
        watch.start()
        yield lambda: watch.inhibit


def _source(section: SafetyRuleSection, posted: dict[str, Latest]) -> Source:
    if section.source == "file":
        assert section.file is not None  # noqa: S101 - the configuration says so
        return ValueFile(section.file, section.key)
    if section.source == "flag":
        assert section.file is not None  # noqa: S101 - the configuration says so
        return FlagFile(section.file)
    if section.source == "webhook":
        posted[section.name] = Latest(section.name, section.key)
        return posted[section.name]
    from hardware.safety_mqtt import MqttValue

    return MqttValue(
        section.host or "",
        section.topic or "",
        port=section.port,
        key=section.key,
        user=section.user,
        password=_secret(section.password_file) if section.password_file else "",
        tls=section.tls,
    )


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SafetyError(f"{path}: cannot be read: {error}") from None
