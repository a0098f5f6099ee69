#!/bin/sh
# Runs the image as a GitHub runner runs it, on each major that it has. Usage:
#   scripts/image-test.sh IMAGE DIRECTORY-OF-BUILD
# The build directory has release/examples/shop-app, which the examples start.
set -eu

cd "$(dirname "$0")/.."
image=$1
app=$2/release/examples/shop-app
[ -x "$app" ] || {
    echo "error: there is no \`$app\`: cargo build --release --example shop-app" >&2
    exit 1
}
case $app in
    /*) ;;
    *) app=$PWD/$app ;;
esac

# The owner of a runner's files.
runner=1001:121
name=pgrehearse-image-test-$$
other=pgrehearse-image-neighbour-$$
root=$(mktemp -d)
failed=0
# Those that made something at Docker's, by their ids.
runs=

clean_up() {
    docker ps --all --quiet --filter "name=$name" | xargs -r docker rm --force >/dev/null 2>&1 || true
    docker rm --force "$other" >/dev/null 2>&1 || true
    for run in $runs; do
        docker ps --all --quiet --filter "label=run-id=$run" | xargs -r docker rm --force >/dev/null 2>&1 || true
        docker network ls --quiet --filter "label=run-id=$run" | xargs -r docker network rm >/dev/null 2>&1 || true
        docker volume ls --quiet --filter "label=run-id=$run" | xargs -r docker volume rm >/dev/null 2>&1 || true
    done
    rm -rf "$root"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ok() {
    printf 'ok    %s\n' "$1"
}

# $1: what should be; the rest: a command that succeeds if it is.
check() {
    checked=$1
    shift
    if "$@" >/dev/null 2>&1; then
        ok "$checked"
    else
        printf 'wrong %s\n' "$checked"
        failed=$((failed + 1))
    fi
}

is() {
    [ "$1" = "$2" ]
}

# A job's directories, as a runner has them on its disk.
new_job() {
    rm -rf "$root/job"
    mkdir -p "$root/job/workspace" "$root/job/temp" "$root/job/home" "$root/job/files" "$root/job/workflow"
    : >"$root/job/files/output"
    : >"$root/job/files/state"
    : >"$root/job/files/summary"
    echo '{}' >"$root/job/workflow/event.json"
}

# A project in the workspace. $1: directory, $2: pgrehearse.yml; production and a migration are SQL.
project() {
    mkdir -p "$1/migrations"
    printf 'create table t (id int primary key);\ninsert into t select generate_series(1, 1000);\n' >"$1/production.sql"
    printf 'alter table t add column note text;\n' >"$1/migrations/0001_note.sql"
    printf '%s\n' "$2" >"$1/pgrehearse.yml"
}

own() {
    chown -R "$runner" "$root/job"
}

# The container as a runner starts it: root, its mounts, its variables, HOME. Arguments: further
# options of `docker run`. Starts nothing in between, since a shell drops variables with hyphens.
as_runner() {
    docker run --name "$name" --label pgrehearse-image-test --workdir /github/workspace --rm \
        -e HOME=/github/home -e CI=true -e GITHUB_ACTIONS=true \
        -e GITHUB_WORKSPACE=/github/workspace -e RUNNER_TEMP=/github/runner_temp \
        -e GITHUB_EVENT_NAME=workflow_dispatch -e GITHUB_EVENT_PATH=/github/workflow/event.json \
        -e GITHUB_API_URL=http://127.0.0.1:1 -e GITHUB_REPOSITORY=o/r -e GITHUB_RUN_ID=1 \
        -e GITHUB_OUTPUT=/github/file_commands/output -e GITHUB_STATE=/github/file_commands/state \
        -e GITHUB_STEP_SUMMARY=/github/file_commands/summary -e SHOP_APP=/opt/shop-app \
        -v /var/run/docker.sock:/var/run/docker.sock -v "$root/job/temp:/github/runner_temp" \
        -v "$root/job/home:/github/home" -v "$root/job/workflow:/github/workflow" \
        -v "$root/job/files:/github/file_commands" -v "$root/job/workspace:/github/workspace" \
        -v "$app:/opt/shop-app:ro" "$@"
}

# Runs to the end; leaves `code`, and what was said in the file `log`.
run() {
    code=0
    as_runner "$@" "$image" action >"$root/log" 2>&1 || code=$?
}

output() {
    sed -n "/^$1<</{n;p;}" "$root/job/files/output" | tail -n 1
}

state() {
    sed -n "s/^$1=//p" "$root/job/files/state" | tail -n 1
}

clean_up_step() {
    code=0
    docker run --rm --name "$name-post" --workdir /github/workspace \
        --entrypoint /usr/local/bin/pgrehearse-cleanup \
        -e "STATE_run=$(state run)" -e "STATE_container=$(state container)" \
        -e GITHUB_WORKSPACE=/github/workspace \
        -v /var/run/docker.sock:/var/run/docker.sock -v "$root/job/temp:/github/runner_temp" \
        -v "$root/job/workspace:/github/workspace" "$image" action >"$root/log-post" 2>&1 || code=$?
    sed 's/^/      /' "$root/log-post"
}

not_owned_by_runner() {
    find "$1" ! -uid "${runner%:*}" -o ! -gid "${runner#*:}" -o -type f ! -perm 0644 -o -type d ! -perm 0755
}

nothing_is_left() {
    check "$1: no container is left" is "$(docker ps --all --quiet --filter "name=$name")" ""
    check "$1: nothing of the run is left on the runner's disk" \
        is "$(find "$root/job/temp" "$root/job/home" -mindepth 1)" ""
}

# Waits until a server of the run has its directory on the runner's disk, and runs.
wait_for_server() {
    tries=0
    until find "$root/job/temp" -name postmaster.pid 2>/dev/null | grep -q .; do
        tries=$((tries + 1))
        [ "$tries" -lt 600 ] || return 1
        sleep 0.1
    done
}

# A rehearsal that takes long enough to be ended, its servers on a disk that outlives the container.
start_slow() {
    new_job
    project "$root/job/workspace" "version: 1
source: { sql: production.sql }
target: { throwaway: { directory: /github/runner_temp } }
migrations: { files: 'migrations/*.sql', pending: all }"
    echo 'select pg_sleep(60);' >"$root/job/workspace/migrations/0002_slow.sql"
    own
    as_runner "$image" action >"$root/log" 2>&1 &
    client=$!
    wait_for_server || {
        cat "$root/log"
        echo 'wrong no server came up'
        exit 1
    }
    # Into the migration.
    sleep 2
}

# Waits for the client; leaves `code` and how long it took since `since`.
end_slow() {
    code=0
    wait "$client" || code=$?
    took=$(($(date +%s) - since))
}

size=$(docker image inspect --format '{{.Size}}' "$image")
majors=$(docker run --rm --entrypoint ls "$image" /usr/lib/postgresql)
# shellcheck disable=SC2086,SC2116 # In one line.
printf '%s: PostgreSQL %s, %s MB\n' "$image" "$(echo $majors)" "$((size / 1000000))"

for major in $majors; do
    for example in shop-go shop-no-go; do
        new_job
        cp -R examples/shop-go examples/shop-no-go "$root/job/workspace"
        printf '\ntarget: { throwaway: { version: %s } }\n' "$major" >>"$root/job/workspace/$example/pgrehearse.yml"
        own
        since=$(date +%s)
        run -e INPUT_POLICY=pgrehearse.yml -e "INPUT_WORKING-DIRECTORY=$example" -e "INPUT_REPORT-DIR=../build/report"
        took=$(($(date +%s) - since))
        case $example in
            shop-go) expected=0 verdict=go ;;
            *) expected=1 verdict=no-go ;;
        esac
        what="PostgreSQL $major, $example"
        [ "$code" = "$expected" ] || tail -n 30 "$root/log"
        check "$what: exit code $expected, in $took s" is "$code" "$expected"
        check "$what: verdict $verdict" is "$(output verdict)" "$verdict"
        check "$what: its exit code is an output" is "$(output exit-code)" "$expected"
        check "$what: junit.xml is where the output says" test -s "$root/job/workspace/$(output junit-path)"
        check "$what: report.html is where the output says" test -s "$root/job/workspace/$(output html-path)"
        check "$what: the summary is written" grep -q 'pgrehearse' "$root/job/files/summary"
        check "$what: all reports belong to the runner's user" is "$(not_owned_by_runner "$root/job/workspace/build")" ""
        check "$what: the server was a $major" grep -q "\"server_version\": \"$major\." "$root/job/workspace/build/report/report.json"
        count=$(grep -cE '^::(error|warning|notice) ' "$root/log" || true)
        check "$what: $count annotations, at most ten" test "$count" -le 10
        nothing_is_left "$what"
    done
    check "PostgreSQL $major: an annotation has its file as the repository names it" \
        grep -qE '^::warning file=shop-no-go/mistakes/[^,]+,line=2,' "$root/log"
done

new_job
project "$root/job/workspace" "version: 1
source: { sql: production.sql }
migrations: { command: sh orphans.sh, files: 'migrations/*.sql', pending: all }
baseline: { init: production.sql }
verify:
  assertions:
    - { name: shared memory is not Docker's 64 MB, sql: \"select current_setting('dynamic_shared_memory_type') = 'mmap'\", expect: true }
    - { name: the usual locale is there, sql: \"select count(*) from pg_collation where collname = 'en_US.utf8'\", expect: 1 }"
# Each orphan ends soon; what has ended and was not waited for has the state Z.
cat >"$root/job/workspace/orphans.sh" <<'END'
for orphan in 1 2 3 4 5 6 7 8 9 10; do (setsid sleep 0.1 &); done
sleep 1
cat /proc/[0-9]*/stat 2>/dev/null | sed 's/.*) //' | cut -d ' ' -f 1 | grep -c Z >zombies
env >environment
psql -q -f migrations/0001_note.sql
END
own
run -e 'REPLICA_URL=postgres://app:p%40ss-word@db:5432/shop' -e 'INPUT_GITHUB-TOKEN=ghs_token' \
    -e ACTIONS_RUNTIME_TOKEN=runtime
[ "$code" = 0 ] || tail -n 30 "$root/log"
check "a command that leaves orphans: go" is "$code" 0
check "a command that leaves orphans: no zombies" is "$(cat "$root/job/workspace/zombies")" 0
check "the migration command sees no token and no file of the runner" \
    sh -c "! grep -E '^(INPUT_|ACTIONS_|GITHUB_OUTPUT|GITHUB_STATE|REPLICA_URL)' '$root/job/workspace/environment'"
for secret in 'p@ss-word' 'p%2540ss-word' 'postgres://app:p%2540ss-word@db:5432/shop'; do
    check "\`$secret\` is masked" grep -qxF "::add-mask::$secret" "$root/log"
done
nothing_is_left "a command that leaves orphans"

# The workspace is another user's: git refuses it unless it is told otherwise.
new_job
project "$root/job/workspace" "version: 1
source: { sql: production.sql }
migrations: { files: 'migrations/*.sql' }"
echo 'drop table old_and_known;' >"$root/job/workspace/migrations/0000_old.sql"
git="git -C $root/job/workspace -c user.name=t -c user.email=t@example.com -c init.defaultBranch=main"
$git init --quiet && $git add migrations/0000_old.sql && $git commit --quiet --message base
$git update-ref refs/remotes/origin/main HEAD
$git add . && $git commit --quiet --message change
own
run -e INPUT_COMMAND=lint
check "another user's repository: only what is new is linted" sh -c "grep -q '1 file' '$root/log' && ! grep -q 0000_old '$root/log'"
printf '[core\n' >"$root/job/workspace/.git/config"
run
check "a repository that git can't read: undecided, exit code 3" is "$code-$(output verdict)" 3-undecided

new_job
own
run -e INPUT_COMMAND=deploy
check "an unknown input: exit code 2" is "$code-$(output verdict)" 2-undecided

start_slow
since=$(date +%s)
docker stop --time 10 "$name" >/dev/null
end_slow
check "docker stop: exit code 143, after $took s" is "$code" 143
check "docker stop: in less than 10 s" test "$took" -lt 10
check "docker stop: junit.xml is written" test -s "$root/job/workspace/pgrehearse-report/junit.xml"
nothing_is_left "docker stop"

start_slow
since=$(date +%s)
docker kill --signal INT "$name" >/dev/null
end_slow
check "SIGINT, as a runner cancels: exit code 130, after $took s" is "$code" 130
nothing_is_left "SIGINT"

start_slow
since=$(date +%s)
# The gate itself, which is the first child of process 1.
docker exec "$name" sh -c 'kill -9 "$(cut -d " " -f 1 /proc/1/task/1/children)"'
end_slow
check "the gate is killed: exit code 137, after $took s" is "$code" 137
nothing_is_left "the gate is killed"

start_slow
since=$(date +%s)
docker kill "$name" >/dev/null
end_slow
check "the container is killed: exit code 137" is "$code" 137
check "the container is killed: its data is left on the runner's disk" \
    test "$(find "$root/job/temp" -name 'pgrehearse-*' | wc -l)" -gt 0
clean_up_step
check "the step after the job: exit code 0" is "$code" 0
nothing_is_left "the step after the job"

start_slow
since=$(date +%s)
kill -9 "$client"
wait "$client" 2>/dev/null || true
check "Docker's client is killed: the container lives on" \
    test -n "$(docker ps --quiet --filter "name=$name")"
clean_up_step
check "the step after the job ends it: exit code 0" is "$code" 0
nothing_is_left "the step after the job ends it"

new_job
clean_up_step
check "a step after a job without a run: exit code 0" is "$code" 0

# A container that has nothing to do with a run. It listens on nothing, so who reaches it is refused.
docker run --detach --name "$other" --entrypoint sleep "$image" 900 >/dev/null
neighbour=$(docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "$other")

# The migration command in an image of its own: a container beside the gate's. The gate's image has psql,
# which is tool enough. The script comes by standard input.
sibling_project() {
    new_job
    project "$root/job/workspace" "version: 1
source: { sql: production.sql }
baseline: { init: production.sql }
target: { throwaway: { directory: /github/runner_temp } }
migrations:
  image: $image
  command: sh migrate.sh
  files: 'migrations/*.sql'
  pending: all
  hold_back: [{ file: '*_cleanup.sql', until: 2090-01-01, reason: later }]"
    echo 'drop table t;' >"$root/job/workspace/migrations/0002_cleanup.sql"
    cat >"$root/job/workspace/migrate.sh"
    echo "$neighbour" >"$root/job/workspace/neighbour"
    own
}

# What a run has at Docker's.
at_docker() {
    docker ps --all --quiet --filter "label=run-id=$1"
    docker network ls --quiet --filter "label=run-id=$1"
    docker volume ls --quiet --filter "label=run-id=$1"
}

nothing_is_left_at_docker() {
    runs="$runs $(state run)"
    check "$1: nothing is left at Docker's" is "$(at_docker "$(state run)")" ""
    nothing_is_left "$1"
}

# $1: a pattern of what the migration command wrote, from the beginning of a line.
said() {
    grep -q " migrate | $1" "$root/log"
}

# $1: what it is about; the rest: options of `docker run`.
run_sibling() {
    what=$1
    shift
    sibling_project <<'END'
echo "user $(id -u):$(id -g) in $(pwd)"
echo "files" migrations/*
if [ -e /var/run/docker.sock ]; then echo the socket is there; fi
if env | grep -E '^(INPUT_|ACTIONS_|GITHUB_)'; then echo a variable of the runner is there; fi
timeout 3 bash -c "echo >/dev/tcp/$(cat neighbour)/1" && true
echo "outside: $?"
psql -q -v ON_ERROR_STOP=1 -f migrations/0001_note.sql
END
    since=$(date +%s)
    run -e 'INPUT_GITHUB-TOKEN=ghs_token' -e GITHUB_TOKEN=ghs_token -e ACTIONS_RUNTIME_TOKEN=runtime "$@"
    took=$(($(date +%s) - since))
    [ "$code" = 0 ] || tail -n 30 "$root/log"
    check "$what: go, in $took s" is "$code" 0
    check "$what: it runs as the workspace's owner, and where the policy is" \
        said "user $runner in /github/workspace\$"
    check "$what: it sees what is not held back" said 'files migrations/0001_note.sql$'
    check "$what: it sees no socket and no variable of the runner" \
        sh -c "! grep -E ' migrate [|] (the socket|a variable)' '$root/log'"
    nothing_is_left_at_docker "$what"
}

has_own_network() {
    ! grep -q "can join no other" "$root/job/workspace/pgrehearse-report/report.json"
}

has_no_own_network() {
    ! has_own_network
}

run_sibling "a sibling"
check "a sibling: no way out" said 'outside: 124$'
check "a sibling: a network of its own" has_own_network
check "a sibling: the report has its image" \
    grep -q '"image": "sha256:' "$root/job/workspace/pgrehearse-report/report.json"

run_sibling "a sibling, in another container's network" --network "container:$other"
check "a sibling, in another container's network: no way out" said 'outside: 124$'
check "a sibling, in another container's network: a network of its own" has_own_network

run_sibling "a sibling, in the host's network" --network host
check "a sibling, in the host's network: no way out" said 'outside: 124$'
check "a sibling, in the host's network: a network of its own" has_own_network

run_sibling "a sibling, where no network can be joined" --network none
check "a sibling, where no network can be joined: that is told" has_no_own_network

# Starts a sibling that hangs.
start_sibling() {
    sibling_project <<'END'
trap '' TERM INT
echo hanging
sleep 600
END
    : >"$root/log"
    as_runner "$image" action >"$root/log" 2>&1 &
    client=$!
    tries=0
    until grep -q ' | hanging' "$root/log"; do
        tries=$((tries + 1))
        if [ "$tries" -ge 600 ]; then
            cat "$root/log"
            echo 'wrong no sibling came up'
            exit 1
        fi
        sleep 0.1
    done
    runs="$runs $(state run)"
}

for signal in INT TERM; do
    start_sibling
    since=$(date +%s)
    docker kill --signal "$signal" "$name" >/dev/null
    end_slow
    check "SIG$signal with a sibling: in less than 10 s ($took)" test "$took" -lt 10
    nothing_is_left_at_docker "SIG$signal with a sibling"
done

start_sibling
since=$(date +%s)
docker exec "$name" sh -c 'kill -9 "$(cut -d " " -f 1 /proc/1/task/1/children)"'
end_slow
check "the gate is killed with a sibling: exit code 137, after $took s" is "$code" 137
nothing_is_left_at_docker "the gate is killed with a sibling"

start_sibling
since=$(date +%s)
docker kill "$name" >/dev/null
end_slow
check "the container is killed with a sibling: that lives on" test -n "$(at_docker "$(state run)")"
clean_up_step
check "the step after the job ends a sibling: exit code 0" is "$code" 0
nothing_is_left_at_docker "the step after the job ends a sibling"

start_sibling
since=$(date +%s)
docker kill "$name" >/dev/null
end_slow
left=$(state run)
check "the container is killed again: its sibling lives on" test -n "$(at_docker "$left")"
run_sibling "the next run"
check "the next run ends a dead run's sibling" is "$(at_docker "$left")" ""

if [ "$failed" -gt 0 ]; then
    printf '\nerror: %s checks of %s failed\n' "$failed" "$image" >&2
    exit 1
fi
printf '\nall is as it should be in %s\n' "$image"
