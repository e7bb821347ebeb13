# Two commands matter: `make run` and `make test`. Both set up what they need.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ST2 := .venv-st2
ST2_STAMP := $(ST2)/.installed

.DEFAULT_GOAL := help
.PHONY: help run check tools test format docs clean

help: ## Show what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not on the PATH; set PYTHON=/path/to/python3.11 (or later)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable . --group dev
	@touch $@

# The real st2 command line needs pins of its own (old click-era libraries), so it lives in an environment of its own.
$(ST2_STAMP): tests/acceptance/st2client-requirements.txt
	$(PYTHON) -m venv $(ST2)
	$(ST2)/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

run: $(STAMP) ## Serve rules/ and packs/ on http://127.0.0.1:9101
	@exec $(BIN)/stormlet serve --rules rules --packs packs $(ARGS)

check: $(STAMP) ## Lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Some tests need programs that are not Python's: strace replays power cuts, node runs a receiver written for it, curl sends what
# the documents print. Where they are missing and cannot be installed, those tests are skipped (under CI=true: they fail).
tools:
	@missing=""; for tool in strace node curl openssl; do command -v $$tool >/dev/null || missing="$$missing $$(echo $$tool | sed s/^node$$/nodejs/)"; done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	elif [ -n "$$missing" ]; then echo "not installed:$$missing; the tests that need them are skipped" >&2; fi

test: check tools $(ST2_STAMP) ## Everything that must hold
	$(BIN)/python -m pytest $(ARGS)

format: $(STAMP) ## Let ruff format and mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP) ## Generate docs/reference from the code
	$(BIN)/python -m docs.generate

clean: ## Remove environments and caches
	rm -rf $(VENV) $(ST2) .mypy_cache .ruff_cache .pytest_cache dist
