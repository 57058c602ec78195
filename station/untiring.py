"""What may fail for a while, as on a full disk, and must not end what it stands beside."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from station.errors import CatalogueError, sentence_of

log = logging.getLogger(__name__)

_AGAIN_AFTER_S = 1.0


class Untiring:
    """Calls `act`; where that fails it is said once, and tried again soon.

    Args:
        act: to be called some times a second.
        name: of the observation, for the log.
    """

    def __init__(self, act: Callable[[], None], name: str) -> None:
        self._act, self._name = act, name
        self._said = ""
        self._not_before = 0.0

    def __call__(self) -> None:
        """Nothing that fails in it is raised."""
        if time.monotonic() < self._not_before:
            return
        try:
            self._act()
        except (CatalogueError, OSError) as error:
            self._failed(sentence_of(error))
        except Exception as error:  # noqa: BLE001 - a bug here must not cost samples
            self._failed(f"{type(error).__name__}: {sentence_of(error)}; please report it", error)

    def _failed(self, why: str, bug: Exception | None = None) -> None:
        self._not_before = time.monotonic() + _AGAIN_AFTER_S
        if why != self._said:
            self._said = why
            log.error("%s: %s; it is tried again", self._name, why, exc_info=bug)
