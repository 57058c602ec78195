"""Mutations that keep JSON, TOML and RIFF readable: byte by byte, nearly all inputs fail at their syntax."""

from __future__ import annotations

import json
import random
import re
import struct
from collections.abc import Callable
from typing import Any

import atheris

ODD_JSON = (
    *(None, True, -1, 0, 1, 10**30, -(10**30), 1e-320, 1e308, float("inf"), float("nan"), "", "x" * 300),
    *("\0", "../x", "~no-such-user/x", "1e999", "١", "2026-13-01", "0001-01-01T00:00:00+23:59", "\ud800"),
    *([], {}, [[]], [1, 2], {"": 1}, {"core:sample_start": 0}),
)
ODD_TOML = (
    *(
        "0",
        "-1",
        "1e400",
        "nan",
        "inf",
        "true",
        '""',
        '"\\u0000"',
        '"../x"',
        '"~"',
        "[]",
        "{}",
        "{a = 1}",
        "'x'",
    ),
    *("[[]]", "[[0, 1]]", '"~no-such-user/x"', "1979-05-27", "9" * 30, '"rtl_tcp"', '"soapy"', '"playback"'),
)
ODD_KEYS = ("simulator", "soapy", "type", "satelite", '""', '"\\u0000"', "a.b", "0")
DEEP = 100_000

Mutator = Callable[[bytes, int, int], bytes]


def mixed(own: Callable[[bytes, random.Random], bytes]) -> Mutator:
    """Half the mutations are `own`, the others are libFuzzer's."""

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        rng = random.Random(seed)
        mutated = own(data, rng) if rng.random() < 0.5 else atheris.Mutate(data, longest)
        return mutated[:longest]

    return mutate


def json_lines(data: bytes, rng: random.Random) -> bytes:
    """One value, key or line of JSON documents, one a line, becomes another; deep nesting now and then."""
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    try:
        document = json.loads(lines[at])
    except (ValueError, RecursionError):
        return atheris.Mutate(data, len(data) + 64)
    if rng.random() < 0.02:
        lines[at] = b"[" * DEEP
    else:
        lines[at] = json.dumps(_changed(document, rng)).encode()
    if rng.random() < 0.1:
        lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"\n".join(lines)


def _changed(value: Any, rng: random.Random) -> Any:
    """A copy in which one place differs."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = rng.choice(list(value))
        if rng.random() < 0.1:
            return {name: part for name, part in value.items() if name != key}
        return value | {key: _changed(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        at = rng.randrange(len(value))
        return [*value[:at], _changed(value[at], rng), *value[at + 1 :]]
    if isinstance(value, int | float) and rng.random() < 0.5:
        return value * rng.choice((-1, 2, 10, 0.1, 1e6))
    return rng.choice(ODD_JSON)


def toml_lines(data: bytes, rng: random.Random) -> bytes:
    """One line of TOML is lost, doubled, moved, or gets another value or another line's key."""
    lines = data.decode(errors="replace").split("\n")
    settings = [k for k, line in enumerate(lines) if re.match(r"#? ?[\w.\[]", line)] or [0]
    at, other = rng.choice(settings), rng.choice(settings)
    key, _, value = lines[at].lstrip("# ").partition("=")
    choice = rng.randrange(7)
    if choice == 0:
        del lines[at]
    elif choice == 1:
        lines.insert(other, lines[at])
    elif choice == 2:
        lines[at] = f"{lines[other].partition('=')[0]}={value}"
    elif choice == 3:
        lines[at] = lines[at].lstrip("# ")
    elif choice == 4:
        lines.insert(at, f"{rng.choice(ODD_KEYS)} ={value or ' 1'}")
    elif choice == 5 and rng.random() < 0.1:
        lines[at] = f"{key}= {'[' * DEEP}"
    else:
        lines[at] = f"{key}= {rng.choice(ODD_TOML)}"
    return "\n".join(lines).encode()


def riff_chunks(data: bytes, rng: random.Random) -> bytes:
    """One chunk is cut, stretched, changed, lost, doubled or moved, the others follow it as they should."""
    head, rest, chunks = data[:12], data[12:], list[tuple[bytes, bytes]]()
    while len(rest) >= 8:
        name, size = struct.unpack_from("<4sI", rest)
        chunks.append((name, rest[8 : 8 + size]))
        rest = rest[8 + size + size % 2 :]
    if not chunks:
        return atheris.Mutate(data, len(data) + 64)
    at = rng.randrange(len(chunks))
    name, body = chunks[at]
    choice = rng.randrange(4)
    if choice == 0:
        chunks[at] = (name, body[: rng.randrange(len(body) + 1)])
    elif choice == 1:
        chunks[at] = (name, atheris.Mutate(body or b"\0", len(body) + 16))
    elif choice == 2:
        del chunks[at]
    else:
        chunks.insert(rng.randrange(len(chunks) + 1), (name, body))
    return head + b"".join(name + struct.pack("<I", len(b)) + b + b"\0" * (len(b) % 2) for name, b in chunks)
