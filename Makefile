# One word for each thing to do; the work is in tests/ and docs/.
SHELL := /bin/sh
.DEFAULT_GOAL := help
PYTHON := .venv/bin/python

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Make .venv from the lock, and the link to the collection; nothing that is up to date
	@tests/setup

.PHONY: demo
demo: setup ## Deploy the example to a throwaway host on this machine: http://localhost:8420
	@tests/demo up

.PHONY: demo-down
demo-down: ## Remove the throwaway host
	@tests/demo down

.PHONY: dev
dev: setup ## Bring up the development environment of the example here: http://localhost:8420
	@.venv/bin/ansible-playbook playbooks/dev.yml --inventory inventories/dev

.PHONY: test
test: setup ## Run everything: linters, unit tests, the application's tests, Molecule scenarios (half an hour)
	@tests/run

.PHONY: test-full
test-full: setup ## The same with thousands of examples and long soaks; SHARD=soak-release for one piece of it
	@tests/run --full $(SHARD)

.PHONY: bench
bench: setup ## Measure what is promised: tables, JSON below bench/out/, docs/figures.md; ONLY=runs for one, FULL=1
	@$(PYTHON) -m tests.bench $(ONLY) $(if $(FULL),--releases 50)

.PHONY: lint
lint: setup ## Run the linters and type checkers
	@tests/run lint

.PHONY: unit
unit: setup ## Run the unit tests of the collection
	@tests/run unit

.PHONY: app
app: setup ## Run the application's own tests
	@tests/run app

.PHONY: docs
docs: setup ## Write docs/variables.md from the argument specs
	@$(PYTHON) docs/generate_variables.py

.PHONY: lock
lock: setup ## Write requirements/dev.txt anew from requirements/dev.in
	@.venv/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
		--custom-compile-command "make lock" --output-file requirements/dev.txt requirements/dev.in
