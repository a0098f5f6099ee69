#!/bin/sh
# Installs what tests/report/readers.rs reads our reports with, at the versions that
# tests/report/requirements.txt pins, into the directory `report-tools` beside the build; and Python's
# venv where this machine lacks it. Does nothing where all is there.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/python.sh
. scripts/python.sh

python_tools "${CARGO_TARGET_DIR:-target}/report-tools" tests/report/requirements.txt \
    "the readers of reports" junitparser
