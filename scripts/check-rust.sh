#!/bin/sh
# Says clearly that Rust is missing, before something else says it unclearly.
set -eu

if ! command -v cargo >/dev/null 2>&1; then
    echo "error: \`cargo\` was not found; install Rust from https://rustup.rs and see that ~/.cargo/bin is in PATH" >&2
    exit 1
fi
