"""`python -m products INPUT… --out DIR`: the worker process that makes the products of a pass."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from products.errors import ProductError


def main(arguments: list[str] | None = None) -> int:
    """Run the worker.

    Returns:
        The exit status: 0 done, 1 nothing usable, 2 wrong use or file, 3 a fault of the machine.
    """
    parser = argparse.ArgumentParser(
        prog="python -m products", description="Make images and GeoTIFF from level-1a files."
    )
    parser.add_argument(
        "inputs", nargs="+", type=Path, metavar="INPUT", help="level-1a files (*_l1a.nc) or folders of them"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the products")
    parser.add_argument("--areas", help="names of areas, separated by commas; all by default")
    parser.add_argument("--recipes", help="names of recipes, separated by commas; all by default")
    parser.add_argument(
        "--boundaries", type=Path, help="GeoJSON with the outlines to draw; none are drawn without it"
    )
    parser.add_argument("--language", default="en", help="of titles: en or vi")
    parser.add_argument("--attitude", help="a named attitude of instruments/msu_mr.toml")
    parser.add_argument(
        "--json", action="store_true", help="print the report as JSON, and progress as JSON lines on stderr"
    )
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except ProductError as error:
        print(json.dumps({"error": str(error)}) if options.json else f"error: {error}", file=sys.stderr)
        return error.exit_status


def _run(options: argparse.Namespace) -> int:
    # Nothing here may reach for the network; set before satpy is imported.
    os.environ["SATPY_DOWNLOAD_AUX"] = "False"
    from products.make import make_products

    def progress(fraction: float) -> None:
        if options.json:
            print(json.dumps({"progress": round(fraction, 3)}), file=sys.stderr, flush=True)

    report = make_products(
        list(_files(options.inputs)),
        options.out,
        areas=options.areas.split(",") if options.areas else None,
        recipes=options.recipes.split(",") if options.recipes else None,
        boundaries=options.boundaries,
        language=options.language,
        attitude=options.attitude,
        progress=progress,
    )
    if options.json:
        print(report.to_json(), end="")
    else:
        for file in report.files:
            print(file.path)
        for miss in report.skipped:
            print(f"not made: {miss.recipe} of {miss.area}: {miss.reason}", file=sys.stderr)
    return report.exit_status


def _files(inputs: list[Path]) -> list[Path]:
    """Files as they are, folders as the level-1a files in them."""
    found: list[Path] = []
    for path in inputs:
        inside = sorted(path.glob("*_l1a.nc")) if path.is_dir() else [path]
        if not inside:
            raise ProductError(f"{path} holds no level-1a file (*_l1a.nc); decode a recording first")
        found += inside
    return found


if __name__ == "__main__":
    sys.exit(main())
