# Everything a person or CI asks for. Needs only make and Python 3.11 or newer.
#   make help

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MADE   := $(VENV)/.made
READY  := $(VENV)/.ready
STAGE  := src/puntual/aws/stage
ROWS   ?= 10000000
FUZZ   ?= 100
DAYS   ?= 10000
SEED   ?= 1
WRITERS ?= 3
EXAMPLES ?= 20
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

export PIP_NO_INPUT := 1
# Bytecode is kept, as every installation keeps it: without it each command compiles the program.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-aws test check lint fuzz format bench bench-sample bench-reconcile aws parity test-aws-account berka faults faults-sample tamper sim explore sizes docs wheel lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/:[^#]*## /\t/' | while IFS="$$(printf '\t')" read -r n t; do printf '  make %-15s %s\n' "$$n" "$$t"; done

$(MADE): requirements/demo.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "puntual needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Say which: make PYTHON=python3.12 ...")'
	@test ! -L $(VENV) || { echo "$(VENV) is a link: what it leads to would be emptied. Remove the link."; exit 1; }
	@echo "setting up $(VENV) (once; half a minute)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements/demo.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(READY): $(MADE) requirements/dev.txt
	@echo "adding what tests need to $(VENV) (once; two minutes)"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(MADE) ## Deliver the last days of the example bank and say where everything lies
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python examples/credit-report/demo.py

demo-aws: $(READY) ## Deploy the example on the stage of AWS and deliver a day there (some minutes)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python examples/credit-report/demo_aws.py

test: $(READY) ## Run every test
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

check: lint test ## Format, lint, types, rooms, docs, tests: what CI asks

lint: $(READY) ## All of `make check` but the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/generate.py --check

fuzz: $(READY) ## Any bytes where others' bytes are read, FUZZ times the sample of `make test`
	@FUZZ=$(FUZZ) $(BIN)/python -m pytest -n auto tests/hostile/test_fuzz.py

format: $(READY) ## Let ruff format and repair what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

docs: $(READY) ## Write the generated pages of docs/reference
	@$(BIN)/python docs/generate.py

bench: $(READY) ## Ten million events, beside DuckDB and Spark by hand (some 10 minutes)
	@$(BIN)/python -m bench.run --rows $(ROWS)

bench-sample: $(READY) ## The same with 200,000 events; Spark only if it is there already
	@$(BIN)/python -m bench.run --rows 200000 --no-install

bench-reconcile: $(READY) ## Compare two tables, beside the tools people name (some 3 minutes)
	@$(BIN)/python -m bench.reconcile.run

aws: $(READY) ## Every scenario on the local stage of AWS (half an hour; `make test` runs the core)
	@PUNTUAL_AWS_ALL=1 $(BIN)/python -m pytest -q tests/aws tests/infra

parity: $(READY) ## Every engine beside DuckDB, EXAMPLES (20) times the sample of `make test`
	@EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -q tests/parity

test-aws-account: $(READY) ## What only an account proves: ACCOUNT=<number>, with credentials in the environment
	@PUNTUAL_AWS_ACCOUNT=$(ACCOUNT) $(BIN)/python -m pytest -q tests/infra/test_account.py

berka: $(READY) ## Run all 455 days of a real bank (some 10 minutes; `make test` runs eighteen)
	@BERKA_FROM=1993-01-01 $(BIN)/python -m pytest -q --timeout=7200 tests/acceptance/berka

faults: $(READY) ## Make every fault at every point, from inside and outside (an hour and more)
	@PYTHONPATH=tests $(BIN)/python -m faults

faults-sample: $(READY) ## A sample of that, spread over points and faults (some two minutes)
	@PYTHONPATH=tests $(BIN)/python -m faults --cases 60

tamper: $(READY) ## Judge 100,000 altered packages by both verifiers (half an hour)
	@PYTHONPATH=tests $(BIN)/python -m tamper

sim: $(READY) ## Simulate DAYS days (10000) with faults, from SEED (1), on every core
	@PYTHONPATH=tests $(BIN)/python -m sim --days $(DAYS) --seed $(SEED)

explore: $(READY) ## Visit every state of lease, commit and seal with WRITERS (3) writers
	@PYTHONPATH=tests $(BIN)/python -m explore --writers $(WRITERS)

sizes: $(READY) ## The largest modules, functions and argument lists
	@$(BIN)/python -m tests.architecture.sizes

wheel: $(READY) ## Build the wheel twice, compare, and try it in a fresh environment
	@$(BIN)/python -m tests.architecture.wheel

lock: ## Lock requirements/ again from pyproject.toml (LOCK=--upgrade for newer versions)
	@test -x build/lock/bin/uv || ($(PYTHON) -m venv build/lock && build/lock/bin/python -m pip --disable-pip-version-check --quiet install 'uv>=0.9')
	@for list in run demo dev; do \
	  case $$list in run) extras="";; demo) extras="--group build";; \
	    dev) extras="--extra postgres --extra aws --extra spark --extra infra --extra timestamp --group dev";; esac; \
	  build/lock/bin/uv --quiet pip compile pyproject.toml $$extras $(LOCK) --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file requirements/$$list.txt || exit 1; \
	done
	@build/lock/bin/uv --quiet pip compile $(STAGE)/requirements.in $(LOCK) --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --output-file $(STAGE)/requirements.txt
	@wc -l requirements/*.txt $(STAGE)/requirements.txt

clean: ## Remove what was made here: environment, caches, builds, bench data
	@rm -rf $(VENV) build dist bench/work .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
