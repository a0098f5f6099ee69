#!/bin/sh
# Builds the image from a binary that is there. Usage: scripts/image.sh BINARY [IMAGE]
#
# SUITE    the Debian release below it: trixie
# PGDG     1: all majors, from the PostgreSQL project's packages; 0: what the distribution has
# BASE_IMAGE, if it is not debian:$SUITE-slim; where no registry is reached, scripts/make-base-image.sh
#          makes that one first
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

binary=$1
image=${2:-pgrehearse:dev}
suite=${SUITE:-trixie}
pgdg=${PGDG:-1}
base=${BASE_IMAGE:-debian:$suite-slim}

has docker || fail "\`docker\` was not found"
docker info >/dev/null 2>&1 || fail "Docker does not answer; start it first"
[ -x "$binary" ] || fail "there is no binary \`$binary\`: cargo build --release"

if ! docker image inspect "$base" >/dev/null 2>&1 && ! docker pull --quiet "$base" >/dev/null 2>&1; then
    [ "$base" = "debian:$suite-slim" ] || fail "the base image \`$base\` can't be had"
    say "no registry is reached"
    scripts/make-base-image.sh "$suite" "$base"
fi

# A context of a few files: the build directory is gigabytes, and the binary is in it.
context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp Dockerfile LICENSE LICENSE-APACHE LICENSE-MIT "$context"
cp "$binary" "$context/pgrehearse"

# The legacy builder, which is everywhere, says on each build that it is old.
docker build --quiet --tag "$image" \
    --build-arg BINARY=pgrehearse \
    --build-arg RUST_IMAGE="$base" \
    --build-arg BASE_IMAGE="$base" \
    --build-arg PGDG="$pgdg" \
    --build-arg VERSION="$("$binary" --version | cut -d ' ' -f 2)" \
    --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || true)" \
    "$context" >"$context/said" 2>&1 || {
    cat "$context/said" >&2
    fail "the image was not built"
}
size=$(docker image inspect --format '{{.Size}}' "$image")
majors=$(docker run --rm --entrypoint ls "$image" /usr/lib/postgresql | tr '\n' ' ')
say "$image: PostgreSQL $majors- $((size / 1000000)) MB"
