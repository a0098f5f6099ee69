#!/bin/sh
# Runs the action as workflows do, with act and without a network: both examples on each event, and
# a run that is cancelled. Usage: scripts/action-test.sh IMAGE DIRECTORY-OF-BUILD
set -eu

cd "$(dirname "$0")/.."
image=$1
build=$2
act=$build/action-tools/bin/act
root=$(mktemp -d)
repository=$root/repository
failed=0

# Containers of act and of the action are told from others by the time they were made.
others=$(docker ps --all --quiet | sort)

ours() {
    docker ps --all --quiet | sort | grep -vxF "${others:-none}" || true
}

clean_up() {
    ours | xargs -r docker rm --force >/dev/null 2>&1 || true
    docker volume ls --quiet --filter name=act- | xargs -r docker volume rm --force >/dev/null 2>&1 || true
    rm -rf "$root"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# $1: what should be; the rest: a command that succeeds if it is.
check() {
    checked=$1
    shift
    if "$@" >/dev/null 2>&1; then
        printf 'ok    %s\n' "$checked"
    else
        printf 'wrong %s\n' "$checked"
        failed=$((failed + 1))
    fi
}

mkdir -p "$repository/.github/workflows" "$repository/action" "$repository/bin" "$repository/slow/migrations" \
    "$repository/image/migrations"
# As a release has it: the image is there, and is named.
sed "s|image: Dockerfile|image: docker://$image|" action.yml >"$repository/action/action.yml"
grep -q "docker://$image" "$repository/action/action.yml"
cp -R examples/shop-go examples/shop-no-go "$repository"
cp "$build/release/examples/shop-app" "$repository/bin/shop-app"
echo 'create table t (id int);' >"$repository/slow/production.sql"
echo 'select pg_sleep(120);' >"$repository/slow/migrations/0001_slow.sql"
cat >"$repository/slow/pgrehearse.yml" <<'END'
version: 1
source: { sql: production.sql }
migrations: { files: migrations/*.sql, pending: all }
END
# The gate's own image has psql, which is tool enough.
echo 'create table t (id int);' >"$repository/image/production.sql"
echo 'alter table t add column note text;' >"$repository/image/migrations/0001_note.sql"
cat >"$repository/image/pgrehearse.yml" <<END
version: 1
source: { sql: production.sql }
baseline: { init: production.sql }
migrations:
  image: $image
  command: sh migrate.sh
  files: migrations/*.sql
  pending: all
END
cat >"$repository/image/migrate.sh" <<'END'
test ! -e /var/run/docker.sock && echo "no socket in $(pwd)"
env | grep -E '^(INPUT_|ACTIONS_|GITHUB_)' || echo no variable of the runner
psql -q -v ON_ERROR_STOP=1 -f migrations/0001_note.sql
END
cat >"$repository/.github/workflows/image.yml" <<'END'
name: image
on: workflow_dispatch
permissions: {}
jobs:
  image:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: gate
        uses: ./action
        with:
          working-directory: image
      - env:
          SAID: image ${{ steps.gate.outputs.verdict }} ${{ steps.gate.outputs.exit-code }}
        run: |
          echo "said: $SAID"
END
cat >"$repository/.github/workflows/gate.yml" <<'END'
name: gate
on: [pull_request, merge_group, workflow_dispatch]
permissions: {}
jobs:
  examples:
    strategy:
      max-parallel: 1
      fail-fast: false
      matrix:
        example: [shop-go, shop-no-go]
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - id: gate
        uses: ./action
        continue-on-error: true
        with:
          working-directory: ${{ matrix.example }}
        env:
          SHOP_APP: ../bin/shop-app
      - env:
          SAID: ${{ matrix.example }} ${{ steps.gate.outputs.verdict }} ${{ steps.gate.outputs.exit-code }} ${{ steps.gate.outcome }}
          JUNIT: ${{ steps.gate.outputs.junit-path }}
        run: |
          echo "said: $SAID"
          test -s "$JUNIT" && echo "junit of ${{ matrix.example }} is there"
END
cat >"$repository/.github/workflows/slow.yml" <<'END'
name: slow
on: workflow_dispatch
permissions: {}
jobs:
  slow:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - uses: ./action
        with:
          working-directory: slow
END
git -C "$repository" init --quiet --initial-branch main
git -C "$repository" config user.name t
git -C "$repository" config user.email t@example.com
# The change brings the migrations; what it goes to has the rest.
git -C "$repository" add . ':!*/migrations/*'
git -C "$repository" commit --quiet --message base
base=$(git -C "$repository" rev-parse HEAD)
git -C "$repository" add .
git -C "$repository" commit --quiet --message change

runner=${RUNNER_IMAGE:-debian:trixie-slim}
sha=$(git -C "$repository" rev-parse HEAD)
cat >"$root/pull_request.json" <<END
{"action": "synchronize", "number": 7, "pull_request": {"number": 7, "user": {"login": "somebody"},
 "head": {"ref": "change", "sha": "$sha", "repo": {"id": 1, "full_name": "o/r", "fork": false}},
 "base": {"ref": "main", "sha": "$base", "repo": {"id": 1, "full_name": "o/r"}}}, "repository": {"id": 1, "full_name": "o/r"}}
END
cat >"$root/merge_group.json" <<END
{"action": "checks_requested", "merge_group": {"head_sha": "$sha", "base_sha": "$base",
 "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-$sha", "base_ref": "refs/heads/main"}, "repository": {"full_name": "o/r"}}
END
cat >"$root/workflow_dispatch.json" <<END
{"ref": "refs/heads/main", "inputs": {}, "repository": {"full_name": "o/r"}}
END

# $1: the event, $2: the workflow. The API is a closed port: what can't be posted changes no verdict.
act() {
    cd "$repository"
    exec env HOME="$root" XDG_CACHE_HOME="$root/cache" "$act" "$1" \
        --eventpath "$root/$1.json" --workflows ".github/workflows/$2.yml" \
        --platform "ubuntu-latest=$runner" --pull=false --network host --rm \
        --container-architecture linux/amd64 \
        --secret GITHUB_TOKEN=ghs_test_token --env GITHUB_API_URL=http://127.0.0.1:1
}

for event in ${EVENTS:-pull_request merge_group workflow_dispatch}; do
    code=0
    since=$(date +%s)
    (act "$event" gate) >"$root/log" 2>&1 || code=$?
    took=$(($(date +%s) - since))
    log=$root/log
    if [ -n "${ACTION_TEST_LOG:-}" ]; then cp "$log" "$ACTION_TEST_LOG.$event"; fi
    [ "$code" = 0 ] || tail -n 40 "$log"
    check "$event: both examples ran, in $took s" test "$code" = 0
    check "$event: go, and its outputs" grep -q 'said: shop-go go 0 success' "$log"
    check "$event: no-go, and its outputs" grep -q 'said: shop-no-go no-go 1 failure' "$log"
    check "$event: a later step finds junit.xml of the first" grep -q 'junit of shop-go is there' "$log"
    check "$event: a later step finds junit.xml of the second" grep -q 'junit of shop-no-go is there' "$log"
    # act hands no state to it, unlike a runner: that part is in image-test.sh.
    check "$event: the step after the job ran" grep -q 'nothing to clear up' "$log"
    check "$event: nothing is left" test -z "$(ours)"
done

at_docker() {
    docker network ls --quiet --filter label=managed-by=pgrehearse
    docker volume ls --quiet --filter label=managed-by=pgrehearse
}

code=0
since=$(date +%s)
(act workflow_dispatch image) >"$root/log" 2>&1 || code=$?
took=$(($(date +%s) - since))
if [ -n "${ACTION_TEST_LOG:-}" ]; then cp "$root/log" "$ACTION_TEST_LOG.image"; fi
[ "$code" = 0 ] || tail -n 40 "$root/log"
check "migrations.image: go, in $took s" grep -q 'said: image go 0' "$root/log"
check "migrations.image: no socket, in the workspace" grep -qE "no socket in /.*/image" "$root/log"
check "migrations.image: no variable of the runner" grep -q "no variable of the runner" "$root/log"
check "migrations.image: nothing is left" test -z "$(ours)$(at_docker)"

# act has no way to cancel a run but its own end.
for signal in INT TERM; do
    (act workflow_dispatch slow) >"$root/log" 2>&1 &
    client=$!
    tries=0
    until grep -q ': migrations/0001_slow.sql' "$root/log" 2>/dev/null || [ "$tries" -ge 600 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    check "SIG$signal: a migration was on its way" test "$tries" -lt 600
    sleep 1
    since=$(date +%s)
    kill -s "$signal" "$client" || tail -n 20 "$root/log"
    wait "$client" || true
    # What was asked to end may take a moment longer than who asked.
    tries=0
    while [ -n "$(ours)" ] && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.1
    done
    if [ -n "${ACTION_TEST_LOG:-}" ]; then cp "$root/log" "$ACTION_TEST_LOG.$signal"; fi
    check "SIG$signal to act: nothing is left after $(($(date +%s) - since)) s" test -z "$(ours)"
done

if [ "$failed" -gt 0 ]; then
    printf '\nerror: %s checks of the action failed\n' "$failed" >&2
    exit 1
fi
printf '\nthe action is as it should be with %s\n' "$image"
