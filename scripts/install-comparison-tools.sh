#!/bin/sh
# Installs what `make comparison` puts beside pgrehearse, at pinned versions, into the directory
# `comparison` beside the build: squawk, eugene (compiled, which takes minutes), and what a script
# needs to speak to PostgreSQL. Does nothing where all is there.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

eugene=0.8.3
tools=${CARGO_TARGET_DIR:-target}/comparison
requirements=benches/comparison/requirements.txt

if ! cmp -s "$requirements" "$tools/python/installed"; then
    has python3 || fail "\`python3\` was not found: scripts/install-migration-tools.sh installs it"
    rm -rf "$tools/python"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" --disable-pip-version-check --quiet install --requirement "$requirements" >&2
    cp "$requirements" "$tools/python/installed"
fi

# Its parser of SQL is C, for which bindings are made with libclang when it is compiled; that finds no
# headers of its own.
if [ "$("$tools/eugene/bin/eugene" --version 2>/dev/null)" != "eugene $eugene" ]; then
    say "compiling eugene $eugene, once"
    LIBCLANG_PATH=$("$tools/python/bin/python" -c 'import clang, pathlib; print(pathlib.Path(clang.__path__[0], "native"))')
    BINDGEN_EXTRA_CLANG_ARGS="-I$(cc -print-file-name=include)"
    export LIBCLANG_PATH BINDGEN_EXTRA_CLANG_ARGS
    CARGO_TARGET_DIR="$tools/eugene/build" cargo install eugene --version "$eugene" --locked --root "$tools/eugene"
    rm -rf "$tools/eugene/build"
fi
