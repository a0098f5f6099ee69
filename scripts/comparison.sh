#!/bin/sh
# Compares pgrehearse with what scripts/install-comparison-tools.sh has installed. The server's programs
# are those of PGREHEARSE_BIN_DIRS, or else Debian's of one version, the oldest: eugene and squawk know it
# longest. $1: where it was built; the rest goes to compare.py.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

target=$1
shift
programs=
for directory in ${PGREHEARSE_BIN_DIRS:-} /usr/lib/postgresql/*/bin; do
    if [ -z "$programs" ] && [ -x "$directory/initdb" ]; then
        programs=$directory
    fi
done
[ -n "$programs" ] || fail "no PostgreSQL server was found; name its programs' directory in PGREHEARSE_BIN_DIRS"

exec "$target/comparison/python/bin/python" benches/comparison/compare.py \
    --pgrehearse "$target/release/pgrehearse" \
    --squawk "$target/comparison/python/bin/squawk" \
    --eugene "$target/comparison/eugene/bin/eugene" \
    --programs "$programs" --workspace "$target/comparison/workspace" "$@"
