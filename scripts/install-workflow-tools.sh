#!/bin/sh
# Installs what `make lint-workflows` and tests/recipes.rs check workflows with, at the versions that
# tests/fixtures/workflows/requirements.txt pins, into the directory `workflow-tools` beside the
# build; and Python's venv where this machine lacks it. Does nothing where all is there.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/python.sh
. scripts/python.sh

python_tools "${CARGO_TARGET_DIR:-target}/workflow-tools" tests/fixtures/workflows/requirements.txt \
    "the checkers of workflows" zizmor
