# The image of the action and of every other container: the gate, PostgreSQL 15 to 18, git.
#
# Plain Dockerfile syntax, so that the legacy builder builds it too. `make image` builds it from a
# binary that is there already; without `BINARY` the first stage compiles one.

# A digest may be given: --build-arg BASE_IMAGE=debian:trixie-slim@sha256:...
ARG BASE_IMAGE=debian:trixie-slim
ARG RUST_IMAGE=rust:1.95-trixie

FROM ${RUST_IMAGE} AS builder
# A binary inside the build context; then nothing is compiled and RUST_IMAGE may be any Debian.
ARG BINARY=
COPY . /build
RUN set -eu; \
    cd /build; \
    if [ -z "$BINARY" ]; then \
        cargo build --release --locked --bin pgrehearse; \
        BINARY=target/release/pgrehearse; \
    fi; \
    mkdir -p /out; \
    install -m 0755 "$BINARY" /out/pgrehearse; \
    cp LICENSE LICENSE-APACHE LICENSE-MIT /out/

FROM ${BASE_IMAGE}
# Which majors. With PGDG=0 the distribution's own packages are taken, as many of these as it has.
ARG PG_VERSIONS="15 16 17 18"
ARG PGDG=1

# The package source of the PostgreSQL project is set up by Debian's own script, which brings the key.
# The database directory's own locale is C.UTF-8, which Debian's C library has. en_US.UTF-8 is added
# because it is what production's databases are commonly made with, on RDS too: a dump that names it
# can't be restored without it; further ones would be 238 MB. No cluster is made: the gate makes its own. The certificate that
# `ssl-cert` makes would be the same secret in every container.
RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive LC_ALL=C; \
    install() { apt-get install -y --no-install-recommends "$@"; }; \
    apt-get update; \
    install ca-certificates git locales postgresql-common; \
    printf '\ncreate_main_cluster = false\n' >>/etc/postgresql-common/createcluster.conf; \
    if [ "$PGDG" = 1 ]; then \
        /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y; \
    fi; \
    found=; \
    for version in $PG_VERSIONS; do \
        if [ "$PGDG" = 1 ] || [ -n "$(apt-cache madison "postgresql-$version")" ]; then \
            install "postgresql-$version" "postgresql-client-$version"; \
            found="$found $version"; \
        fi; \
    done; \
    if [ -z "$found" ]; then echo "error: none of PostgreSQL $PG_VERSIONS is packaged here" >&2; exit 1; fi; \
    localedef --no-archive -i en_US -f UTF-8 /usr/lib/locale/en_US.utf8; \
    groupadd --system --gid 10001 pgrehearse; \
    useradd --system --gid 10001 --uid 10001 --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin pgrehearse; \
    ln -s pgrehearse /usr/local/bin/pgrehearse-cleanup; \
    rm -rf /etc/ssl/private/ssl-cert-snakeoil.key /etc/ssl/certs/ssl-cert-snakeoil.pem \
        /usr/share/doc/* /usr/share/info/* /usr/share/man/* /usr/share/locale/* /usr/share/i18n \
        /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old \
        /var/log/apt /var/log/*.log /tmp/*

COPY --from=builder /out/pgrehearse /usr/local/bin/pgrehearse
COPY --from=builder /out/LICENSE /out/LICENSE-APACHE /out/LICENSE-MIT /usr/share/doc/pgrehearse/

ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="pgrehearse" \
    org.opencontainers.image.description="Rehearses a PostgreSQL migration on a clone of production and answers go or no-go" \
    org.opencontainers.image.source="https://github.com/pgrehearse/pgrehearse" \
    org.opencontainers.image.licenses="Apache-2.0 OR MIT" \
    org.opencontainers.image.version="$VERSION" \
    org.opencontainers.image.revision="$REVISION"
# A part of what a verdict is of: `run --verify-fresh` compares it.
ENV PGREHEARSE_IMAGE="$VERSION $REVISION"

# No USER: a GitHub runner's files belong to another user, and the gate gives up root for its servers
# by itself. No WORKDIR: the runner sets it. No shell in between, which would drop `INPUT_A-B`.
ENTRYPOINT ["/usr/local/bin/pgrehearse"]
