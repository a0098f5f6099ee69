#!/bin/sh
# Installs what `make test-contract` holds our requests against, into the directory `contract-tools`
# beside the build: GitHub's own description of its API, cut to what we ask of it, with `prism`, which
# answers by it, and `emulate`, which keeps what it is told. Does nothing where all is there.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

fixtures=tests/fixtures/contract
tools=${CARGO_TARGET_DIR:-target}/contract-tools
oldest_node=20

wanted() {
    cksum "$fixtures/package-lock.json" "$fixtures/slice.mjs" "$fixtures/emulate.mjs"
    node --version
}

if ! has node || ! has npm; then
    fail "\`node\` and \`npm\` were not found: scripts/install-migration-tools.sh installs them"
fi
major=$(node --version | sed -n 's/^v\([0-9]*\).*/\1/p')
[ "$major" -ge "$oldest_node" ] || fail "the contract tools need Node $oldest_node or newer"
if [ -f "$tools/installed" ] && wanted | cmp -s - "$tools/installed"; then
    exit 0
fi

say "installing the contract tools, once"
rm -rf "$tools"
mkdir -p "$tools"
cp "$fixtures/package.json" "$fixtures/package-lock.json" "$fixtures/emulate.mjs" "$tools/"
npm ci --prefix "$tools" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
described=$tools/node_modules/@octokit/openapi
node "$fixtures/slice.mjs" "$described/generated/api.github.com.deref.json" "$tools/github.json"
# The whole of it, for several products, is 400 MB.
rm -rf "$described"
wanted >"$tools/installed"
