"""`tramthu run`: the daemon."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from datetime import UTC, datetime

from station.commands.options import ConfigOption
from station.config import load_config


def run(config: ConfigOption) -> None:
    """Run the station: book passes, record, decode, make maps; SIGTERM ends it in order."""
    from station.at_once import end_untaken, recorders_at_once

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    for noisy in ("alembic", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    station = load_config(config)
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    begun = recorders_at_once(station.station.data_dir, datetime.now(UTC))
    try:
        from station.daemon import Daemon  # takes seconds on a small machine

        Daemon(station, begun=begun, stop=stop).run()
    finally:
        end_untaken(begun)
