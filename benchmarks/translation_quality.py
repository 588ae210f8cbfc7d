"""Trains the translator of a run in PyTorch too, and compares the translations of both.

    python -m benchmarks.translation_quality runs/eng-fra-HASH

Both begin with the same weights and take the same batches, learning rates and number of updates;
only the random draws of dropout differ. The weights that PyTorch has trained are then evaluated in
nnkit, as the last ones of the run are: a table shows the scores on the test set, with intervals of
95 %. It needs the `bench` extra, and one thread for about twice the time of the run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import torch
from threadpoolctl import threadpool_limits

from benchmarks.machine import machine
from benchmarks.peers.torch_translator import Translator
from nnkit.data.batches import Batch
from nnkit.data.sequence_batches import SequenceBatches
from nnkit.decoding.beam import Beam
from nnkit.decoding.greedy import Greedy
from nnkit.inference.saving import load_checkpoint
from nnkit.inference.written_set import report_on_written
from nnkit.nn.layers.dropout import Dropout
from nnkit.nn.losses.cross_entropy import CrossEntropy
from nnkit.nn.model import Model
from nnkit.nn.seq2seq.seq2seq_model import Seq2SeqModel
from nnkit.optim.clipping import ClipGlobalNorm
from nnkit.optim.optimizers.adam import Adam
from nnkit.task.config_loading import load_config
from nnkit.task.prepared_set import PreparedSet, Writing
from nnkit.task.task_loading import load_task
from nnkit.training.trainer import Trainer

LAYERS = {
    "encoder": ["embedding", "dropout", "gru"],
    "decoder": ["embedding", "dropout", "gru", "attention", "dropout", "dense"],
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.translation_quality")
    parser.add_argument("run", help="the folder of a run of nnkit, which contains its config")
    parser.add_argument("--beam", type=int, default=5, help="the width of the beam; 5")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    config = load_config(Path(given.run, "config.yaml"))
    with TemporaryDirectory() as folder, threadpool_limits(1):
        trainer = Trainer(load_task(config), Path(folder))
        trained = load_checkpoint(Path(given.run, "checkpoints", "last.safetensors"))
        print(f"{machine()['cpu']}, one thread, PyTorch {torch.__version__}\n")
        print("| | decoding | BLEU | chrF | sentences equal to a reference |")
        print("|---|---|---|---|---|")
        report("nnkit", trained.model, trainer.sets["test"], given.beam)
        train(trainer)
        report("PyTorch", trainer.model, trainer.sets["test"], given.beam)


def train(trainer: Trainer) -> None:
    """Trains the trainer's model in PyTorch, as its config says.

    Raises:
        SystemExit: the config contains something that this script does not translate.
    """
    config, loop, model = trainer.config, trainer.loop, trainer.model
    assert isinstance(model, Seq2SeqModel)
    assert model.start_symbol == 0
    batches, optimizer, loss = loop.batches, config.optimizer, model.loss
    network = Translator(model.layout.views(model.params), dropout_rates(model))
    if not (
        loop.average is None
        and not loop.regularization.penalizes
        and isinstance(batches, SequenceBatches)
        and isinstance(optimizer, Adam)
        and isinstance(loss, CrossEntropy)
        and isinstance(optimizer.clip, ClipGlobalNorm)
    ):
        sys.exit("the config must have Adam, cross-entropy and clipping of the global norm alone")
    rule = torch.optim.Adam(
        network.parameters(), betas=(optimizer.beta1, optimizer.beta2), eps=optimizer.eps
    )
    torch.manual_seed(config.seed)
    for step, batch in zip(range(loop.steps), batches_of(batches), strict=False):
        rule.param_groups[0]["lr"] = loop.learning_rate(step)
        rule.zero_grad(set_to_none=True)
        X, lengths, T, target_lengths = tensors(batch)
        found = network.loss(X, lengths, T, target_lengths, loss.label_smoothing)
        found.backward()
        network.keep_doubled_biases()
        torch.nn.utils.clip_grad_norm_(network.parameters(), optimizer.clip.limit)
        rule.step()
        if (step + 1) % loop.per_epoch == 0:
            print(f"step {step + 1}: loss {float(found):.3f}", file=sys.stderr, flush=True)
    params = model.layout.views(model.params)
    for name, tensor in network.by_name():
        params[name][...] = tensor.detach().numpy()


def dropout_rates(model: Seq2SeqModel) -> tuple[float, float, float]:
    """The rates of the three layers of dropout.

    Raises:
        SystemExit: the layers are others than those of the network in PyTorch.
    """
    stages = {"encoder": model.parts.encoder, "decoder": model.parts.decoder[:-1]}
    if {part: [stage.spec.tag() for stage in own] for part, own in stages.items()} != LAYERS:
        sys.exit(f"the layers must be {LAYERS}")
    found = [s.spec.rate for own in stages.values() for s in own if isinstance(s.spec, Dropout)]
    return cast("tuple[float, float, float]", tuple(found))


def batches_of(batches: SequenceBatches) -> Iterator[Batch]:
    """Yields the batches of all epochs."""
    epoch = 0
    while True:
        yield from batches.epoch(epoch)
        epoch += 1


def tensors(batch: Batch) -> list[Any]:
    """Sources (N, T) with their lengths (N,), and targets with theirs."""
    arrays = (batch.X.T, batch.lengths, batch.T.T, batch.target_lengths)
    return [torch.from_numpy(array.astype("int64").copy()) for array in arrays if array is not None]


def report(who: str, model: Model, data: PreparedSet, width: int) -> None:
    """Prints the scores of the texts that a model writes for a set."""
    assert data.writing is not None
    for name, method in (("greedy", Greedy()), (f"beam {width}", Beam(width=width))):
        writing = Writing(data.writing.pairs, data.writing.coding, method)
        found = report_on_written(model, writing)
        cells = [
            f"{found.figures[metric]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
            for metric, digits in (("bleu", 2), ("chrf", 2), ("exact_match", 4))
            for low, high in [found.intervals[metric]]
        ]
        print(f"| {who} | {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
