"""`nnkit runs best`: the run with the best value of a metric."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from nnkit.cli.options import JsonOption, RunsOption, option
from nnkit.cli.output import print_json, result_width, say, show_figure, wrapped

if TYPE_CHECKING:
    from nnkit.errors import CheckpointError
    from nnkit.runs.directory import RunDirectory
    from nnkit.runs.results import Ranking, Result


def best(
    metric: Annotated[
        str,
        option("--metric", "NAME", "A final metric, such as test.accuracy."),
    ],
    name: Annotated[
        str | None,
        option("--name", "CONFIG", "Compare only runs of this name."),
    ] = None,
    runs: RunsOption = Path("runs"),
    as_json: JsonOption = False,
) -> None:
    """Show the run with the best value of a metric.

    Values are those at the end of a run, with the weights that it saved as its best, at the step
    shown. Whether higher or lower is better depends on the metric. Runs are compared if they have
    the data of the run trained last and, if the metric is a loss, the same loss; others are ranked
    apart and named. Runs that are not finished or were not evaluated with this metric are skipped
    and named.
    """
    from nnkit.metrics import check_figure, higher_is_better
    from nnkit.runs.directory import list_runs
    from nnkit.runs.results import rank

    higher = higher_is_better(check_figure(metric))
    found = [run for run in list_runs(runs) if name in (None, run.name)]
    ranking = rank(found, metric, higher=higher)
    if not ranking.results:
        raise _nothing(found, metric, name, runs)
    first = ranking.results[0]
    if as_json:
        print_json({"metric": metric, "higher_is_better": higher, **_record(ranking)})
        return
    width = max(len(metric), len("step"))
    for what, shown in (
        ("run", str(first.run.path)),
        (metric, show_figure(metric, first.value)),
        ("step", f"{first.step:,}"),
    ):
        print(f"{what:{width}}  {shown}")
    _tell(ranking, metric, "highest" if higher else "lowest")


def _record(ranking: Ranking) -> dict[str, Any]:
    """The best run, those compared, those that cannot be, and those skipped, as plain data."""
    first = ranking.results[0]
    others = [
        {
            "differences": first.measurement.differences(group[0].measurement),
            "runs": [_plain(result) for result in group],
        }
        for group in ranking.groups[1:]
    ]
    return {
        **_plain(first),
        "compared": [_plain(result) for result in ranking.results],
        "other_samples": [str(run.path) for run in _on_other_samples(ranking)],
        "not_comparable": others,
        "skipped": [{"run": str(run.path), "reason": reason} for run, reason in ranking.skipped],
    }


def _plain(result: Result) -> dict[str, Any]:
    return {"run": str(result.run.path), "value": result.value, "step": result.step}


def _on_other_samples(ranking: Ranking) -> list[RunDirectory]:
    """The compared runs that are known to be evaluated on other samples than the best."""
    from nnkit.runs.comparability import other_samples

    others = other_samples(result.measurement for result in ranking.results)
    return [result.run for result, other in zip(ranking.results, others, strict=True) if other]


def _tell(ranking: Ranking, metric: str, extreme: str) -> None:
    """Says how many runs were compared, which are equally good, and what was left out, and why."""
    first, *others = ranking.results
    equal = [other.run for other in others if other.value == first.value]
    compared = f"{len(others) + 1:,} run{'s' * bool(others)} compared"
    lines = [f"{compared}; {extreme} is best"]
    if equal:
        lines.append(f"equally good, but trained later: {_names(equal)}")
    lines += _incomparable(ranking, metric)
    by_reason = defaultdict(list)
    for run, reason in ranking.skipped:
        by_reason[reason].append(run)
    lines += [f"skipped ({reason}): {_names(runs)}" for reason, runs in by_reason.items()]
    for line in lines:
        say("\n".join(wrapped(line, result_width())))


def _incomparable(ranking: Ranking, metric: str) -> Iterator[str]:
    """Yields what restricts the comparison: other samples, other data, other losses."""
    from nnkit.runs.comparability import SAME_SAMPLES
    from nnkit.runs.differences import brief

    first = ranking.results[0]
    if moved := _on_other_samples(ranking):
        yield f"evaluated on other samples than the best: {_names(moved)}; {SAME_SAMPLES}"
    for best, *rest in ranking.groups[1:]:
        found = first.measurement.differences(best.measurement)
        which = " ".join(f"{path}={brief(value)}" for path, value in found.items())
        count = f"{1 + len(rest):,} run{'s' * bool(rest)}"
        value = f"{show_figure(metric, best.value)} by {best.run.path.name}"
        yield f"not comparable: {count} with {which}; the best has {value}"


def _names(runs: Sequence[RunDirectory]) -> str:
    return ", ".join(run.path.name for run in runs)


def _nothing(
    found: Sequence[RunDirectory], metric: str, name: str | None, runs: Path
) -> CheckpointError:
    """The error that says why no run can be compared."""
    from nnkit.errors import CheckpointError
    from nnkit.runs.results import final_metrics

    which = "" if name is None else f" named {name}"
    if not found:
        return CheckpointError(f"there are no runs{which} in {runs}/")
    finished = [summary for run in found if (summary := run.read_summary()) is not None]
    if not finished:
        return CheckpointError(f"no run{which} in {runs}/ is finished, of {len(found):,}")
    known = sorted({figure for summary in finished for figure in final_metrics(summary)})
    return CheckpointError(
        f"no finished run{which} in {runs}/ was evaluated with {metric}, which training.metrics "
        f"would add; available: {', '.join(known)}"
    )
