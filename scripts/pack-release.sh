#!/bin/sh
# Packs a binary as a release has it. Usage: pack-release.sh VERSION TARGET BINARY DIRECTORY
set -eu

[ $# -eq 4 ] || { echo "usage: $0 VERSION TARGET BINARY DIRECTORY" >&2; exit 2; }
name=pgrehearse-$1-$2
mkdir -p "$4/$name"
cp "$3" "$4/$name/pgrehearse"
cp LICENSE LICENSE-APACHE LICENSE-MIT README.md "$4/$name/"
# The same files make the same bytes: order, owner and times are fixed.
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime='2000-01-01 00:00:00Z' \
    -C "$4" -cf - "$name" | gzip -9n >"$4/$name.tar.gz"
rm -r "${4:?}/${name:?}"
echo "$4/$name.tar.gz"
