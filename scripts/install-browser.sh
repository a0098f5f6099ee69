#!/bin/sh
# Installs Chromium, in which tests/page opens the report, where this machine has no browser of its
# kind and its packages have one. Tests that need it say so and pass where there is none.
set -eu

cd "$(dirname "$0")/.."
# shellcheck source=scripts/packages.sh
. scripts/packages.sh

for browser in chromium chromium-browser google-chrome google-chrome-stable; do
    if has "$browser"; then
        exit 0
    fi
done
# Ubuntu's package is an empty one that asks for a snap.
if has apt-get && ! grep -q '^ID=ubuntu' /etc/os-release; then
    apt_prepare " Chromium" " chromium"
    apt_install chromium
else
    say "warning: there is no Chromium here; the tests that open the report in a browser do nothing"
fi
