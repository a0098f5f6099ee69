# shellcheck shell=sh
# What the scripts share that install tools written in Python. They read scripts/packages.sh first.

# Debian's Python has `venv` without what it needs to make one that has `pip`.
has_python() {
    has python3 && python3 -c 'import ensurepip, venv, sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

install_python() {
    has_python && return 0
    if [ "$(uname -s)" = Darwin ] && has brew; then
        say "installing what is missing: Python"
        brew install python@3.13
    elif has apt-get; then
        apt_prepare " Python" " python3 python3-venv"
        apt_install python3 python3-venv
    else
        fail "missing: Python. Install Python 3.10 or newer with venv, then try again"
    fi
    has_python || fail "\`python3\` is not there or too old: Python 3.10 or newer with venv is needed"
}

# Other pins or another Python make all of it anew. $1: the requirements.
python_wanted() {
    cksum "$1"
    python3 --version
}

# A venv with nothing but what is pinned. $1: where it goes, $2: the requirements, $3: what it is, in
# words, $4: a program of it that starts where all is well.
python_tools() {
    if [ -f "$1/installed" ] && python_wanted "$2" 2>/dev/null | cmp -s - "$1/installed" &&
        "$1/python/bin/$4" --version >/dev/null 2>&1; then
        return 0
    fi
    install_python
    say "installing $3, once"
    rm -rf "$1"
    mkdir -p "$1"
    python3 -m venv "$1/python"
    "$1/python/bin/pip" --disable-pip-version-check --quiet install --no-deps --requirement "$2" >&2
    "$1/python/bin/$4" --version >/dev/null || fail "$3 were installed and do not start: $1"
    python_wanted "$2" >"$1/installed"
}
