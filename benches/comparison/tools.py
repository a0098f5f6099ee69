"""The tools, and what each says of a migration."""

import json
import os
import re
import subprocess
import time

from database import HERE, Beside

# Rules of taste, of naming and of repetition, which say nothing of what a migration does to a service
# that runs: reported by squawk, not judged here.
TASTE = ("prefer-", "ban-char", "adding-serial", "require-enum", "identifier-too-long")

# What is felt is 0.25 s here, so the gate may say so from there on. Its own limits are higher: of a
# table's rows there are more where it is used than here.
LIMITS = {
    "blocking-lock": "250ms", "reads-stalled": "250ms", "writes-stalled": "250ms", "index-blocks-writes": "250ms",
    "mixed-ddl-and-backfill": "250ms", "lock-held-across-statements": "250ms", "table-rewrite": "10MB",
}


def squawk(program, files):
    began = time.monotonic()
    ran = subprocess.run(
        [program, "--reporter", "json", "--pg-version", "15.0", "--no-error-on-unmatched-pattern",
         *(["--assume-in-transaction"] if in_transaction(files) else []), *files],
        capture_output=True, text=True, check=False, cwd=HERE,
    )
    took = time.monotonic() - began
    found = [(entry["rule_name"], entry["line"] + 1) for entry in json.loads(ran.stdout or "[]")]
    return {
        "rules": unique(name for name, _ in found if not name.startswith(TASTE)),
        "taste": unique(name for name, _ in found if name.startswith(TASTE)),
        "seconds": took,
    }


def in_transaction(files):
    """Whether a tool would wrap it: all but what can't be in a transaction."""
    return any("set local" in file.read_text() for file in files)


def eugene(program, server, database, files):
    """With `--commit`, in a copy that has the rows: the best that it can do."""
    began = time.monotonic()
    hints, locks, error = [], [], None
    with Beside(server, database, files):
        for file in files:
            ran = subprocess.run(
                [program, "trace", "--disable-temporary", "--commit", "--format", "json",
                 "-H", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-d", database, file],
                env={**os.environ, "PGPASS": "comparison"}, capture_output=True, text=True, check=False,
            )
            if not ran.stdout.strip():
                said = re.search(r'message: ("(?:\\.|[^"\\])*")', ran.stderr)
                error = json.loads(said[1]) if said else f"exit code {ran.returncode}"
                break
            trace = json.loads(ran.stdout)
            hints += [hint["id"] for statement in trace["statements"] for hint in statement["triggered_rules"]]
            locks += [
                (lock["object_name"], mode(lock["mode"]), lock["lock_duration_millis"] / 1000)
                for lock in trace["all_locks_acquired"]
                if "INSERT" in lock["blocked_queries"] and lock["relkind"] != "Index"
            ]
    return {"hints": unique(hints), "locks": locks, "error": error, "seconds": time.monotonic() - began}


def pgrehearse(program, server, programs, files, workspace):
    """On a clone of production that it makes by itself."""
    migrations = workspace / "migrations"
    migrations.mkdir(parents=True, exist_ok=True)
    for file in files:
        (migrations / file.name).write_text(file.read_text())
    (workspace / "pgrehearse.yml").write_text(
        "version: 1\nname: comparison\nsource: { database: { url: '${PRODUCTION_URL}' } }\n"
        "migrations: { files: migrations/*.sql, role: app }\n"
        f"postgres: {{ bin_dir: '{programs}' }}\n"
        f"rules: {{ {', '.join(f'{rule}: {{ over: {limit} }}' for rule, limit in LIMITS.items())} }}\n"
    )
    began = time.monotonic()
    ran = subprocess.run(
        [program, "run", "--until", "verify"], cwd=workspace, capture_output=True, text=True, check=False,
        env={**os.environ, "PRODUCTION_URL": server.url("production"), "NO_COLOR": "1"},
    )
    took = time.monotonic() - began
    path = workspace / "pgrehearse-report" / "report.json"
    if not path.is_file():
        raise SystemExit(f"pgrehearse wrote no report\n{ran.stdout}\n{ran.stderr}")
    report = json.loads(path.read_text())
    trace = report["trace"] or {"statements": [], "transactions": [], "stalls": []}
    held = {}
    for transaction in trace["transactions"]:
        for lock in transaction["locks"]:
            if lock["mode"] in ("SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE") \
                    and not lock["new"] and lock["kind"] in ("table", "materialized view"):
                seconds = lock["released"] - lock["acquired"]
                held[(lock["relation"], lock["mode"])] = max(seconds, held.get((lock["relation"], lock["mode"]), 0))
    return {
        "findings": [(finding["rule"], finding["level"], finding["object"], finding["message"]) for finding in report["findings"]],
        "held": [(relation, mode, seconds) for (relation, mode), seconds in held.items()],
        "stalls": [(stall["relation"], stall["access"], stall["seconds"]) for stall in trace["stalls"]],
        "rewrites": [rewrite["relation"] for statement in trace["statements"] for rewrite in statement["rewrites"]],
        "scans": [(scan["relation"], scan["rows"]) for statement in trace["statements"] for scan in statement["scans"]],
        "seconds": took,
        "code": ran.returncode,
    }


def unique(names):
    return list(dict.fromkeys(names))


def version(program):
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[-1]


def mode(name):
    """`AccessExclusiveLock` as the documentation writes it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.removesuffix("Lock")).upper()
