# One-word targets. Everything lives in .venv; nothing outside this folder is touched but pip's own cache.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
RUN    := $(VENV)/.ready-run
DEV    := $(VENV)/.ready-dev
BENCH  := $(VENV)/.ready-bench
PAGE   := src/redshank/web/page/index.html
UI     := $(shell find ui -not -path '*/node_modules*' -type f)

.PHONY: help demo run page test check bench torture format clean

help:            ## what there is
	@grep -E '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed 's/:.*##/ —/'

demo: $(RUN) $(PAGE)  ## two looping cameras, alerts and pictures in ./demo, until Ctrl-C
	@$(BIN)/redshank demo --dir demo

run: $(RUN) $(PAGE)  ## redshank run with your configuration
	@$(BIN)/redshank run

test: $(DEV) $(PAGE)  ## the fast tests
	@$(BIN)/pytest -q -n 2 --dist loadfile || { echo "Once more, alone, what failed: some wait for real cameras, processes and browsers."; \
	  $(BIN)/pytest -q --last-failed --last-failed-no-failures none; }

check: $(DEV) $(PAGE)  ## format, lint, types, import order, tests: what CI runs
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if [ -d ui/node_modules ]; then cd ui && npm run --silent check; fi
	$(MAKE) --no-print-directory test

bench: $(BENCH)  ## the figures of docs/reference/performance.md
	@$(BIN)/python -m benchmarks

torture: $(DEV)  ## the numbered reliability tests at full length, into docs/reference/reliability.md; TEST=T14 for one
	@REDSHANK_FIGURES=docs/reference/reliability.md $(BIN)/pytest -q -m "torture or slow" $(if $(TEST),-k $(TEST)) --timeout 3600

page: $(PAGE)    ## the page in the browser, from ui/ (needs Node 20)

# Without a Node that is new enough everything else works; the page then says how to get it.
NODE := $(shell node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm)
ifeq ($(NODE),)
$(PAGE):
	@echo "No Node 20 here: the page is not built; the API works without it."
else
ui/node_modules/.package-lock.json: ui/package-lock.json
	@echo "Installing what builds the page into ui/node_modules …"
	@cd ui && npm ci --no-progress --loglevel=error

$(PAGE): $(UI) ui/node_modules/.package-lock.json
	@echo "Building the page …"
	@cd ui && npm run --silent build -- --logLevel warn
endif

format: $(DEV)   ## let ruff tidy up
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

clean:           ## forget the virtual environment and the demo
	rm -rf $(VENV) demo ui/node_modules src/redshank/web/page

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Redshank needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment. On Debian or Ubuntu: apt install python3-venv"; exit 1; }

$(RUN): $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@echo "Installing Redshank into $(VENV) …"
	@$(BIN)/pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV): $(VENV)/pyvenv.cfg pyproject.toml constraints.txt
	@echo "Installing Redshank and its test tools into $(VENV) …"
	@$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev]'
	@touch $@ $(RUN)

$(BENCH): $(DEV)
	@$(BIN)/pip install --disable-pip-version-check -q -c constraints.txt -e '.[dev,bench]'
	@$(BIN)/pip install --disable-pip-version-check -q --no-deps trackeval==1.3.0
	@touch $@
