#!/bin/sh
# Rehearses a migration that may go and one that must not. Succeeds if and only if pgrehearse says
# so of both.
set -eu

target=$1
SHOP_APP=$target/release/examples/shop-app
export SHOP_APP

# Runs one rehearsal and leaves its exit code in `code`.
rehearse() {
    code=0
    "$target/release/pgrehearse" run --policy "examples/$1/pgrehearse.yml" || code=$?
    printf '\n-- exit code %s\n' "$code"
}

printf '\n-- 1 of 2: a migration that may go (examples/shop-go)\n\n'
rehearse shop-go
go=$code

printf '\n-- 2 of 2: a migration that must not go, by design (examples/shop-no-go)\n\n'
rehearse shop-no-go
no_go=$code

if [ "$go" -eq 0 ] && [ "$no_go" -eq 1 ]; then
    printf '\n-- as it should be: go (0) for the first, no-go (1) for the second\n'
else
    printf '\nerror: expected 0 (go) and 1 (no-go), got %s and %s\n' "$go" "$no_go" >&2
    exit 1
fi
