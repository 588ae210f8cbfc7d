"""`nnkit lr-find`: suggest a learning rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.options import ConfigArgument, JsonOption, PictureOption, SetOption
from nnkit.cli.output import print_json, say, show_chart
from nnkit.cli.output_files import write_output

if TYPE_CHECKING:
    from nnkit.inspection.lr_finder import RangeTest


def lr_find(
    config: ConfigArgument,
    overrides: SetOption = None,
    low: Annotated[float, typer.Option("--from", metavar="RATE", help="First rate.")] = 1e-7,
    high: Annotated[float, typer.Option("--to", metavar="RATE", help="Last rate.")] = 10.0,
    steps: Annotated[
        int, typer.Option("--steps", min=1, metavar="N", help="Updates, one batch each.")
    ] = 100,
    output: PictureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Suggest a learning rate for CONFIG by a range test.

    Trains while the rate rises, and looks where the loss falls (Smith 2017). Stops early once the
    smoothed loss exceeds four times its minimum. Only the picture is written, if -o asks for one.
    """
    import nnkit
    from nnkit.charts import picture_format, write_picture
    from nnkit.inspection.lr_finder import draw, find_lr

    if output is not None:
        picture_format(output)  # fail before the test rather than after it
    loaded = nnkit.load_config(config, overrides or ())
    found = find_lr(loaded, low, high, steps)
    chart = draw(found, loaded.name)
    if as_json:
        print_json(
            {
                "suggestion": found.steepest,
                "steepest": found.steepest,
                "tenth_of_minimum": found.tenth_of_minimum,
                "minimum": float(found.lr[found.best]),
                "ending": found.ending,
                "lr": found.lr.tolist(),
                "loss": found.loss.tolist(),
                "smoothed": found.smoothed.tolist(),
            }
        )
    elif output is None:
        show_chart(chart)
    if output is not None:
        write_picture(chart, output, write=write_output)
        say(f"wrote {output}")
    if not as_json:
        _explain(found)


def _explain(found: RangeTest) -> None:
    tenth, minimum = found.tenth_of_minimum, float(found.lr[found.best])
    print(f"\nended after {len(found.lr)} steps at lr {found.lr[-1]:.2g}: {found.ending}")
    if found.steepest is None:
        print("The loss never fell; try lower rates with --from, or more --steps.")
        return
    print(f"{found.steepest:8.2g}  steepest descent: where the smoothed loss falls fastest")
    print(f"{tenth:8.2g}  a tenth of {minimum:.2g}, where the smoothed loss is lowest")
    print(f"try --set optimizer.lr={found.steepest:.2g}")
    if found.best == len(found.lr) - 1:
        print("The loss was still falling at the end; try higher rates with --to.")
