# shellcheck shell=sh
# What the scripts that install something share: words, and Debian's packages.

say() {
    printf '%s\n' "$*" >&2
}

fail() {
    say "error: $*"
    exit 1
}

has() {
    command -v "$1" >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive LC_ALL=C "$@"
    fi
}

apt_install() {
    as_root apt-get install -y --no-install-recommends -o DPkg::Lock::Timeout=120 "$@"
}

# Before packages are installed. $1: what is missing, $2: the packages that have it, both with a
# space before each.
apt_prepare() {
    if [ "$(id -u)" -ne 0 ] && ! has sudo; then
        fail "missing:$1. Installing it needs root: run \`make\` as root, install \`sudo\`, or ask an administrator for these packages:$2"
    fi
    say "installing what is missing:$1"
    as_root apt-get update -o DPkg::Lock::Timeout=120 ||
        say "warning: \`apt-get update\` did not succeed; going on with what is known"
}
