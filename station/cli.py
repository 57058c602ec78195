"""`tramthu`: the command line. Each command lives in `station/commands`; this page lists them and ends them.

Exit status: 0 done, 1 the input holds nothing usable, 2 wrong use or wrong file, 3 a fault of a device or the
system. An error that somebody foresaw is one sentence on stderr; `--debug` before the command shows where
it arose.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated

import typer

from station.commands import (
    decode,
    demo,
    doctor,
    elements,
    look,
    passes,
    plan,
    products,
    record,
    replay,
    run,
    selftest,
    serve,
    simulate,
    track,
)
from station.errors import SYSTEM_FAULT, exit_status_of, sentence_of

_DEBUG_VARIABLE = "TRAMTHU_DEBUG"
_INTERRUPTED = 130

app = typer.Typer(
    name="tramthu",
    help="Satellite ground station: passes, reception, decoding, maps.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
) -> None:
    """Satellite ground station: passes, reception, decoding, maps."""
    if debug:
        os.environ[_DEBUG_VARIABLE] = "1"


app.command("demo")(demo.demo)
app.command("run")(run.run)
app.command("passes")(passes.passes)
app.command("plan")(plan.plan)
app.command("track")(track.track)
app.command("elements")(elements.elements)
app.command("simulate")(simulate.simulate)
app.command("record")(record.record)
app.command("inspect")(look.inspect)
app.command("spectrum")(look.spectrum)
app.command("decode")(decode.decode)
app.command("products", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    products.products
)
app.command("replay")(replay.replay)
app.command("serve")(serve.serve)
app.command("selftest")(selftest.selftest)
app.command("doctor")(doctor.doctor)


def guarded(act: Callable[[], int]) -> int:
    """Run; every exception becomes one sentence on stderr and an exit status."""
    try:
        return act()
    except KeyboardInterrupt:
        _say("interrupted")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of our output has gone, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last place where an error can be told
        return _told(error)


def main() -> None:
    """Entry point of the command `tramthu`."""
    sys.exit(guarded(_run_app))


def _run_app() -> int:
    try:
        app()
    except SystemExit as end:
        if end.code == _INTERRUPTED:  # typer's own end, without a word
            raise KeyboardInterrupt from end
        return end.code if isinstance(end.code, int) else int(bool(end.code))
    return 0


def _told(error: Exception) -> int:
    status = exit_status_of(error)
    if os.environ.get(_DEBUG_VARIABLE):
        sys.stderr.write("".join(traceback.format_exception(error)))
    if status is None:
        _say(
            f"{type(error).__name__}: {sentence_of(error)}. This is a bug, please report it with what "
            "`tramthu --debug …` says"
        )
        return SYSTEM_FAULT
    _say(sentence_of(error))
    return status


def _say(text: str) -> None:
    sys.stderr.write(f"tramthu: {text}\n")


if __name__ == "__main__":
    main()
