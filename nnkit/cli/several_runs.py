"""Several runs of a command one after the other, until one is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from nnkit.cli.output import say

if TYPE_CHECKING:
    from nnkit.ranks import Ranks
    from nnkit.task.config import Config
    from nnkit.training.run import Run


@dataclass(frozen=True, slots=True)
class Options:
    """The options of `nnkit train` for each of its runs."""

    runs: Path
    resume: bool
    restart: bool
    quiet: bool
    should_stop: Callable[[], bool]
    ranks: Ranks


def train_each(configs: Mapping[str, Config], options: Options) -> Iterator[tuple[Config, Run]]:
    """Trains configs one after the other, until a run is interrupted.

    Args:
        configs: the configs by the line that announces them, such as `fold 2 of 5`.
        options: the options of the command.
    """
    import nnkit
    from nnkit.cli.progress import progress_listener
    from nnkit.errors import GateError
    from nnkit.experiments.seeds import has_begun

    ranks = options.ranks
    for number, (title, config) in enumerate(configs.items(), 1):
        if len(configs) > 1:
            say(title)
        resume = options.resume
        if resume and number > 1:  # a run that has not begun has nothing to resume
            resume = ranks.on_first(partial(has_begun, config, options.runs))
        try:
            run = nnkit.train(
                config,
                runs=options.runs,
                resume=resume,
                restart=options.restart,
                listeners=[progress_listener(quiet=options.quiet)],
                should_stop=options.should_stop,
                ranks=ranks,
            )
        except GateError as error:
            run = error.run
        yield config, run
        if run.interrupted:
            return
