#!/bin/sh
# Prints comment.md or junit.xml without what is measured: times, sizes of a picture, moments, versions.
set -eu

# The picture of locks and statements is all measurement: how many there are depends on the machine.
awk '
    /^On the server: / { print "(what the server did)"; next }
    /^<details><summary>on the server: / { print "(what the server did)"; skip = 1 }
    !skip { print }
    /^<\/details>$/ { skip = 0 }
' "$1" | sed -E \
    -e 's/[0-9][0-9.,]* (ms|s|min|h)([^a-z0-9]|$)/T\2/g' \
    -e 's/[0-9][0-9.]* (bytes|kB|MB|GB)/SIZE/g' \
    -e 's/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2} UTC/MOMENT/g' \
    -e 's/ timestamp="[^"]*"/ timestamp="MOMENT"/g' \
    -e 's/ time="[^"]*"/ time="T"/g' \
    -e 's/<sub>run [^ ]* /<sub>run RUN /' \
    -e 's/pgrehearse [0-9]+\.[0-9]+\.[0-9]+[-.0-9a-z]*/pgrehearse VERSION/' \
    -e 's/PostgreSQL [0-9]+\.[0-9]+/PostgreSQL VERSION/g' \
    -e 's/></>\
</g'
