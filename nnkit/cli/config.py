"""`nnkit config`: check configs, show them resolved, and print their JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nnkit.cli.options import ConfigArgument, JsonOption, SetOption, group, switch
from nnkit.cli.output import print_json

if TYPE_CHECKING:
    from nnkit.task.config import Config

app = group("Check and show configs.")


@app.command()
def validate(
    config: ConfigArgument,
    overrides: SetOption = None,
    with_data: Annotated[
        bool, switch("--data", "Also load the data and check that shapes fit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check CONFIG and report every error with its position."""
    import nnkit
    from nnkit.errors import ConfigError

    try:
        loaded = nnkit.load_config(config, overrides or ())
        if with_data:
            from nnkit.task.task_loading import load_task
            from nnkit.training.trainer import Trainer

            with loaded.locating():
                Trainer(load_task(loaded))
    except ConfigError as error:
        if not as_json:
            raise
        problems = [
            {"position": p.position, "path": list(p.path), "message": p.message}
            for p in error.problems
        ]
        print_json({"config": str(config), "valid": False, "errors": problems})
        raise typer.Exit(error.exit_code) from None
    if as_json:
        print_json({"config": str(config), "valid": True, "errors": []})
    else:
        print(f"{config}: valid")


@app.command()
def show(
    config: ConfigArgument,
    overrides: SetOption = None,
    origin: Annotated[bool, switch("--origin", "Show where each value was given.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print CONFIG resolved, with the table of its network's layers.

    Resolved: inherited settings merged, overrides applied, defaults filled in.

    The table, a comment at the end, lists each layer's output shape and parameters, the operations
    (in millions) and memory for one sample, and the receptive field.
    """
    import nnkit

    loaded = nnkit.load_config(config, overrides or ())
    if as_json:
        print_json(loaded.resolved())
    elif origin:
        print("\n".join(_with_origins(loaded)))
    else:
        print(loaded.to_yaml(), end="")
        print("\n" + "\n".join(f"# {line}".rstrip() for line in _layers(loaded)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of configs, for completion in editors.

    In an editor with a YAML language server, name it in the first line of a config:

        # yaml-language-server: $schema=config.schema.json
    """
    import json

    from nnkit.config.schema import json_schema
    from nnkit.task.config import Config

    print(json.dumps(json_schema(Config, "nnkit config")))


def _layers(config: Config) -> list[str]:
    """The lines of the layer table; shapes require that the data is available."""
    import nnkit
    from nnkit.cli.layers import layer_table
    from nnkit.errors import DataError
    from nnkit.nn.model_summary import describe

    try:
        return layer_table(describe(nnkit.build_model(config))).splitlines()
    except DataError as error:
        return [f"the shapes of the layers are unknown: {error}"]


def _with_origins(config: Config) -> Iterator[str]:
    """Yields the lines of the resolved YAML, each value followed by its origin."""
    lines = list(_lines(config.resolved(), (), 0, config))
    width = max(len(text) for text, _ in lines)
    for text, source in lines:
        yield f"{text.ljust(min(width, 60))}  # {source}" if source else text


def _lines(
    value: Any, path: tuple[str | int, ...], depth: int, config: Config
) -> Iterator[tuple[str, str]]:
    indent = "  " * depth
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in items:
        head = f"{indent}{_scalar(key)}:" if isinstance(value, dict) else f"{indent}-"
        if isinstance(child, dict | list) and child:
            yield head, ""
            yield from _lines(child, (*path, key), depth + 1, config)
            continue
        yield f"{head} {_scalar(child)}", config.origin((*path, key)) or "default"


def _scalar(value: Any) -> str:
    """Formats a scalar or an empty collection as YAML on one line."""
    import json

    from nnkit.config.yaml_dump import dump_yaml

    text = dump_yaml([value]).removeprefix("- ").strip()
    return text if "\n" not in text else json.dumps(value, ensure_ascii=False)
