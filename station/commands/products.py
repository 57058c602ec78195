"""`tramthu products`: images and maps. Runs in a process of its own, so that satpy never enters this one."""

from __future__ import annotations

import os
import subprocess
import sys

import typer


def products(context: typer.Context) -> None:
    """Images, GeoTIFF and level-1b files from decoded data: DIR|FILE … --out DIR."""
    ended = subprocess.run(
        [sys.executable, "-m", "station.child", str(os.getpid()), "0", "products", *context.args], check=False
    )
    raise typer.Exit(ended.returncode if ended.returncode >= 0 else 3)
