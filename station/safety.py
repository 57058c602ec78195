"""Whether the antennas may move: asked by the daemon, told to every recorder, acted on between passes.

The sources live in the daemon alone. Its word stands in `inhibit.json`, which the thread that drives a
rotator reads; while nobody drives it the daemon parks or stops the rotator itself, before it tells anybody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from hardware.errors import SafetyError
from hardware.safety import Inhibit, Safety, Source
from hardware.safety_sources import FlagFile, Latest, ValueFile
from station.alone import daemon_works_in
from station.config import StationConfig
from station.config.safety import SafetyRuleSection
from station.motion_word import INHIBIT_NAME, OLD_S, Word, held_before, inhibit_of
from station.resting import Resting

log = logging.getLogger(__name__)

_EVERY_S = 1.0
_HEARS_EVERY_S = 0.2
_FIRST_VALUE_S = 15.0  # by hand: most sensors speak every few seconds


class SafetyWatch:
    """Watches from `start` to `close`; without rules it does nothing.

    Args:
        config: of the station.
        told: file for the recorders, None where there are none.
        busy: whether a recorder drives that antenna now.
    """

    def __init__(self, config: StationConfig, told: Path | None, busy: Callable[[str], bool]) -> None:
        self._config, self._told, self._busy = config, told, busy
        self._word = Word(told) if told else None
        self._stop = threading.Event()
        self._safety: Safety | None = None
        self._closers: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._run, name="safety", daemon=True)
        self._resting = {a.name: Resting(a) for a in config.all_antennas if a.rotator}
        self._found: Inhibit | None = None
        self._looked_at = time.monotonic()
        self._problem = ""

    @property
    def inhibit(self) -> Inhibit | None:
        """What forbids motion; a watch that looks no more forbids it as well."""
        found, silent_s = self._found, time.monotonic() - self._looked_at
        if found is not None or self._safety is None or silent_s <= OLD_S:
            return found
        return Inhibit(f"safety: not looked at for {silent_s:.0f} s", time.time() - silent_s, park=False)

    def start(self, patience_s: float = 0.0) -> None:
        """Open the sources, ask them once, and begin.

        Args:
            patience_s: how long to wait for sources that have not spoken yet.

        Raises:
            SafetyError: a source cannot be opened: then the station must not begin.
        """
        if self._config.safety.rule:
            self._safety = self._opened()
            self._tell(self._safety, self._ask(self._safety))
            deadline = time.monotonic() + patience_s
            while self._safety.unheard and time.monotonic() < deadline:
                self._stop.wait(_HEARS_EVERY_S)
                self._ask(self._safety)
            self._thread.start()
        elif self._told:
            self._told.unlink(missing_ok=True)

    def close(self) -> None:
        """End; may be called again."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for resting in self._resting.values():
            resting.want(None)
        for close in self._closers:
            close()
        self._closers = []

    def _opened(self) -> Safety:
        posted: dict[str, Latest] = {}
        rules = [(section.rule, _source(section, posted)) for section in self._config.safety.rule]
        before = self._config.station.data_dir / INHIBIT_NAME
        safety = Safety(rules, held=held_before(before, [rule for rule, _ in rules]))
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
        for name, resting in self._resting.items():
            resting.want(None if found is None or self._driven(name) else found.park)
        self._tell(self._safety, found)

    def _ask(self, safety: Safety) -> Inhibit | None:
        found, before = safety.check(), self._found
        if (found and found.park) != (before and before.park):
            log.warning("antennas: %s", found.reason if found else "may move again")
        self._found, self._looked_at = found, time.monotonic()
        return found

    def _driven(self, antenna: str) -> bool:
        """By a recorder, which asks the word itself. Where that cannot be known both bring it to rest."""
        try:
            return self._busy(antenna)
        except Exception as error:  # noqa: BLE001 - whatever it is, the antenna comes to rest
            self._say(f"whether {antenna} is driven: {error}")
            return False

    def _tell(self, safety: Safety, found: Inhibit | None) -> None:
        """To the recorders; a word that could not be told grows old, which forbids motion as well."""
        if self._word is None:
            return
        try:
            self._word.tell(found, safety.held)
            self._problem = ""
        except OSError as error:
            self._say(f"{self._told}: {error}")

    def _say(self, problem: str) -> None:
        if problem != self._problem:  # once, not each second
            self._problem = problem
            log.error("safety: %s", problem)


@contextmanager
def word_on_motion(config: StationConfig) -> Iterator[Callable[[], Inhibit | None]]:
    """What forbids motion, for a command that drives a rotator: the daemon's word, else that of the rules.

    Raises:
        SafetyError: a source cannot be opened: then nothing may be moved.
    """
    if config.safety.rule and daemon_works_in(config.station.data_dir):
        yield inhibit_of(config.station.data_dir / INHIBIT_NAME)
        return
    with closing(SafetyWatch(config, None, lambda _antenna: True)) as watch:
        watch.start(_FIRST_VALUE_S)
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
