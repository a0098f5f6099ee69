#!/bin/sh
# Installs what tests/aws.rs asks instead of AWS, at the versions that tests/fixtures/aws/requirements.txt
# pins, into the directory `aws-tools` beside the build; and Python's venv where this machine lacks it.
# Does nothing where all is there.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh
# shellcheck source=scripts/python.sh
. scripts/python.sh

python_tools "${CARGO_TARGET_DIR:-target}/aws-tools" tests/fixtures/aws/requirements.txt \
    "the stand-in for AWS" flask
