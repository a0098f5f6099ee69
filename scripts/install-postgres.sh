#!/bin/sh
# Installs what a build and a rehearsal need and this machine lacks: PostgreSQL's server and client
# programs, a C compiler to link with, and the certificates of public authorities. Does nothing
# where all is there. No server is created or started: pgrehearse starts its own.
set -eu

oldest=15
newest=18

# shellcheck source=scripts/packages.sh
. "$(dirname "$0")/packages.sh"

# Whether a directory holds all programs, of a version that is supported.
is_server() {
    for program in initdb postgres psql pg_dump pg_restore; do
        [ -x "$1/$program" ] || return 1
    done
    major=$("$1/postgres" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9]*\).*/\1/p')
    [ -n "$major" ] && [ "$major" -ge "$oldest" ] && [ "$major" -le "$newest" ]
}

# Looks where the binary looks: src/postgres/binaries.rs.
has_server() {
    old_ifs=$IFS
    IFS=:
    for directory in ${PGREHEARSE_BIN_DIRS:-} $PATH; do
        if is_server "$directory"; then
            IFS=$old_ifs
            return 0
        fi
    done
    IFS=$old_ifs
    if has pg_config && is_server "$(pg_config --bindir 2>/dev/null)"; then
        return 0
    fi
    for directory in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin \
        /opt/homebrew/opt/postgresql@*/bin /usr/local/opt/postgresql@*/bin \
        /Applications/Postgres.app/Contents/Versions/*/bin; do
        if is_server "$directory"; then
            return 0
        fi
    done
    return 1
}

# A compiler without the C library's files is found but can't link.
has_compiler() {
    has cc || return 1
    program=$(mktemp)
    linked=0
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        cc -x c -o "$program" - >/dev/null 2>&1 || linked=1
    rm -f "$program"
    return "$linked"
}

# Debian's package makes a cluster of its own and starts it when a version is first installed. The
# switch for that is in another package, so that one comes first; the switch is put back afterwards.
install_debian_server() {
    apt_install postgresql-common
    switch=/etc/postgresql-common/createcluster.conf
    kept=$(mktemp)
    cat "$switch" >"$kept" 2>/dev/null || true
    trap 'as_root cp "$kept" "$switch"; rm -f "$kept"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    printf '\ncreate_main_cluster = false\n' | as_root tee -a "$switch" >/dev/null
    apt_install "postgresql-$1" "postgresql-client-$1"
}

# The newest supported version that the machine's package sources have.
debian_major() {
    major=$newest
    while [ "$major" -ge "$oldest" ]; do
        if apt-cache show "postgresql-$major" >/dev/null 2>&1; then
            echo "$major"
            return 0
        fi
        major=$((major - 1))
    done
    return 1
}

on_debian() {
    apt_prepare "$missing" "$packages"
    case $missing in
        *certificates*) apt_install ca-certificates ;;
    esac
    case $missing in
        *compiler*) apt_install gcc libc6-dev ;;
    esac
    case $missing in
        *PostgreSQL*)
            major=$(debian_major) ||
                fail "no PostgreSQL $oldest to $newest is in this machine's package sources; add those of the PostgreSQL project: https://www.postgresql.org/download/linux/"
            install_debian_server "$major"
            ;;
    esac
}

on_macos() {
    case $missing in
        *compiler*) fail "no C compiler was found; install Apple's with: xcode-select --install" ;;
    esac
    has brew ||
        fail "missing:$missing. Install Homebrew (https://brew.sh) and try again, or install PostgreSQL $oldest to $newest yourself"
    say "installing what is missing:$missing"
    brew install postgresql@17
}

missing=
packages=
if ! has_server; then
    missing="$missing PostgreSQL-server-and-client"
    packages="$packages postgresql"
fi
if ! has_compiler; then
    missing="$missing C-compiler"
    packages="$packages gcc libc6-dev"
fi
system=$(uname -s)
if [ "$system" = Linux ] && has apt-get && [ ! -s /etc/ssl/certs/ca-certificates.crt ]; then
    missing="$missing certificates"
    packages="$packages ca-certificates"
fi
[ -n "$missing" ] || exit 0

if [ "$system" = Darwin ]; then
    on_macos
elif has apt-get; then
    on_debian
else
    fail "missing:$missing. Only Debian, Ubuntu and macOS are set up by themselves: install PostgreSQL $oldest to $newest (server and client programs) and a C compiler, then try again"
fi

has_server ||
    fail "PostgreSQL was installed, but its programs were not found; name their directory in PGREHEARSE_BIN_DIRS"
