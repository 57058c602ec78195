"""What a reader of the page sees, in English and Vietnamese, with UTC and UTC+7 side by side."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache

from station.web.sentences import TEXTS, decimals_in

LANGUAGES = ("en", "vi")
LOCAL = timezone(timedelta(hours=7), "UTC+7")


@cache
def all_texts() -> Mapping[str, Mapping[str, str]]:
    """Texts by language and key."""
    table = tomllib.loads(TEXTS.read_text(encoding="utf-8"))
    return {language: dict(table[language]) for language in LANGUAGES}


def both_times(moment: datetime) -> str:
    """`2024-07-17 08:12 UTC (15:12 UTC+7)`; the date is repeated where the two differ in it."""
    utc, local = moment.astimezone(UTC), moment.astimezone(LOCAL)
    there = f"{local:%H:%M}" if local.date() == utc.date() else f"{local:%Y-%m-%d %H:%M}"
    return f"{utc:%Y-%m-%d %H:%M} UTC ({there} UTC+7)"


def span_times(start: datetime, end: datetime) -> str:
    """`2024-07-17 07:33–07:48 UTC (14:33–14:48 UTC+7)`; the local date is said where it is another."""
    utc, local = ([moment.astimezone(zone) for moment in (start, end)] for zone in (UTC, LOCAL))
    there = "" if local[0].date() == utc[0].date() else f"{local[0]:%Y-%m-%d} "
    return f"{utc[0]:%Y-%m-%d %H:%M}–{utc[1]:%H:%M} UTC ({there}{local[0]:%H:%M}–{local[1]:%H:%M} UTC+7)"


def size_text(count: int, language: str) -> str:
    """A file size as its reader writes it: `1.4 MB`, `1,4 MB`."""
    if count < 1000:
        return f"{count} B"
    size, unit = count / 1000, "kB"
    for larger in ("MB", "GB"):
        if size >= 1000:
            size, unit = size / 1000, larger
    return decimals_in(language, f"{size:.1f} {unit}")
