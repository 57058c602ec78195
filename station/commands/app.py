"""The subcommands of `tramthu` by name; each lives in a module beside this one."""

from __future__ import annotations

import io
import math
import os
import sys
from functools import partial
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from station.commands import (
    channels,
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
from station.errors import StationError
from station.guard import DEBUG_VARIABLE

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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name need not be text; in JSON it stays JSON
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


class _FiniteNumbers(TyperCommand):
    """Refuses NaN and the infinite ones; typer takes them for numbers."""

    def invoke(self, ctx: Any) -> Any:
        for parameter in self.params:
            given = ctx.params.get(parameter.name or "")
            for number in given if isinstance(given, list | tuple) else (given,):
                if isinstance(number, float) and not math.isfinite(number):
                    raise StationError(f"{parameter.opts[-1]} is {number}; give a finite number")
        return super().invoke(ctx)


_command = partial(app.command, cls=_FiniteNumbers)
_command("demo")(demo.demo)
_command("run")(run.run)
_command("passes")(passes.passes)
_command("plan")(plan.plan)
_command("track")(track.track)
_command("elements")(elements.elements)
_command("simulate")(simulate.simulate)
_command("record")(record.record)
_command("inspect")(look.inspect)
_command("spectrum")(look.spectrum)
_command("decode")(decode.decode)
_command("channels")(channels.channels)
_command("products", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    products.products
)
_command("replay")(replay.replay)
_command("serve")(serve.serve)
_command("selftest")(selftest.selftest)
_command("doctor")(doctor.doctor)
