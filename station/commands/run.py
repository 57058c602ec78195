"""`tramthu run`: the daemon."""

from __future__ import annotations

import logging
import signal
import sys

from station.commands.options import ConfigOption
from station.config import load_config


def run(config: ConfigOption) -> None:
    """Run the station: book passes, record, decode, make maps; SIGTERM ends it in order."""
    from station.daemon import Daemon

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", force=True
    )
    for noisy in ("alembic", "sqlalchemy"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    daemon = Daemon(load_config(config))
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: daemon.stop.set())
    daemon.run()
