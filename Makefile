# make demo: the whole job, offline, on a small world of its own.
# make demo-train: a network that is trained on what the demo made.
# make test: the fast tests, in about ten minutes on two cores.
# make test-slow: the slow ones: kills, learning, all real videos, several ranks.
# make test-all: all of them, with many more drawn examples.
# make fuzz: broken videos, for MINUTES (60), from SEED on; one line says what came of them.
# make hostile: a run over 1,000 hostile servers and files.
# make test-cluster: the job on engines, which are fetched first: Flink (Java 17, Maven), Prism (Go).
# make test-docker: the images of docker/, built where no registry can be asked, and tried.
# make test-odd: 10,000 examples each of odd rows, titles, class lists, addresses and headers.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

# Some images forbid Python to keep what it compiled. Every process would then compile it again.
unexport PYTHONDONTWRITEBYTECODE

# To the byte: what the index gives must be what `make lock` saw. uv itself comes by its version.
LOCKED = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes
ITSELF = $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .

.PHONY: demo demo-train test test-slow test-all test-odd test-cluster test-docker fuzz hostile lint lock audit clean

$(VENV)/.installed: pyproject.toml constraints.txt requirements/dev.lock setup.py
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv
	$(LOCKED) -r requirements/dev.lock
	$(ITSELF)
	touch $@

# PyTorch is some 5 GB, and the demo does not want it.
$(VENV)/.with-torch: $(VENV)/.installed requirements/evaluate.lock
	$(LOCKED) -r requirements/dev.lock -r requirements/evaluate.lock
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python -m demo

# Begins where the demo ended; a second time, where the training was interrupted.
demo-train: $(VENV)/.with-torch
	test -f .demo/out/manifest.json || $(BIN)/python -m demo
	$(BIN)/videonet train --data .demo/out --out .demo/run --config vito_tiny \
	  --set train.epochs=8

# One process more than there are cores: tests wait for servers, and for runs of their own.
PYTEST = $(BIN)/python -m pytest --numprocesses $$(($$(getconf _NPROCESSORS_ONLN) + 1)) \
  --dist loadfile --no-loadscope-reorder

test: $(VENV)/.with-torch
	$(PYTEST) -m 'not slow'

test-slow: $(VENV)/.with-torch
	$(PYTEST) -m slow

test-all: $(VENV)/.with-torch
	$(PYTEST) --hypothesis-profile thorough -o faulthandler_timeout=7200

ODD = tests/sources/test_any_row.py tests/targets/test_any_class_list.py \
  tests/targets/test_title_matcher.py tests/fetch/test_odd_answers.py

test-odd: $(VENV)/.with-torch
	$(PYTEST) --hypothesis-profile odd -o faulthandler_timeout=7200 $(ODD)

# All of them; `make test-cluster CLUSTER='cluster and not slow'` leaves out a thousand candidates.
CLUSTER ?= cluster

test-cluster: $(VENV)/.with-torch
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -rs -m '$(CLUSTER)' tests/cluster

IMAGES ?= worker gpu trainer

test-docker: $(VENV)/.installed
	$(BIN)/python -m scripts.try_images $(IMAGES)

MINUTES ?= 60

fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz $(MINUTES) $(SEED)

hostile: $(VENV)/.with-torch
	$(BIN)/python -m pytest --hypothesis-profile thorough --capture=no -o faulthandler_timeout=7200 \
	  tests/pipelines/test_hostile_web.py

lint: $(VENV)/.with-torch
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint docker/*.Dockerfile

COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --no-header \
  --no-emit-index-url --no-emit-find-links --quiet
# With extras, see `scripts/pin_extras.py`.
LOCK = $(COMPILE) --constraint constraints.txt --generate-hashes --no-annotate --no-strip-extras

# Resolve again, for every platform and extra, after a change to pyproject.toml. `make lock UPGRADE=`
# leaves what is resolved already.
UPGRADE = --upgrade
lock: $(VENV)/.installed
	$(COMPILE) --extra dev --extra train --extra evaluate --extra youtube --extra gpu \
	  --annotation-style line $(UPGRADE) \
	  --output-file constraints.txt
	$(LOCK) --upgrade --output-file requirements/base.lock
	$(LOCK) --upgrade --extra youtube --output-file requirements/youtube.lock
	$(LOCK) --upgrade --extra gpu --output-file requirements/gpu.lock
	$(LOCK) --upgrade --extra train --output-file requirements/train.lock
	$(LOCK) --upgrade --extra evaluate --output-file requirements/evaluate.lock
	$(LOCK) --upgrade --extra dev --output-file requirements/dev.lock
	$(BIN)/python -m scripts.pin_extras requirements/*.lock

# What is known of faults in what is installed, where a database of them can be reached.
audit: $(VENV)/.installed
	$(BIN)/python -m scripts.audit

clean:
	rm -rf $(VENV) .demo build
