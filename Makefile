# `make demo` and `make test` need git, make and Rust; they install the rest where it is missing.

CARGO ?= cargo
CARGO_TARGET_DIR ?= $(CURDIR)/target
export CARGO_TARGET_DIR

.DEFAULT_GOAL := help
.PHONY: help demo test test-contract test-action lint-workflows image image-test bench comparison fmt docs audit build-demo install-postgres check-rust

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: build-demo ## rehearse a migration that may go and one that must not
	@scripts/demo.sh "$(abspath $(CARGO_TARGET_DIR))"

# In one call, so that what both depend on is compiled once.
build-demo: check-rust install-postgres
	$(CARGO) build --release --locked --bin pgrehearse --example shop-app

test: check-rust install-postgres lint-workflows ## run every check that a change must pass
	@scripts/install-test-tools.sh
	@scripts/install-migration-tools.sh
	@scripts/install-report-tools.sh
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --all-targets -- -D warnings
	$(CARGO) nextest run --locked
	$(CARGO) test --locked --doc --quiet
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items
	$(CARGO) deny --locked check licenses bans sources

lint-workflows: ## check the workflows, the action and the issue forms
	@scripts/install-workflow-tools.sh
	@scripts/lint-workflows.sh

test-contract: check-rust ## hold what is sent to GitHub against GitHub's own description of its API
	@scripts/install-contract-tools.sh
	$(CARGO) test --locked --test contract -- --ignored

bench: check-rust install-postgres ## run the benchmarks
	$(CARGO) bench --locked

comparison: check-rust install-postgres ## see what other tools see of thirty migrations, in about a quarter of an hour
	@scripts/install-migration-tools.sh
	@scripts/install-comparison-tools.sh
	$(CARGO) build --release --locked --bin pgrehearse
	@scripts/comparison.sh "$(abspath $(CARGO_TARGET_DIR))"

fmt: check-rust ## format the code
	$(CARGO) fmt

docs: check-rust ## write the documentation that comes from code: policy, rules, Rust
	$(CARGO) run --locked --quiet -- schema > pgrehearse.schema.json.new
	mv pgrehearse.schema.json.new pgrehearse.schema.json
	$(CARGO) run --locked --quiet -- schema --markdown > docs/policy.md.new
	mv docs/policy.md.new docs/policy.md
	$(CARGO) run --locked --quiet --example rule-docs
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --no-deps --document-private-items

# PGDG=0 takes the distribution's own PostgreSQL, SUITE another Debian: what scripts/image.sh reads.
SUITE ?= trixie
PGDG ?= 1
IMAGE ?= pgrehearse:$(SUITE)
export SUITE PGDG

image: build-demo ## build the container image; needs Docker
	@scripts/image.sh "$(abspath $(CARGO_TARGET_DIR))/release/pgrehearse" "$(IMAGE)"

image-test: image ## run the image as a GitHub runner does
	@scripts/image-test.sh "$(IMAGE)" "$(abspath $(CARGO_TARGET_DIR))"

test-action: image ## run the action in workflows, without GitHub
	@scripts/install-action-tools.sh
	@scripts/action-test.sh "$(IMAGE)" "$(abspath $(CARGO_TARGET_DIR))"

# Not part of `test`: the database of advisories is fetched from a git host.
audit: check-rust ## look for known vulnerabilities in the dependencies
	@scripts/install-test-tools.sh
	$(CARGO) deny --locked check advisories

install-postgres:
	@scripts/install-postgres.sh

check-rust:
	@scripts/check-rust.sh
