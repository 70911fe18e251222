# `make run` and `make test` need nothing but Python 3.10 to 3.12 and the system packages they name.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
JOBS ?= 2
MINUTES ?= 20
RUN ?= runs/quick
GATES ?= lint types docs pytest
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt
export OMP_NUM_THREADS ?= 1

.PHONY: help run test pytest test-slow first-minutes fuzz lint types docs bench doctor clean

help:
	@echo "make run        install, then pretrain and finetune Proto-RL on ProtoRL-Walker-v0 from states (minutes);"
	@echo "                again: resume the run in $(RUN), or start another one with RUN=runs/another"
	@echo "make test       install, then lint, types, docs and pytest, as CI does (under 20 minutes on 2 cores)"
	@echo "make lint       ruff check and format check       make types   pyright"
	@echo "make docs       build the documentation           make pytest  the tests alone"
	@echo "make test-slow  the long checks: crash and resume, third-party code, whole rollouts"
	@echo "make first-minutes  play the commands of the README as a new user does, in a fresh environment; ARGS=--wheel for a wheel"
	@echo "make fuzz       throw inputs at everything that takes foreign input, for MINUTES=20"
	@echo "make bench      speed tables (benchmarks/)        make doctor  what renders, how fast, what is missing"

$(VENV)/.base: pyproject.toml setup.py constraints.txt
	@.ci/check-system $(PYTHON)
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) -U pip setuptools
	$(INSTALL) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.base
	$(INSTALL) -e ".[test,docs]"
	@touch $@

run: $(VENV)/.base
	@if [ -f $(RUN)/config.toml ]; then \
	  echo "$(RUN) holds a run: resuming it. For a new run: make run RUN=runs/another"; \
	  $(BIN)/python -m papergym train $(RUN) --resume $(ARGS); \
	else \
	  $(BIN)/python -m papergym train protorl --env ProtoRL-Walker-v0 --preset quick-states \
	    --env-kwargs obs_type=state action_repeat=1 quality=fast --video-before --run-folder $(RUN) $(ARGS); \
	fi

test: $(VENV)/.test
	@for gate in $(GATES); do \
	  echo "=== $$gate"; $(MAKE) --no-print-directory $$gate || failed="$$failed $$gate"; \
	done; \
	if [ -n "$$failed" ]; then echo "=== failed:$$failed"; exit 1; fi; echo "=== passed: $(GATES)"

pytest: $(VENV)/.test
	$(BIN)/python -m pytest -q -n $(JOBS) $(ARGS)

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow --timeout=5400 $(ARGS)

first-minutes:
	$(PYTHON) tests/house/first_minutes.py $(ARGS)

fuzz: $(VENV)/.test
	$(BIN)/python tests/fuzz/campaign.py --minutes $(MINUTES) $(ARGS)

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test
	$(BIN)/pyright --level error --pythonpath $(BIN)/python

docs: $(VENV)/.test
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.base
	for script in benchmarks/*_speed.py; do $(BIN)/python $$script || exit 1; done

doctor: $(VENV)/.base
	$(BIN)/papergym doctor

clean:
	rm -rf $(VENV) build docs/_build .pytest_cache .ruff_cache

# The interpreter for the real MineDojo (docs/minedojo.md); gym 0.21 builds only with tools of its time.
.venv-minedojo/.done:
	$(PYTHON) -m venv .venv-minedojo
	.venv-minedojo/bin/python -m pip install -q "pip<24.1" setuptools==65.5.0 wheel==0.38.4
	.venv-minedojo/bin/python -m pip install -q --no-build-isolation gym==0.21.0
	.venv-minedojo/bin/python -m pip install -q minedojo==0.1 numpy==1.26.4 "opencv-python<4.12"
	@touch $@

.PHONY: minedojo test-minedojo
minedojo: .venv-minedojo/.done

test-minedojo: $(VENV)/.test .venv-minedojo/.done
	PAPERGYM_MINEDOJO_PYTHON=$(CURDIR)/.venv-minedojo/bin/python $(BIN)/python -m pytest tests/envs/mine/minedojo $(ARGS)
