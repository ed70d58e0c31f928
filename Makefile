# One entry for everything; each target makes what it needs. PYTHON= names another Python (3.11 or newer).
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
CODE := imageapi uploads processing realtime
.DEFAULT_GOAL := help
.PHONY: help up test check bench faults hostile interfaces upgrade fresh all load lock raise clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: $(VENV)/.runs ## start the whole service; Ctrl-C stops it
	@exec $(PY) manage.py up

# Much of it waits for leases, restarts and browsers: four files at once keep two cores busy.
test: $(VENV)/.tests ## run the test suite on real servers
	@exec $(PY) -m pytest tests -m "not slow" -n 4 --dist loadfile

# A key of full length and TLS on: `check --deploy` then looks at what production runs.
check: export SECRET_KEY := only-for-the-checks-0123456789-abcdefghijklmnopqrstuvwxyz
check: export IMAGEAPI_HTTPS := 1
check: $(VENV)/.tests ## lint, format, types, import contracts, deployment checks, missing migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy $(CODE)
	$(VENV)/bin/lint-imports
	$(PY) manage.py check --deploy --fail-level WARNING
	$(PY) -W ignore::RuntimeWarning manage.py makemigrations --check --dry-run

bench: $(VENV)/.tests ## measure, each figure beside its limit or peer
	@exec $(PY) -m benchmarks $(WHAT)

faults: $(VENV)/.tests ## kill, freeze and fill what the service stands on, and all else that is slow
	@$(PY) -m pytest tests/faults -m "slow or not slow"
	@exec $(PY) -m pytest tests -m slow $(addprefix --ignore=tests/,faults hostile interfaces upgrade)

hostile: $(VENV)/.tests ## send what nobody should send; CORPUS=DIR sends every file of a folder too, COMPARE=1 looks at them with libvips
	@CORPUS="$(CORPUS)" COMPARE="$(COMPARE)" exec $(PY) -m pytest tests/hostile -m "slow or not slow"

upgrade: $(VENV)/.tests ## start this version on the home of the last released one
	@exec $(PY) -m pytest tests/upgrade -m slow

interfaces: $(VENV)/.tests ## the clients people have, and programs that do the same work
	@exec $(PY) -m pytest tests/interfaces -m "slow or not slow"

fresh: ## the main job in a new Debian 13 root, Python 3.13 and make alone (as root)
	@exec .ci/debian-root

all: $(VENV)/.tests ## all of these, one after the other, and one report (an hour or two)
	@exec .ci/all

load: $(VENV)/.tests ## many clients at once
	@exec $(PY) -m benchmarks.load

# The versions and hashes of all that is installed, for Python 3.11 to 3.14 and every platform.
LOCK := $(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"
lock: $(VENV)/bin/uv ## write requirements*.lock anew, after a change of requirements*.txt
	$(LOCK) requirements.txt -o requirements.lock
	$(LOCK) -c requirements.lock requirements-dev.txt -o requirements-dev.lock

raise: $(VENV)/bin/uv ## raise the pins to the newest releases, or those of WHAT="django celery" only, and lock
	$(PY) .ci/raise_pins.py $(WHAT)
	$(LOCK) --upgrade requirements.txt -o requirements.lock
	$(LOCK) --upgrade -c requirements.lock requirements-dev.txt -o requirements-dev.lock

clean: ## remove the environment and caches; IMAGEAPI_HOME stays
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache
	find $(CODE) tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "$(PYTHON) is missing or older than 3.11: install Python 3.11, or say make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "$(PYTHON) has no venv: install it (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/bin/uv: | $(VENV)/bin/python
	$(PY) -m pip install --disable-pip-version-check --quiet "$$(grep '^uv==' requirements-dev.txt)"

# The stamps keep a second `make up` quick.
$(VENV)/.runs: requirements.lock | $(VENV)/bin/python
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@

$(VENV)/.tests: requirements-dev.lock | $(VENV)/bin/python
	$(PY) -m pip install --disable-pip-version-check --quiet --require-hashes -r $<
	@touch $@ $(VENV)/.runs
