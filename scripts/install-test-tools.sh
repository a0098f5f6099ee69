#!/bin/sh
# Installs what `make test` needs beyond a build, where it is missing: rustfmt, clippy,
# cargo-nextest and cargo-deny. The last two are compiled, each once, which takes minutes.
set -eu

nextest=0.9.151
deny=0.20.2

component() {
    if cargo "$1" --version >/dev/null 2>&1; then
        return
    fi
    if ! command -v rustup >/dev/null 2>&1; then
        echo "error: \`cargo $1\` was not found, and there is no \`rustup\` to install it with" >&2
        exit 1
    fi
    rustup component add "$2"
}

component fmt rustfmt
component clippy clippy

if ! cargo nextest --version >/dev/null 2>&1; then
    echo "compiling cargo-nextest $nextest, once" >&2
    cargo install --locked cargo-nextest --version "$nextest" \
        --no-default-features --features default-no-update
fi
if ! cargo deny --version >/dev/null 2>&1; then
    echo "compiling cargo-deny $deny, once" >&2
    cargo install --locked cargo-deny --version "$deny"
fi
