# shellcheck shell=sh disable=SC2034,SC2154 # A part of image-test.sh, which has the rest.
# Checks `migrations.image`: the migration command in a container beside the gate's, from each place that
# the gate's own container can be in, and what is left of it however it ends.

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
