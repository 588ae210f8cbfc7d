"""Follows a training, and stops it after ten seconds: `python examples/listener.py`."""

from __future__ import annotations

from time import monotonic

import nnkit


class BestAccuracy(nnkit.Listener):
    """Prints the validation accuracy whenever the model has become better."""

    def started(self, trainer: nnkit.Trainer) -> None:
        print(f"{trainer.model.layout.size} parameters, {trainer.plan.pace.steps} steps")

    def evaluated(self, evaluation: nnkit.Evaluation, improved: bool) -> None:
        if improved:
            accuracy = evaluation.figures["validation.accuracy"]
            print(f"step {evaluation.step}: accuracy {accuracy:.1%}")

    def ended(self) -> None:
        print("done")


def main() -> None:
    """Trains on iris flowers, which takes less than ten seconds."""
    began = monotonic()
    run = nnkit.train(
        nnkit.load_config("configs/iris-mlp.yaml", "training.epochs=20"),
        restart=True,
        listeners=[BestAccuracy()],
        should_stop=lambda: monotonic() - began > 10,
    )
    print("interrupted" if run.interrupted else f"test loss {run.results['test']['loss']:.3f}")


if __name__ == "__main__":
    main()
