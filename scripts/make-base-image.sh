#!/bin/sh
# Makes a Docker image like `debian:<suite>-slim` from this machine's own package mirror, for where no
# image registry can be reached. Usage: scripts/make-base-image.sh [SUITE] [IMAGE]; needs root,
# debootstrap and Docker. An image that is there already is left as it is.
set -eu

# shellcheck source=scripts/packages.sh
. "$(dirname "$0")/packages.sh"

suite=${1:-trixie}
image=${2:-debian:$suite-slim}

docker info >/dev/null 2>&1 || fail "Docker does not answer; start it first"
if docker image inspect "$image" >/dev/null 2>&1; then
    exit 0
fi
[ "$(id -u)" -eq 0 ] || fail "a base image is made as root"
if ! has debootstrap; then
    apt_prepare " debootstrap" " debootstrap"
    apt_install debootstrap
fi

# The mirrors that this machine's own packages come from: Debian's, and its security team's.
# shellcheck disable=SC2016 # apt-get fills it in.
mirrors=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Created-By: Packages' | sort -u)
mirror=$(echo "$mirrors" | grep -v security | head -n 1)
[ -n "$mirror" ] || fail "this machine has no package source of Debian"
security=$(echo "$mirrors" | grep security | head -n 1) || true

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# A debootstrap that is older than the suite lacks only the name: Debian's suites share one script.
script=/usr/share/debootstrap/scripts/$suite
[ -e "$script" ] || script=/usr/share/debootstrap/scripts/sid
say "making $image from this machine's package mirror"
debootstrap --variant=minbase "$suite" "$root" "$mirror" "$script" >"$root.log" 2>&1 || {
    tail -n 20 "$root.log" >&2
    rm -f "$root.log"
    fail "debootstrap did not succeed"
}
rm -f "$root.log"

printf 'deb %s %s main\n' "$mirror" "$suite" >"$root/etc/apt/sources.list"
if [ -n "$security" ] && [ "$suite" != forky ] && [ "$suite" != sid ]; then
    {
        printf 'deb %s %s-updates main\n' "$mirror" "$suite"
        printf 'deb %s %s-security main\n' "$security" "$suite"
    } >>"$root/etc/apt/sources.list"
fi

# As the official slim image has it: no services are started, no archives kept, no manuals unpacked.
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 0755 "$root/usr/sbin/policy-rc.d"
cat >"$root/etc/apt/apt.conf.d/docker-clean" <<'END'
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
APT::Update::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true"; };
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
END
printf 'Acquire::Languages "none";\n' >"$root/etc/apt/apt.conf.d/docker-no-languages"
# The index of a suite that is not released expires; a machine whose clock is ahead would refuse it.
printf 'Acquire::Check-Valid-Until "false";\n' >"$root/etc/apt/apt.conf.d/no-valid-until"
cat >"$root/etc/dpkg/dpkg.cfg.d/docker-slim" <<'END'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/groff/*
path-exclude /usr/share/info/*
path-exclude /usr/share/linda/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-exclude /usr/share/man/*
END
rm -rf "$root"/usr/share/doc/* "$root"/usr/share/groff/* "$root"/usr/share/info/* \
    "$root"/usr/share/lintian/* "$root"/usr/share/locale/* "$root"/usr/share/man/* \
    "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/archives/*.deb "$root"/var/log/*.log

tar -C "$root" --numeric-owner -c . | docker import -c 'CMD ["bash"]' - "$image" >/dev/null
say "made $image"
