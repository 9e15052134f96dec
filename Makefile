# make demo: the whole job, offline, on a small world of its own.
# make test: everything that must hold.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
INSTALL = $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt

.PHONY: demo test lint lock clean

$(VENV)/.installed: pyproject.toml constraints.txt setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(INSTALL) --editable '.[dev]'
	touch $@

# PyTorch is some 5 GB, and the demo does not want it.
$(VENV)/.with-torch: $(VENV)/.installed
	$(INSTALL) --editable '.[dev,train]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python -m demo

# One process more than there are cores: tests wait for servers, and for runs of their own.
test: $(VENV)/.with-torch
	$(BIN)/python -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.with-torch
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Resolve anew, for every platform and extra, after a change to pyproject.toml.
lock: $(VENV)/.installed
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra train --extra youtube --universal \
	  --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	  --annotation-style line --upgrade --output-file constraints.txt

clean:
	rm -rf $(VENV) .demo
