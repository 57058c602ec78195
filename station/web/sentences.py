"""The station's own sentences in the language of the reader.

Programs, logs, the catalogue and `health.json` hold a problem as one English sentence: it comes out of
another process, of a database, of an exception of any folder. As gettext does, the page takes that sentence
for the key; `texts.toml` has its Vietnamese, with the values in braces, and the findings of a self test have
theirs with them. What is not there stays in English.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache, lru_cache
from itertools import islice
from pathlib import Path

from sdr.self_test_words import WORDS

TEXTS = Path(__file__).parent / "texts.toml"
_PLACE = re.compile(r"\{(\w+)(?::[^}]*)?\}")  # with or without a format
_JOINT = re.compile(r": |; ")
_MOST_JOINTS = 8  # within a known clause, by its values
_LONGEST = 2000  # letters: what is longer comes from elsewhere, and none of it is known
_CLAUSE = r"(?:(?!: |; ).)+?"  # a value at the beginning is not the clause before as well
_NUMBER = r"[+-]?\d+(?:\.\d+)?"
_DECIMAL = re.compile(r"(?<![\w./-])[+-]?\d+\.\d+(?![\w/]|\.\w)")


@lru_cache(1024)
def said_in(language: str, sentence: str) -> str:
    """A sentence of the station in `en` or `vi`; clauses and values that are not known stay as they are."""
    return sentence if language == "en" or len(sentence) > _LONGEST else _vietnamese(sentence)


def decimals_in(language: str, text: str) -> str:
    """A text with the decimal sign of the language in its numbers; dates, names and addresses stay."""
    return text if language == "en" else _DECIMAL.sub(lambda found: found[0].replace(".", ","), text)


def _vietnamese(sentence: str) -> str:
    said = []
    while sentence:
        clause, sentence = _first(sentence)
        said.append(clause)
    return "".join(said)


def _first(sentence: str) -> tuple[str, str]:
    """What it begins with in Vietnamese, a joint behind it, and the rest."""
    if (said := _known(sentence)) is not None:
        return said, ""
    joints = list(islice(_JOINT.finditer(sentence), _MOST_JOINTS))
    for joint in joints:
        if (said := _known(sentence[: joint.start()])) is not None:
            return said + joint[0], sentence[joint.end() :]
    end = joints[0].end() if joints else len(sentence)
    return decimals_in("vi", sentence[:end]), sentence[end:]


def _known(clause: str) -> str | None:
    for pattern, said in _sentences():
        if found := pattern.fullmatch(clause):
            return said.format(**{name: _vietnamese(value) for name, value in found.groupdict().items()})
    return None


@cache
def _sentences() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Patterns and what they mean, those with the most letters of their own first."""
    table: dict[str, str] = tomllib.loads(TEXTS.read_text(encoding="utf-8"))["sentences"]
    table |= {words["en"]: words["vi"] for words in WORDS.values()}
    keys = sorted(table, key=lambda english: -len(_PLACE.sub("", english)))
    return tuple((_pattern(english), _PLACE.sub(r"{\1}", table[english])) for english in keys)


def _pattern(english: str) -> re.Pattern[str]:
    parts = _PLACE.split(english)  # words, name, words, name, …
    names = [
        f"(?P<{name}>{_NUMBER if name.startswith('number') else _CLAUSE if before == '' else '.+?'})"
        for before, name in zip(parts[::2], parts[1::2], strict=False)
    ]
    return re.compile("".join(a + b for a, b in zip(map(re.escape, parts[::2]), [*names, ""], strict=True)))
