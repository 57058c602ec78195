"""The programs themselves: Python, kernels, packages."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path

from station.doctor.check import Check

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = (
    "satpy",
    "pyresample",
    "rasterio",
    "netCDF4",
    "skyfield",
    "sgp4",
    "fastapi",
    "sqlalchemy",
    "scipy",
)


def program_checks() -> list[Check]:
    """All of them."""
    return [_python(), _kernels(), _packages()]


def _python() -> Check:
    version = ".".join(str(part) for part in sys.version_info[:3])
    if (3, 11) <= sys.version_info[:2] < (3, 14):
        return Check("Python", "ok", version)
    return Check("Python", "wrong", f"{version} is not supported", "make PYTHON=python3.11 setup")


def _kernels() -> Check:
    """Every C++ kernel has a stub beside it, which names it."""
    stubs = [stub for pattern in ("*/_*.pyi", "decoders/*/_*.pyi") for stub in ROOT.glob(pattern)]
    names = sorted(".".join(stub.relative_to(ROOT).with_suffix("").parts) for stub in stubs)
    broken = [name for name in names if not _imports(name)]
    if not broken and names:
        return Check("C++ kernels", "ok", f"{len(names)} built")
    said = f"not built or of another Python: {', '.join(broken)}" if broken else "none found"
    return Check("C++ kernels", "wrong", said, "make kernels")


def _imports(name: str) -> bool:
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def _packages() -> Check:
    missing = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        return Check("Python packages", "wrong", f"missing: {', '.join(missing)}", "make setup")
    return Check("Python packages", "ok", f"{len(PACKAGES)} of {len(PACKAGES)} looked for are there")


def boundaries_check(path: Path) -> Check:
    """The file of borders."""
    try:
        kind = json.loads(path.read_text("utf-8"))["type"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        mend = "give products.boundaries a GeoJSON file of the authority whose borders may be drawn"
        return Check("boundaries", "wrong", f"{path}: {error}", mend)
    return Check("boundaries", "ok", f"{path}: {kind}")
