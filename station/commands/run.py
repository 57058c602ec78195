"""`tramthu run`: the daemon."""

from __future__ import annotations

import logging
import signal
import sys
from datetime import UTC, datetime

from station.commands.options import ConfigOption
from station.config import load_config


def run(config: ConfigOption) -> None:
    """Run the station: book passes, record, decode, make maps; SIGTERM ends it in order."""
    from station.at_once import recorders_at_once

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    for noisy in ("alembic", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    station = load_config(config)
    begun = recorders_at_once(station.station.data_dir, datetime.now(UTC))
    from station.daemon import Daemon  # takes seconds on a small machine

    daemon = Daemon(station, begun=begun)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: daemon.stop.set())
    daemon.run()
