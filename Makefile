# Everything you can do here; `make` alone prints the list.

PYTHON ?= python3
ARGS ?=
WORKERS ?= $(shell expr $$(nproc 2>/dev/null || echo 2) + 1)

BIN := .venv/bin
RUN := .venv/.run-time
DEV := .venv/.development
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help serve demo-providers install dev sdks test coverage provider-table pictures docs thorough long crash crash-full bench check format lock clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  PYTHON=python3.12 chooses the interpreter, ARGS="…" goes to reelgate or pytest.'

serve: $(RUN) ## Run the gateway on http://127.0.0.1:8000; sets everything up the first time
	@exec $(BIN)/reelgate serve $(ARGS)

demo-providers: $(RUN) ## Run the gateway against fake fal, AI/ML API and xAI, to watch what would happen
	@exec $(BIN)/python -m tests.upstreams --serve $(ARGS)

install: $(RUN) ## Set up .venv with what the gateway needs to run

dev: $(DEV) ## Add what tests and checks need

sdks: $(DEV) ## Fetch the other OpenAI SDKs that tests use
	@$(BIN)/python tests/sdk/install.py || echo 'Some SDK is not available here (openai-node needs npm); its tests will say so.'

test: sdks ## Run the tests
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not thorough and not long" $(ARGS)

coverage: sdks ## Run the tests and measure what they cover, which takes a third longer
	@rm -f .coverage .coverage.*
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not thorough and not long" --cov --cov-report= $(ARGS)
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --include='app/domain/*' --fail-under=100

provider-table: $(DEV) ## Write docs/provider-requests.md anew, by asking
	$(BIN)/python -m tests.docs.provider_table

pictures: $(DEV) ## Draw the pictures of the guide anew, the dashboard's, too, where there is Chromium
	$(BIN)/python -m tests.docs.pictures

docs: $(DEV) ## Build the guide into site/, to be read without a network; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

thorough: $(DEV) ## Run the slower proofs: failover at every moment, what leaves for each provider
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m thorough $(ARGS)

crash: $(DEV) ## Kill a gateway 30 times while it works, at random and at the worst moments; about a minute
	$(BIN)/python -m tests.crash.harness mix --settle 0 $(ARGS)

crash-full: $(DEV) ## The long proofs of docs/reliability.md, an hour or two; each has a command of its own there
	$(BIN)/python -m tests.crash.harness full $(ARGS)

bench: $(DEV) ## Measure every goal of docs/performance.md against a baseline of the same run, some minutes; needs wrk
	$(BIN)/python -m bench $(ARGS)

long: $(DEV) ## Run the longest proofs: a hundred races for a budget, the state machine at length; an hour
	$(BIN)/pytest -m long $(ARGS)

check: docs ## Lint, check formatting, types, layers, migrations and the guide
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@rm -f .alembic.sqlite3*
	$(BIN)/alembic upgrade head
	$(BIN)/alembic check

format: $(DEV) ## Format the code and apply safe fixes
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

lock: ## Pin the newest versions that pyproject.toml allows
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --upgrade pip
	.venv-lock/bin/python -m pip install --quiet .
	.venv-lock/bin/python -m pip freeze --exclude reelgate > requirements.lock
	.venv-lock/bin/python -m pip install --quiet --group dev
	.venv-lock/bin/python -m pip freeze --exclude reelgate | grep -vxFf requirements.lock > requirements-dev.lock
	rm -rf .venv-lock

clean: ## Remove everything that make made; data/ stays
	rm -rf .venv .sdk site tests/sdk/node/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* .alembic.sqlite3*
	find app tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Reelgate needs Python 3.11 or newer, and '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name another one: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo 'Setting up .venv …'
	@$(PYTHON) -m venv .venv || { rm -rf .venv; echo 'Python cannot make environments here; on Debian: apt install python3-venv' >&2; exit 1; }

$(RUN): requirements.lock pyproject.toml | $(BIN)/python
	@echo 'Installing what the gateway needs to run …'
	@$(PIP) install --no-deps -r requirements.lock
	@$(PIP) install --no-deps --editable .
	@$(PIP) check
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo 'Installing what tests and checks need …'
	@$(PIP) install --no-deps -r requirements-dev.lock
	@$(PIP) check
	@touch $@
