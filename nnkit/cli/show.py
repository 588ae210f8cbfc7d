"""`nnkit show`: draw activation functions, schedules and filters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nnkit.cli.checkpoints import chosen_checkpoint
from nnkit.cli.options import (
    CheckpointOption,
    ConfigArgument,
    FiltersOption,
    JsonOption,
    OwnSetOption,
    PictureOption,
    RunsOption,
    SetOption,
    argument,
    group,
)
from nnkit.cli.output import print_json, say, show_chart
from nnkit.cli.output_files import check_no_input, write_output

if TYPE_CHECKING:
    from nnkit.charts import Chart

app = group("Draw activation functions, schedules and filters.")


@app.command()
def activation(
    name: Annotated[str, argument("ACTIVATION")],
    overrides: OwnSetOption = None,
    low: Annotated[float, typer.Option("--from", metavar="Z", help="Smallest input.")] = -5.0,
    high: Annotated[float, typer.Option("--to", metavar="Z", help="Largest input.")] = 5.0,
    output: PictureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw an activation function and its derivative.

    ACTIVATION is written as in a config: gelu, or with parameters 'leaky_relu: 0.2', '{kind: elu,
    alpha: 2}'. The derivative is the one used in backpropagation. A function that acts on several
    units at once, such as softmax, is drawn for one of them, with the others at 0.
    """
    from nnkit.inspection.function_charts import activation_from, draw_activation, numbers

    chosen = activation_from(name, overrides or ())
    found, chart, remarks = draw_activation(chosen, low, high)
    if as_json:
        curves = {"z": found.z, "value": found.value, "derivative": found.derivative}
        result = {name: numbers(values) for name, values in curves.items()}
        print_json({"activation": chosen.model_dump(), "units": found.units, **result})
    _render(chart, remarks, output, as_json)


@app.command()
def schedule(
    config: ConfigArgument,
    overrides: SetOption = None,
    output: PictureOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw the learning rate of CONFIG over steps and epochs."""
    import nnkit
    from nnkit.inspection.function_charts import draw_schedule, numbers

    found, chart, remarks = draw_schedule(nnkit.load_config(config, overrides or ()))
    if as_json:
        print_json(
            {
                "steps": found.pace.steps,
                "steps_per_epoch": found.pace.per_epoch,
                "batch_size": found.pace.batch_size,
                "step": numbers(found.step),
                "lr": numbers(found.lr),
            }
        )
    _render(chart, remarks, output, as_json)


@app.command()
def filters(
    image: Annotated[Path, argument("IMAGE")],
    checkpoint: CheckpointOption = None,
    runs: RunsOption = Path("runs"),
    output: FiltersOption = Path("filters.png"),
) -> None:
    """Draw IMAGE convolved with classic and with learned filters.

    The learned filters are those of the first layer of a network, by default the pretrained digit
    reader. Grey means no response, lighter a positive response and darker a negative one.
    """
    import nnkit
    from nnkit.inspection.filters import filtered
    from nnkit.inspection.sheet import write_sheet
    from nnkit.reading.pretrained import DIGITS

    check_no_input([output], [image])
    path = DIGITS if checkpoint is None else chosen_checkpoint(checkpoint, runs)
    model = nnkit.load_checkpoint(path)
    sheet = filtered(image, model)
    write_sheet(sheet, output, write_output)
    print(f"{output}: {len(sheet.captions)} filters")


def _render(chart: Chart, remarks: Sequence[str], output: Path | None, as_json: bool) -> None:
    from nnkit.charts import write_picture

    if output is not None:
        write_picture(chart, output, write=write_output)
    elif not as_json:
        show_chart(chart)
    for remark in remarks:
        say(remark)
    if output is not None:
        say(f"wrote {output}")
