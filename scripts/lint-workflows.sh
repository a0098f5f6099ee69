#!/bin/sh
# Checks workflows, actions, issue forms and Dependabot's settings: against their schemas, and for what
# lets a stranger in. The schemas come with the checker; nothing is fetched.
set -eu

cd "$(dirname "$0")/.."
tools=${CARGO_TARGET_DIR:-target}/workflow-tools/python/bin
[ -x "$tools/zizmor" ] || { echo "error: \`$tools/zizmor\` is missing: run scripts/install-workflow-tools.sh" >&2; exit 1; }

check() {
    schema=$1
    shift
    "$tools/check-jsonschema" --quiet --builtin-schema "vendor.$schema" "$@"
}

check github-workflows .github/workflows/*.yml
check github-issue-forms .github/ISSUE_TEMPLATE/[0-9]*.yml
check github-issue-config .github/ISSUE_TEMPLATE/config.yml
check dependabot .github/dependabot.yml
set -- .github
for action in action.yml setup/action.yml; do
    if [ -f "$action" ]; then
        check github-actions "$action"
        set -- "$@" "$action"
    fi
done
"$tools/zizmor" --offline --no-progress --quiet "$@"
