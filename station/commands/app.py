"""The subcommands of `tramthu` by name; each lives in a module beside this one."""

from __future__ import annotations

import os
from typing import Annotated

import typer

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
    if debug:
        os.environ[DEBUG_VARIABLE] = "1"


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
app.command("channels")(channels.channels)
app.command("products", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    products.products
)
app.command("replay")(replay.replay)
app.command("serve")(serve.serve)
app.command("selftest")(selftest.selftest)
app.command("doctor")(doctor.doctor)
