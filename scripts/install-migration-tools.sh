#!/bin/sh
# Installs the migration tools that tests/trace/tools.rs runs, at the versions that
# tests/fixtures/tools pins, into the directory `migration-tools` beside the build; and Node, npm
# and Python's venv where this machine lacks them. Does nothing where all is there.
set -eu

cd "$(dirname "$0")/.."
. scripts/packages.sh
# shellcheck source=scripts/python.sh
. scripts/python.sh

fixtures=tests/fixtures/tools
tools=${CARGO_TARGET_DIR:-target}/migration-tools
oldest_node=18

has_node() {
    has node && has npm || return 1
    major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge "$oldest_node" ]
}

# What is installed, and with what: other pins, another Node or another Python make all of it anew.
wanted() {
    cksum "$fixtures/package-lock.json" "$fixtures/requirements.txt"
    node --version
    python3 --version
}

works() {
    [ -f "$tools/installed" ] && wanted 2>/dev/null | cmp -s - "$tools/installed" &&
        "$tools/node/node_modules/.bin/node-pg-migrate" --version >/dev/null 2>&1 &&
        "$tools/python/bin/alembic" --version >/dev/null 2>&1
}

install_languages() {
    missing=
    packages=
    if ! has_node; then
        missing="$missing Node"
        packages="$packages nodejs npm"
    fi
    if ! has_python; then
        missing="$missing Python"
        packages="$packages python3 python3-venv"
    fi
    [ -n "$missing" ] || return 0
    if [ "$(uname -s)" = Darwin ] && has brew; then
        say "installing what is missing:$missing"
        brew install node python@3.13
    elif has apt-get; then
        apt_prepare "$missing" "$packages"
        # shellcheck disable=SC2086 # Each is a package.
        apt_install $packages
    else
        fail "missing:$missing. Install Node $oldest_node or newer with npm, and Python 3.10 or newer with venv, then try again"
    fi
    has_node || fail "\`node\` and \`npm\` are not there or too old: the migration tools of the tests need Node $oldest_node or newer"
    has_python || fail "\`python3\` is not there or too old: the migration tools of the tests need Python 3.10 or newer with venv"
}

if works; then
    exit 0
fi
install_languages
say "installing the migration tools of the tests, once"
rm -rf "$tools"
mkdir -p "$tools/node"
cp "$fixtures/package.json" "$fixtures/package-lock.json" "$tools/node/"
npm ci --prefix "$tools/node" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
python3 -m venv "$tools/python"
"$tools/python/bin/pip" --disable-pip-version-check --quiet install --no-deps \
    --requirement "$fixtures/requirements.txt" >&2
wanted >"$tools/installed"
works || fail "the migration tools were installed and do not start: $tools"
