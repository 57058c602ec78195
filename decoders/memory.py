"""How the process treats memory that it has freed."""

from __future__ import annotations

import ctypes

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # mallopt(3)


def keep_freed_memory() -> None:
    """Keeps up to 32 MiB of freed memory for the arrays that come next.

    glibc gives every array over 128 KiB back to the system and takes the next one anew, page by page: a tenth
    of the time of decoding LRPT. Where the C library has no `mallopt` nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_MMAP_THRESHOLD, 32 << 20)
        mallopt(_TRIM_THRESHOLD, 32 << 20)
        mallopt(_TOP_PAD, 8 << 20)
