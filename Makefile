# Every command of the project. `make` alone lists them; each installs what it needs.

PYTHON ?= $(shell for p in python3.13 python3.14 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install demo up test lint format constraints clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## install what the other commands need into .venv

$(VENV)/.installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: none was found on the PATH" >&2; exit 1; }
	@test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	@echo "installing the development tools into $(VENV) (about a minute, once)"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --group dev --constraint constraints.txt
	@touch $@

demo: install ## play every call flow on this machine and print what was heard
	@$(RUN) -m local.demo

up: install ## the local platform in the foreground, until Ctrl-C
	@$(RUN) -m local

test: install ## every test that needs no Docker and no long load
	$(RUN) -m pytest -n auto

lint: install ## ruff, mypy, cfn-lint and the checks of the transformed template
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: install ## let ruff put the code in order
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

constraints: install ## pin anew what pyproject.toml's groups bring with them
	@{ sed -n '/^#/p' constraints.txt; $(RUN) -m pip freeze; } > constraints.new
	@mv constraints.new constraints.txt

clean: ## remove everything that was built or installed
	rm -rf $(VENV) .aws-sam .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
