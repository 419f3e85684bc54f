# All commands of the project. `make` without a target lists them; each installs what it needs.

PYTHON ?= $(shell for p in python3.13 python3.14 python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --quiet --disable-pip-version-check
# pip installs into these environments, whatever place its own settings choose.
export PIP_USER := 0
export PIP_PREFIX :=
export PIP_TARGET :=
# The SAM CLI has its own environment with Lambda's Python version, because the build compiles
# bytecode with it. No target needs an AWS account.
SAM_VENV := .venv-sam
# The scanners have their own environment too: they pin other versions of the project's packages.
SCAN_VENV := .venv-scan
SCAN := $(SCAN_VENV)/bin/python -m tests.scans
# The documentation site has its own environment, which nothing else needs.
DOCS_VENV := .venv-docs
# Vonage's packages for Node, which only the tests of the simulator use.
SDK := .sdk
sam-local test-sam: export PATH := $(CURDIR)/$(SAM_VENV)/bin:$(PATH)
sam-local test-sam: export SAM_CLI_TELEMETRY := 0

# Tests start hundreds of processes. Without cached bytecode, each compiles all modules again.
unexport PYTHONDONTWRITEBYTECODE

# Tests wait for processes and clocks: two workers more than the machine has cores use all of them.
export PYTEST_XDIST_AUTO_NUM_WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 2)))

# Installs into the environment (1), made with the Python (2). Where its making was interrupted, it has
# no pip, and is made anew.
define pip_install
	@test -n "$(2)" || { echo "error: no Python on the PATH; install Python 3.11 or later" >&2; exit 1; }
	@$(1)/bin/python -m pip --version >/dev/null 2>&1 || $(2) -m venv --clear $(1)
	@echo "installing $(3) into $(1) (a minute or less, once)"
	@$(1)/bin/python -m pip --quiet --disable-pip-version-check install --upgrade 'pip>=25.1'
	@$(1)/bin/python -m pip --quiet --disable-pip-version-check install $(4)
endef

.DEFAULT_GOAL := help
.PHONY: help install demo up sam-local docs dist test test-voicectl test-docs test-sdk test-page test-browser pictures test-sam test-soak bench lint lint-code lint-template scan golden format constraints clean

help: ## list all commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## install the development tools into .venv

# What `make demo`, `make up` and the tests of flows need, for a short first start.
$(VENV)/.runnable: pyproject.toml constraints.txt simulator/pyproject.toml
	$(call pip_install,$(VENV),$(PYTHON),the local platform,--group flows --editable . --editable ./simulator --constraint constraints.txt)
	@touch $@

$(VENV)/.installed: $(VENV)/.runnable
	@echo "installing the development tools into $(VENV) (half a minute, once)"
	@$(PIP) install --group dev --constraint constraints.txt
	@touch $@

demo: $(VENV)/.runnable ## run Vonage's Voice code snippets as simulated calls
	@$(RUN) -m local.demo

up: $(VENV)/.runnable ## start the local stack and the web console; OPTIONS=--open opens it; Ctrl-C stops it
	@$(RUN) -m local $(OPTIONS)

$(SDK)/.installed: tests/sdk/package.json
	@command -v npm >/dev/null || { echo "error: no npm on the PATH; install Node.js 20 or later" >&2; exit 1; }
	@mkdir -p $(SDK)
	@cp tests/sdk/package.json $(SDK)
	@echo "installing Vonage's packages for Node into $(SDK) (half a minute, once)"
	@npm install --prefix $(SDK) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

$(SAM_VENV)/.installed: export PYENV_VERSION := 3.13
$(SAM_VENV)/.installed: pyproject.toml constraints-sam.txt
	@python3.13 -c '' 2>/dev/null || { echo "error: no python3.13 on the PATH; install Python 3.13 to build for Lambda" >&2; exit 1; }
	$(call pip_install,$(SAM_VENV),python3.13,the SAM CLI,--group sam --constraint constraints-sam.txt)
	@touch $@

sam-local: install $(SAM_VENV)/.installed ## serve the API in Lambda's runtime image with sam local (Docker)
	@$(RUN) -m local.sam

$(DOCS_VENV)/.installed: pyproject.toml constraints-docs.txt docs/site/package.json
	@command -v npm >/dev/null || { echo "error: no npm on the PATH; install Node.js 20 or later" >&2; exit 1; }
	$(call pip_install,$(DOCS_VENV),$(PYTHON),MkDocs and Mermaid,--group docs --constraint constraints-docs.txt)
	@cp docs/site/package.json $(DOCS_VENV)
	@npm install --prefix $(DOCS_VENV) --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

docs: export NO_MKDOCS_2_WARNING := 1
docs: $(DOCS_VENV)/.installed ## build the documentation as a site into .site
	@$(DOCS_VENV)/bin/python -m mkdocs build --strict
	@echo "built .site/index.html"

VERSION = $(shell sed -n 's/^version = "\(.*\)"$$/\1/p' pyproject.toml)
# The output of `sam build`, apart from that of a developer.
BUILT := .aws-sam/dist

dist: export SAM_CLI_TELEMETRY := 0
dist: install docs $(SAM_VENV)/.installed ## build what a release has into dist: wheels, documentation, built application
	@rm -rf dist $(BUILT)
	@mkdir -p dist $(BUILT)
	@$(PIP) wheel --no-deps --wheel-dir dist . ./simulator
	@$(SAM_VENV)/bin/sam build --config-env production --build-dir $(BUILT) >$(BUILT).log 2>&1 || { cat $(BUILT).log >&2; exit 1; }
	@cp samconfig.toml $(BUILT)
	@cd $(BUILT) && "$(CURDIR)/$(RUN)" -m zipfile -c "$(CURDIR)/dist/vonage-voice-sam-$(VERSION).zip" .
	@cd .site && "$(CURDIR)/$(RUN)" -m zipfile -c "$(CURDIR)/dist/documentation-$(VERSION).zip" .
	@$(RUN) -m pytest -q tests/repository/test_release.py
	@ls dist

test: install ## run the core tests; no Docker or browser needed
	$(RUN) -m pytest -n auto

test-local: install ## test the local platform
	$(RUN) -m pytest -n auto tests/local

test-voicectl: install ## test the CLI against the local platform
	$(RUN) -m pytest -n auto tests/voicectl

test-docs: install ## test every command, link, and code block in the documentation
	$(RUN) -m pytest -n auto tests/docs

test-page: ## test what the web console's page computes (Node.js)
	@command -v node >/dev/null || { echo "error: no node on the PATH; install Node.js 20 or later" >&2; exit 1; }
	node --test tests/page/*.test.js

chromium = command -v "$${CHROMIUM:-chromium}" >/dev/null || { echo "error: no Chromium on the PATH; install it (apt-get install chromium) or set CHROMIUM" >&2; exit 1; }

test-sdk: install $(SDK)/.installed ## test the simulator with Vonage's SDKs for Python and Node, and the Node CLI
	$(RUN) -m pytest -n auto tests/sdk

test-browser: install ## test the web console in Chromium
	@$(chromium)
	$(RUN) -m pytest -n 2 --dist loadfile tests/browser

pictures: install ## update the screenshots in docs/pictures
	@$(chromium)
	PICTURES=docs/pictures $(RUN) -m pytest -q tests/browser/test_screenshots.py

test-sam: export AWS_ACCESS_KEY_ID := local
test-sam: export AWS_SECRET_ACCESS_KEY := local
test-sam: export AWS_DEFAULT_REGION := eu-west-1
test-sam: install $(SAM_VENV)/.installed ## run sam build, sam validate, and the tests against sam local (Docker)
	sam build
	sam validate --lint
	$(RUN) -m pytest tests/sam

test-soak: install ## run load, size, and crash tests (a few minutes each)
	$(RUN) -m pytest -s tests/soak

bench: install $(SAM_VENV)/.installed ## measure performance against other implementations (Docker, ten minutes)
	$(RUN) -m tests.bench

lint: lint-code lint-template scan ## run ruff, mypy, cfn-lint, the template tests, the flow explorer, and the scans

lint-code: install ## run ruff and mypy
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

lint-template: install ## run cfn-lint, the template tests, and the flow explorer
	$(VENV)/bin/cfn-lint template.yaml docs/examples/slack.yaml
	$(RUN) -m pytest -q -n auto tests/template
	$(RUN) -m local.explore --check

$(SCAN_VENV)/.installed: pyproject.toml constraints-scan.txt
	$(call pip_install,$(SCAN_VENV),$(PYTHON),the scanners,--group scan --constraint constraints-scan.txt)
	@touch $@

scan: install $(SCAN_VENV)/.installed ## run checkov, bandit, pip-audit, and the secret scan, and test them
	@$(RUN) -m tests.template.golden --of-production > $(SCAN_VENV)/template.json
	$(SCAN) checkov $(SCAN_VENV)/template.json
	$(SCAN) bandit functions simulator/vonage_simulator local voicectl examples docs/recipes
	$(SCAN) audit constraints.txt
	$(SCAN) policy docs/examples/deployer_policy.json
	@echo "$(SCAN) secrets (every file)"
	@git ls-files --cached --others --exclude-standard -z | xargs -0 $(SCAN) secrets
	$(RUN) -m pytest -q -n auto tests/scans

golden: install ## print what template.yaml changes in production since BASE (default: the merge base with main)
	@$(RUN) -m tests.template.golden $(BASE)

format: install ## format the code with ruff
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

constraints: install $(SAM_VENV)/.installed $(SCAN_VENV)/.installed $(DOCS_VENV)/.installed ## update the pinned versions of all dependencies
	@{ sed -n '/^#/p' constraints.txt; $(RUN) -m pip freeze --exclude-editable; } > constraints.new
	@mv constraints.new constraints.txt
	@{ sed -n '/^#/p' constraints-sam.txt; $(SAM_VENV)/bin/python -m pip freeze; } > constraints.new
	@mv constraints.new constraints-sam.txt
	@{ sed -n '/^#/p' constraints-scan.txt; $(SCAN_VENV)/bin/python -m pip freeze; } > constraints.new
	@mv constraints.new constraints-scan.txt
	@{ sed -n '/^#/p' constraints-docs.txt; $(DOCS_VENV)/bin/python -m pip freeze; } > constraints.new
	@mv constraints.new constraints-docs.txt
	@$(SAM_VENV)/bin/python -m pip --quiet --disable-pip-version-check install --target .local/pins \
		--group bench-boto3-powertools --group bench-fastapi-sdk --group bench-runtime --constraint constraints-bench.txt
	@{ sed -n '/^#/p' constraints-bench.txt; $(SAM_VENV)/bin/python -m pip freeze --path .local/pins; } > constraints.new
	@rm -r .local/pins
	@mv constraints.new constraints-bench.txt

clean: ## remove everything built or installed
	rm -rf $(VENV) $(SAM_VENV) $(SCAN_VENV) $(DOCS_VENV) $(SDK) .aws-sam .site dist .local .mypy_cache .ruff_cache .pytest_cache .hypothesis
