#!/bin/sh
# Installs the binary for the job: a release's archive whose checksum is given, or a file that is
# there. Reads VERSION, SHA256, BINARY and SERVER; writes GITHUB_PATH and GITHUB_OUTPUT.
# shellcheck disable=SC2016 # Backticks in messages are backticks.
set -eu

fail() {
    printf '::error title=pgrehearse::%s\n' "$*"
    exit 1
}

# `sha256sum` on Linux, `shasum` on macOS.
checksum() {
    if command -v sha256sum >/dev/null 2>&1; then
        sha256sum "$1" | cut -d ' ' -f 1
    else
        shasum -a 256 "$1" | cut -d ' ' -f 1
    fi
}

directory=${RUNNER_TEMP:-/tmp}/pgrehearse-setup
mkdir -p "$directory/bin"

if [ -n "$BINARY" ] && [ -n "$VERSION" ]; then
    fail 'give `version` or `binary`, not both'
elif [ -n "$BINARY" ]; then
    [ -f "$BINARY" ] || fail "there is no file \`$BINARY\`"
    cp "$BINARY" "$directory/bin/pgrehearse"
elif [ -n "$VERSION" ]; then
    case $VERSION in
        *[!0-9A-Za-z.-]*) fail '`version` is no version such as `0.1.0`' ;;
    esac
    [ -n "$SHA256" ] || fail '`version` needs `sha256`: the checksum is on the release'"'"'s page'
    case "$(uname -s)-$(uname -m)" in
        Linux-x86_64) target=x86_64-unknown-linux-gnu ;;
        Linux-aarch64) target=aarch64-unknown-linux-gnu ;;
        *) fail "there is no release for $(uname -s) on $(uname -m); build one and give \`binary\`" ;;
    esac
    archive=$directory/pgrehearse.tar.gz
    curl --fail --silent --show-error --location --proto =https --retry 3 --output "$archive" \
        "$SERVER/pgrehearse/pgrehearse/releases/download/v$VERSION/pgrehearse-$VERSION-$target.tar.gz" ||
        fail "release $VERSION could not be fetched"
    found=$(checksum "$archive")
    [ "$found" = "$SHA256" ] || fail "the archive's checksum is $found, not what \`sha256\` says"
    tar -xzf "$archive" -C "$directory/bin" --strip-components 1
    [ -f "$directory/bin/pgrehearse" ] || fail 'the archive holds no `pgrehearse`'
else
    fail 'give `version` with `sha256`, or `binary`'
fi

chmod 0755 "$directory/bin/pgrehearse"
"$directory/bin/pgrehearse" --version || fail 'the binary does not run on this runner'
printf '%s\n' "$directory/bin" >>"$GITHUB_PATH"
printf 'path=%s\n' "$directory/bin/pgrehearse" >>"$GITHUB_OUTPUT"
