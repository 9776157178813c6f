# Everything a user or a contributor starts.  `make` alone lists it.
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.installed

.PHONY: help install run test programs check audit format docs bench chaos clean

help:  ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(READY)  ## what every other target needs, in .venv

# uv installs the locked, hashed requirements; pip only brings uv. What processes import is compiled here, for where
# Python may not write it a start would compile it each time, which takes longer than all else; last the broker, likewise
$(READY): requirements.lock requirements-uv.lock pyproject.toml embedded/kafka.lock embedded/java.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "numberline needs Python 3.11 or later; set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m venv $(VENV) || { echo "python3 -m venv failed: on Debian and Ubuntu, install the package python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip sync --quiet --require-hashes requirements.lock requirements-uv.lock
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c 'import agents.run, gateway.main, numberline.tracing, numberline.up, numberline.cli.processes'
	@$(BIN)/python -m embedded
	@touch $(READY)

run: $(READY)  ## the main job: servers, worker, gateway and 10,000 numbers for user demo
	$(BIN)/numberline up --demo

test: $(READY) programs  ## every test, on a real broker and a real PostgreSQL, and in a real browser
	$(BIN)/pytest

programs:  ## what tests need of the system: Chromium, curl, kcat, Node.js (by apt, for root)
	@tests/programs.sh

check: $(READY)  ## lint, format and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

audit: $(READY)  ## known vulnerabilities of all that is locked (asks PyPI: needs the internet)
	$(BIN)/uv tool run pip-audit==2.10.1 --strict --disable-pip --require-hashes --requirement requirements.lock

format: $(READY)  ## rewrite the code in the one format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)  ## these documents as a site, in build/site; a link that leads nowhere is an error
	$(BIN)/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going -c docs/site . build/site
	@echo build/site/index.html

bench: $(READY)  ## measure, and write docs/benchmarks/
	$(BIN)/python -m bench

chaos: $(READY)  ## kill everything in turn while numbers are made; SEED=n repeats a schedule
	$(BIN)/python -m chaos run $(if $(SEED),--seed $(SEED))

clean:  ## remove the environment and all local state
	rm -rf $(VENV) .numberline build
