# The doors of the house. `make setup` needs Python 3.11+ with venv, Rust, a C compiler and make; the rest comes through the
# package clients. Invariant: every target works in a fresh clone, and `make setup` does nothing when nothing changed.
.DELETE_ON_ERROR:
.PHONY: help setup demo test tidy bench fuzz sim kill gen docs lock FORCE
SHELL := /bin/sh

# A tree that was copied or moved is set up anew: its environment holds the old paths.
STAMPS := .venv/stamps/$(shell pwd | cksum | cut -d' ' -f1)
RUST   := Cargo.toml Cargo.lock $(wildcard .cargo/config.toml crates/*/Cargo.toml crates/*/build.rs) \
          $(shell find crates -name '*.rs' -o -name '*.c' -o -name '*.h')
BUILT  := $(wildcard meridian/_native.abi3.so)
RUN    := . tools/environment &&

help:
	@echo "make setup          everything that the other targets need"
	@echo "make demo           New York and Chicago under one hand for a minute; SECONDS=30 FLOW=path,path SCENARIO=failover"
	@echo "make test           style, Rust and Python tests; ends by naming what was not checked"
	@echo "make tidy           style alone"
	@echo "make bench          what is measured, beside its goals"
	@echo "make fuzz           bad FIX input by seed, what it reached as a table; SECONDS=120 SEED=1, KEEP=1 keeps what is new"
	@echo "make sim            two whole regions by seed, with faults; SEED=1 SEEDS=10 SECONDS=60 RATE=500, or HOURS=8; JOBS=2 REPORT=file STANDBYS=none; VARIANT=name or VARIANTS=1"
	@echo "make kill           every process of a real system is killed, paused, cut off; SEED=1 KILLS=50 SECONDS=120 JSON=file MARKDOWN=file"
	@echo "make gen            generated files anew"
	@echo "make docs           every command in the documents is run"
	@echo "make lock           the locked dependencies anew, from pyproject.toml"

setup: $(STAMPS)/installed

$(STAMPS)/environment: requirements/develop.txt requirements/tools.txt tools/setup
	@tools/setup environment $(STAMPS)

$(STAMPS)/installed: $(STAMPS)/environment pyproject.toml $(RUST) $(if $(BUILT),,FORCE)
	@tools/setup install $(STAMPS)

demo: setup
	@.venv/bin/meridian demo $(if $(SECONDS),--seconds $(SECONDS)) $(if $(FLOW),--flow $(FLOW)) $(if $(SCENARIO),--scenario $(SCENARIO))

test: setup
	@$(RUN) .venv/bin/python tools/test.py

tidy: $(STAMPS)/environment
	@$(RUN) .venv/bin/python tools/tidy.py

bench: setup
	@.venv/bin/meridian bench

fuzz: setup
	@$(RUN) cargo run --release --locked --quiet -p sessions --example fuzz_fix -- --seconds $(or $(SECONDS),120) \
		--seed $(or $(SEED),$(shell date +%s)) --corpus crates/sessions/tests/fix_fuzz/corpus.txt $(if $(KEEP),--keep)

sim: $(STAMPS)/environment
	@mkdir -p build
	@$(RUN) cargo run --release --locked --quiet -p sim --bin simulate $(if $(VARIANT)$(VARIANTS),--features broken) -- $(if $(SEED),--seed $(SEED)) \
		$(if $(HOURS),--hours $(HOURS) --counters build/simulator.json) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(RATE),--rate $(RATE)) $(if $(FAULTS),--faults $(FAULTS)) \
		$(if $(ACTS),--acts $(ACTS)) $(if $(VARIANT),--variant $(VARIANT)) $(if $(KEPT),--kept $(KEPT)) $(if $(STANDBYS),--standbys $(STANDBYS)) $(if $(JSON),--json $(JSON)) \
		$(if $(JOBS),--jobs $(JOBS)) $(if $(VARIANTS),--variant all --report $(or $(REPORT),build/simulator-variants.md),$(if $(REPORT),--report $(REPORT))) \
		$(if $(REPORT)$(VARIANTS),--commit $(shell git describe --always --dirty --abbrev=12))

kill: setup
	@$(RUN) .venv/bin/python -m tests.kill $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(if $(KINDS),--kinds "$(KINDS)") $(if $(SYSTEM_KILLS),--system-kills $(SYSTEM_KILLS)) \
		$(if $(STANDBY),$(if $(filter 0,$(STANDBY)),--no-standby,--standby)) \
		$(if $(JSON),--json $(JSON)) $(if $(MARKDOWN),--markdown $(MARKDOWN))

gen: setup
	@.venv/bin/python tools/gen_codes.py
	@if [ -f tools/gen.py ]; then .venv/bin/python tools/gen.py; fi
	@.venv/bin/python tools/gen_fix.py

docs: setup
	@.venv/bin/python -m pytest -q tests/house/test_documents.py

lock: $(STAMPS)/environment
	@tools/lock

FORCE:
