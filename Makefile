# Everything runs from .venv, made from the lock: by uv where it is installed, else by venv and pip with hashes.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export UV_PYTHON_DOWNLOADS := never
BIN := .venv/bin
STAMP := .venv/.installed
# One more than a small machine has processors: many tests wait for processes of their own.
WORKERS ?= 3

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(STAMP) ## Put everything into .venv/

$(STAMP): pyproject.toml uv.lock requirements.lock tools/install
	@tools/install
	@touch $@

try-install: ## Install by pip alone into an empty folder, on each Python that is here, and run the demo there
	@tools/try_install

demo: install ## A real signed order becomes a text, a receipt, a click and a number; then look around
	@$(BIN)/followup demo

run: install ## Run all five services on merchants/ and data/; makes a first shop where there is none
	@[ -d "$${FOLLOWUP_MERCHANTS_DIR:-merchants}" ] || $(BIN)/followup init first-shop
	@$(BIN)/followup run

test: install ## Run every test this machine can; says at its top what it skips, and why
	@$(BIN)/python -m compileall -q services shared
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

check: install ## Format, lint, types, architecture, names, unused code, generated docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/vulture
	@$(BIN)/pytest -q --no-header tests/architecture tests/docs/test_glossary.py tests/docs/test_follow_one_purchase.py
	@$(BIN)/python -m tools.docs --check
	@$(BIN)/python -m tools.dashboards --check
	@$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

torture: install ## Long fault runs, an hour; SECTION="power kill" for some (tools/torture.py), SEED=7 for other chances
	@$(BIN)/python -m tools.torture $(SECTION) --seed $(or $(SEED),0) --workers $(WORKERS)

mutation: install ## Change one thing in the gate at a time and see whether a test notices (all; SAMPLE=150 for some)
	@$(BIN)/python -m tools.mutation --sample $(or $(SAMPLE),0) --seed $(or $(SEED),1)

bench: install ## Measure, with ratios to a baseline in the same run
	@$(BIN)/python -m bench

clients: install ## Install the Python client alone, and compile the TypeScript example against its types (needs node)
	@folder=$$(mktemp -d) && trap "rm -rf $$folder" EXIT && $(BIN)/python -m venv $$folder && \
		$$folder/bin/pip install --quiet --disable-pip-version-check ./clients/python && $$folder/bin/python -c "import followup_client"
	@cd clients/typescript && npm install --no-save --no-package-lock --no-audit --no-fund --silent && npm test --silent

docs: install ## Write the reference pages, the clients, dashboards and alert rules anew from the code
	@$(BIN)/python -m tools.docs
	@$(BIN)/python -m tools.dashboards

migration: install ## Write a migration: make migration SERVICE=sender MESSAGE="add a column"
	@$(BIN)/python -m tools.migration "$(SERVICE)" "$(MESSAGE)"

lock: ## Resolve the dependencies anew (needs uv)
	uv lock
	uv export --frozen --all-groups --no-emit-project --format requirements-txt --output-file requirements.lock --quiet

.PHONY: help install try-install demo run test check torture mutation bench clients docs migration lock
