# LMS Bridge: `make demo` runs it, `make test` tests it. Written for GNU make 3.81 and newer.

VENV = .venv
BIN = $(VENV)/bin/python
# More options for pytest: make test ARGS='-k lanes'
ARGS =
# Tests without servers of their own run side by side in this many processes.
JOBS = 2
# pytest's 5 means that no test was chosen, which is an error unless ARGS chose them.
NONE_IS_FINE = $(if $(ARGS),|| test $$? -eq 5)
# New versions within the ranges of the .in files: make lock UPGRADE=--upgrade
UPGRADE =
COMPILE = pip compile --quiet --universal --python-version 3.11 --generate-hashes --only-binary :all: \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links $(UPGRADE)
# The catalogue's last column brought up to date: make rows WRITE=--write
WRITE =
# A soak again: make soak SEED=7 ON=postgresql; without a seed it takes another each time.
SEED =
RESULTS = 10000
KILLS = 200
FAULTS = 0.3
TRIALS = 64
# sqlite or postgresql; left empty, what TEST_DATABASE_URL names.
ON =
# The tests' settings, with a database that leaves no file behind.
UNDER_TEST = DJANGO_SETTINGS_MODULE=tests.settings TEST_DATABASE_URL=sqlite://:memory:
# What an operator's environment looks like; keys made for this one run.
IN_PRODUCTION = env -u DEBUG -u OUTBOUND_ALLOWED_NETWORKS ENV_FILE=/dev/null DATABASE_URL=sqlite://:memory: \
	PUBLIC_URL=https://bridge.example.com ALLOWED_HOSTS=bridge.example.com EMAIL_URL=smtp+tls://mail.example.com:587 \
	SECRET_KEY=`$(BIN) -c 'import secrets; print(secrets.token_urlsafe(64))'` \
	FIELD_KEYS=`$(BIN) -c 'import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())'` \
	DJANGO_SETTINGS_MODULE=lmsbridge.settings

.PHONY: help demo demo-reset test test-sqlite test-postgresql coverage bench soak kills lock clean runtime development
.NOTPARALLEL:
.PHONY: check lint types contracts templates migrations deployment addresses rows

help: ## what can be made (this list)
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "make %-18s %s\n", $$1, $$2}' Makefile

demo: runtime ## run LMS Bridge with demo data on http://127.0.0.1:8000/ (HOST and PORT change it)
	@$(BIN) manage.py demo

demo-reset: ## forget the demo's data and keys; the next make demo seeds them anew
	rm -rf var/demo

test: test-sqlite test-postgresql ## run all tests, on SQLite and then what depends on the database on PostgreSQL

test-sqlite: development ## run all tests on SQLite
	TEST_DATABASE_URL= $(BIN) -m pytest -m "not alone" -n $(JOBS) $(ARGS) $(NONE_IS_FINE)
	TEST_DATABASE_URL= $(BIN) -m pytest -m alone $(ARGS) $(NONE_IS_FINE)

test-postgresql: development ## run what depends on the database or on processes on PostgreSQL
	$(BIN) -m tests.servers run-with-postgresql -- \
		$(BIN) -m pytest -m "(database or processes) and not alone" -n $(JOBS) $(ARGS) $(NONE_IS_FINE)
	$(BIN) -m tests.servers run-with-postgresql -- \
		$(BIN) -m pytest -m "(database or processes) and alone" $(ARGS) $(NONE_IS_FINE)

check: lint types contracts templates migrations deployment addresses rows ## all checks of the source; -k goes on to show every fault

lint: development
	$(BIN) -m ruff check .
	$(BIN) -m ruff format --check .

types: development
	$(BIN) -m mypy .

contracts: development
	$(VENV)/bin/lint-imports

templates: development
	@templates=`git ls-files -- '*.html'`; test -z "$$templates" || \
		$(VENV)/bin/djade --check --target-version 5.2 $$templates

migrations: development
	$(UNDER_TEST) $(BIN) manage.py makemigrations --check --dry-run

deployment: development
	@echo "manage.py check --deploy, in an environment like production's"
	@$(IN_PRODUCTION) $(BIN) manage.py check --deploy --fail-level WARNING

addresses: development
	$(BIN) -m tests.addresses

rows: development ## which faults and attacks of tests/README.md have tests, and which are missing
	@$(BIN) -m tests.rows $(WRITE)

coverage: development ## run all tests on SQLite and measure branch coverage
	TEST_DATABASE_URL= $(BIN) -m pytest --cov --cov-report=term:skip-covered $(ARGS)

bench: development ## measure throughput and print ratios
	@$(BIN) -m tests.bench $(ARGS)

soak: development ## kill processes and fail LMSs at random for some 20 minutes, then look for what is lost or twice
	@$(BIN) -m tests.soak $(if $(SEED),--seed $(SEED)) --results $(RESULTS) --kills $(KILLS) --faults $(FAULTS) \
		$(if $(ON),--on $(ON)) $(ARGS)

kills: development ## kill each kind of process and measure how long results wait
	@$(BIN) -m tests.soak.kills --trials $(TRIALS) $(if $(ON),--on $(ON)) $(ARGS)

lock: ## refresh the locks from the .in files
	@sh .ci/uv var/lock-venv $(COMPILE) -o requirements.txt requirements.in
	@sh .ci/uv var/lock-venv $(COMPILE) -o requirements-dev.txt requirements-dev.in
	@sh .ci/uv var/lock-venv $(COMPILE) -o tests/requirements-lrs.txt tests/requirements-lrs.in
	@sh .ci/uv var/lock-venv $(COMPILE) -o tests/requirements-peer.txt tests/requirements-peer.in
	@rm -rf var/lock-venv
	@if command -v npm >/dev/null; then for folder in validator cmi5 stackone; do ( cd tests/$$folder && \
		npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund ); done; fi

clean: ## remove the environments and caches, not the demo's data
	rm -rf $(VENV) var/lrs-venv var/peer-venv var/lock-venv var/static
	rm -rf var/validator var/cmi5 var/stackone
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage .coverage.* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

runtime:
	@sh .ci/venv $(VENV) requirements.txt

development:
	@sh .ci/venv $(VENV) requirements.txt requirements-dev.txt
