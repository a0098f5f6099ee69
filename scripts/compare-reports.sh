#!/bin/sh
# Compares comment.md and junit.xml with what is expected, byte for byte, but for what is measured.
# Usage: compare-reports.sh REPORTS EXPECTED
set -eu

[ $# -eq 2 ] || { echo "usage: $0 REPORTS EXPECTED" >&2; exit 2; }
scripts=$(dirname "$0")
different=0
for file in comment.md junit.xml; do
    if ! "$scripts/mask-report.sh" "$1/$file" | diff -u "$2/$file" -; then
        echo "error: $1/$file is not what $2/$file says" >&2
        different=1
    fi
done
exit "$different"
