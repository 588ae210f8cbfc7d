# Targets make their own virtual environment, and again only when pyproject.toml changed.
.DEFAULT_GOAL := help
.PHONY: help train pretrained verifier test test-all test-variants native native-checks check format docs package bench bench-short clean
SHELL := /bin/sh
# The tests start some hundred processes, each of which would compile nnkit anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VENV := .venv
BENCH_VENV := .bench-venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
DEV := $(VENV)/.dev
BENCH := $(BENCH_VENV)/.bench

# Makes a virtual environment, or says what to install.
define make_venv
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	{ echo "nnkit needs Python 3.11 or later; '$(PYTHON)' is not. Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	{ echo "Python's venv is missing: install the package python3-venv (Debian, Ubuntu) or a full Python." >&2; exit 1; }
@test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
endef

help:  ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# pip installs quietly; the version says whether the kernels were compiled.
$(CORE): pyproject.toml
	$(call make_venv,$(VENV))
	$(BIN)/python -m pip install --quiet --editable .
	$(BIN)/nnkit --version
	@touch $@

$(DEV): pyproject.toml
	$(call make_venv,$(VENV))
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	$(BIN)/nnkit --version
	@touch $@ $(CORE)

$(BENCH): pyproject.toml
	$(call make_venv,$(BENCH_VENV))
	$(BENCH_VENV)/bin/python -m pip install --quiet --editable '.[bench]'
	@touch $@

train: $(CORE)  ## Train on MNIST, evaluate the network, and read a picture with it
	$(BIN)/nnkit train configs/mnist-mlp.yaml --resume
	$(BIN)/nnkit eval mnist-mlp
	$(BIN)/nnkit predict data/pictures/7.png data/pictures/3-chalk.png --checkpoint mnist-mlp

pretrained: $(DEV)  ## Retrain the networks that read digits
	$(BIN)/nnkit train configs/digits.yaml --resume
	$(BIN)/python -m nnkit.reading.pretrained digits
	$(BIN)/python -m nnkit.reading.pretrained.training_set runs/digits-in-pictures.npz
	$(BIN)/nnkit train configs/pretrained/digits-in-pictures.yaml --resume
	$(BIN)/python -m nnkit.reading.pretrained digits-in-pictures

verifier: $(DEV)  ## Retrain the network that tells whole digits from parts of them
	$(BIN)/python -m nnkit.reading.verifier.train

test: $(DEV)  ## Run the tests, except for the slow ones
	$(BIN)/pytest -m 'not slow'

test-all: test  ## Run the slow tests too, and properties on more examples
	$(BIN)/pytest -m 'slow or hypothesis' --hypothesis-profile thorough

test-variants: $(DEV)  ## Run the tests as other machines would: kernels, cores, versions (VARIANTS='oldest …')
	$(BIN)/python -m tools.test_variants $(VARIANTS)

native: $(DEV)  ## Compile the kernels again, after a change of their C code
	$(BIN)/python -m nnkit.native.build

native-checks: $(DEV)  ## Run the tests of the kernels under sanitizers (NAMES='address thread')
	$(BIN)/python -m tools.native_checks $(NAMES)

check: $(DEV)  ## Check format, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(DEV)  ## Format the code, and fix what the linter can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(DEV)  ## Refresh every output, table and picture of README.md and docs/
	$(BIN)/python docs/refresh.py

package: $(DEV)  ## Build the source distribution and the wheel into dist/
	$(BIN)/python -m build

bench: $(BENCH)  ## Measure speed against PyTorch, JAX and other libraries, in 30 minutes
	$(BENCH_VENV)/bin/python -m benchmarks.speed

bench-short: $(BENCH)  ## The same in 9 minutes: shorter, and with fewer settings
	$(BENCH_VENV)/bin/python -m benchmarks.speed --short

clean:  ## Remove environments, caches, runs and builds
	rm -rf $(VENV) $(BENCH_VENV) .variants runs build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
