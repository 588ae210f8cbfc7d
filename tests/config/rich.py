"""A config with every section, using all the different YAML forms."""

from __future__ import annotations

RICH = """\
# Every section.
name: rich
seed: 7
data:
  source: {kind: csv, path: table.csv, label: -1, task: classification, missing: ["", "NA", '?']}
  split: {validation: 0.1, test: 0.2, seed: 3}
  preprocess: [impute: median, one_hot, {kind: scale, by: 10}, standardize]
architecture:
  initializer: {kind: normal, std: 0.1}
  bias_initializer: zeros
  layers:
    - dense: 16
    - dropout: 0.5
    - {kind: dense, units: 8, bias: false, activation: {leaky_relu: 0.2}}
    - dense: {units: 4, initializer: {uniform: 0.1}, bias_initializer: {kind: normal, mean: 1}}
    - activation: tanh
    - flatten
    - dense: 3
activation: {hidden: relu, output: softmax, inference: identity}
loss: cross_entropy
optimizer:
  kind: sgd
  lr: 1e-2
  momentum: 0.9
  nesterov: true
  schedule: {cosine: {warmup: 0.05, floor: 0.1}}
regularization: {l1: 0.0, l2: 1e-4, early_stopping: {patience: 5, minimum_change: 1e-3}}
training:
  epochs: 8
  batch_size: 64
  evaluate_every: 10
  evaluate_on: [validation, test]
  checkpoint_every: 100
  monitor: validation.loss
  precision: float64
  threads: 2
expect:
  test.accuracy: {min: 0.9}
  test.loss: {min: 0, max: 1.5}
"""
