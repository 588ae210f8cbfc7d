"""`nnkit gradcheck`: compare backpropagation of a config's network with central differences."""

from __future__ import annotations

from typing import Annotated

import typer

from nnkit.cli.options import ConfigArgument, JsonOption, SetOption
from nnkit.cli.output import print_json, say, table


def gradcheck(
    config: ConfigArgument,
    overrides: SetOption = None,
    samples: Annotated[int, typer.Option("--samples", min=1, metavar="N", help="Batch size.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Check every gradient of CONFIG's network numerically.

    Backpropagation is compared with central differences in float64, for each parameter array and
    the input: up to 40 entries one by one, and the whole array along one random direction. Exits
    with 1 if any relative error reaches 1e-6.
    """
    import nnkit
    from nnkit.nn.central_differences import TOLERANCE

    checks = nnkit.check_gradients(nnkit.load_config(config, overrides or ()), samples)
    passed = all(check.passed for check in checks)
    if as_json:
        rows = [
            {
                "name": c.name,
                "shape": c.shape,
                "checked": c.checked,
                "kinks": c.kinks,
                "error": c.error,
                "passed": c.passed,
            }
            for c in checks
        ]
        print_json({"passed": passed, "tolerance": TOLERANCE, "blocks": rows})
    else:
        rows_shown = [
            (c.name, c.shape, c.checked, c.kinks, f"{c.error:.1e}", "ok" if c.passed else "WRONG")
            for c in checks
        ]
        print(table(("block", "shape", "checked", "kinks", "largest error", ""), rows_shown))
        verdict = "all gradients agree" if passed else "some gradients are wrong"
        say(f"{verdict} (tolerance {TOLERANCE:g})")
    if not passed:
        raise typer.Exit(1)
