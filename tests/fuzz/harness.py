"""What the fuzz targets share: coverage of our own packages, seeds, and the errors that are no finding.

    python tests/fuzz/fuzz_elements.py -max_total_time=300          libFuzzer's options
    python tests/fuzz/fuzz_elements.py crash-1234                   one input again
    python tests/fuzz/fuzz_elements.py -max_total_time=300 CORPUS   a folder that keeps what it learns

A target feeds bytes to one parser of untrusted input. It may return, or raise the folder's own error;
anything else, a hang and a swollen memory included, is a finding, and ends the process with a status other
than 0.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import atheris
from atheris.import_hook import HookManager

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ["scheduler", "sdr", "hardware", "decoders", "station"]
MOST_MEMORY_MB = 2048
HANG_S = 60

# The tree that this file lies in is the one to be tested; an editable install would answer before the path.
sys.meta_path = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("_editable_")]
sys.path.insert(0, str(ROOT))


def instrumented(*, comparisons: bool = True) -> Any:
    """A context in which imports of our packages report their coverage.

    Args:
        comparisons: tell libFuzzer both sides of each, so that it finds magic words. Atheris 3.0 never frees
            what came of one, which of arrays is an array: code full of those goes without.
    """
    return HookManager(set(PACKAGES), set(), enable_loader_override=True, trace_dataflow=comparisons)


def fuzz(
    one_input: Callable[[bytes], None],
    seeds: Iterable[bytes],
    *,
    allowed: tuple[type[Exception], ...],
    longest: int = 4096,
    mutate: Callable[[bytes, int, int], bytes] | None = None,
) -> None:
    """Feed mutated seeds to the target until libFuzzer's options say stop; does not return.

    Args:
        one_input: the target.
        seeds: valid inputs to begin with.
        allowed: errors that the parser documents.
        longest: bytes of an input.
        mutate: in place of libFuzzer's own mutations, see `mutators`.
    """

    def guarded(data: bytes) -> None:
        with contextlib.suppress(*allowed):
            one_input(data)

    given = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    options = [argument for argument in sys.argv[1:] if argument.startswith("-")]
    corpus = Path(given[0]) if given else Path(tempfile.mkdtemp(prefix="fuzz-"))
    if not corpus.is_file():
        corpus.mkdir(exist_ok=True)
        for number, seed in enumerate(seeds):
            (corpus / f"seed-{number}").write_bytes(seed)
    limits = [f"-max_len={longest}", f"-rss_limit_mb={MOST_MEMORY_MB}", f"-timeout={HANG_S}"]
    own = {} if mutate is None else {"custom_mutator": mutate}
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], guarded, **own)
    atheris.Fuzz()


def file_named(name: str) -> Path:
    """A path for the input of a parser that opens files, in a folder of its own."""
    return Path(tempfile.mkdtemp(prefix="fuzz-")) / name
