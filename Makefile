# Two commands: `make demo` and `make test`. Both set up .venv first; nothing else is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
DATA_DIR ?= data
# What is installed beside the project: extras of pyproject.toml.
EXTRAS ?= test
INSTALL := pip install --quiet --disable-pip-version-check $(COMPILE)
# A file after the other, so that servers and trained networks of a file are made once.
# One process more than cores, since tests of servers wait for other processes.
PARALLEL := -n $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --dist loadfile --no-loadscope-reorder

.PHONY: setup demo serve test test-fast check pages torture bench bench-verdict bench-gpu clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/$(INSTALL) -c constraints.txt -e '.[$(EXTRAS)]'
	$(BIN)/python -m search.engines.compiled
	@touch $@

# POSTGRES=1: on a PostgreSQL cluster of its own. RAY=1: trained by Ray, at RAY_ADDRESS or started here.
demo: $(if $(RAY),$(VENV)/.ray-ready,setup)
	$(if $(RAY),ACTIVATION_SEARCH_EXECUTOR=ray) $(BIN)/python -m \
		$(if $(POSTGRES),tests.demo_on_postgresql,service.cli.demo) $(if $(KEEP),--keep)

$(VENV)/.ray-ready: $(VENV)/.ready
	$(BIN)/$(INSTALL) -c constraints.txt -e '.[test,ray]'
	@touch $@

serve: setup
	$(BIN)/activation-search serve --port $(PORT) --data-dir $(DATA_DIR)

test: setup
	$(BIN)/pytest $(PARALLEL)

# Without the tests marked `slow`: under 90 s on two cores.
test-fast: setup
	$(BIN)/pytest $(PARALLEL) -m 'not slow'

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml search service storage
	$(BIN)/python -m tests.audit

# What the service bears, as a table: below two hours, QUICK=1 five minutes; ROWS="kills disk" some.
torture: setup
	$(BIN)/python -m tests.torture $(if $(QUICK),--scale quick) $(if $(ROWS),--rows $(ROWS))

# The tables of API.md, from the code.
pages: setup
	$(BIN)/python -m tests.pages

# QUICK=1 takes six minutes instead of twenty; CURVES=1 draws the scaling curves instead, SCORES=1
# compares the best scores without pruning.
bench: $(VENV)/.bench-ready
	$(BIN)/python -m tests.benchmarks $(if $(QUICK),--scale quick) $(if $(CURVES),--curves) \
		$(if $(SCORES),--scores)
	$(if $(CURVES)$(SCORES),,$(BIN)/python -m tests.benchmarks.samplers \
		$(if $(QUICK),--seeds 3 --trainings 200))

$(VENV)/.bench-ready: $(VENV)/.ready
	$(BIN)/$(INSTALL) -c constraints.txt -e '.[test,bench]'
	@touch $@

# Generators of clients, which the tests run where they are: in an environment of their own, since
# they ask for other versions than this project. TypeScript's needs npm.
$(VENV)/.clients-ready: $(VENV)/.ready
	$(PYTHON) -m venv $(VENV)/clients
	$(VENV)/clients/bin/$(INSTALL) openapi-python-client==0.29.1
	command -v npm >/dev/null && npm install --silent --no-fund --prefix $(VENV)/clients \
		openapi-typescript@7.13.0 typescript@5.9.3 || true
	@touch $@

# Hours; QUICK=1 below ten minutes. FOLDER names the sets that are not shipped.
bench-verdict: setup
	$(BIN)/python -m tests.benchmarks.verdict $(if $(QUICK),--scale quick) $(if $(FOLDER),--folder $(FOLDER))

# On a machine with a GPU that torch can use; JAX and optax too, where they are installed.
bench-gpu: setup
	$(BIN)/python -m tests.benchmarks.gpu

clean:
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
