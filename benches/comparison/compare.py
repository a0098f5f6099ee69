"""What four ways to look at a migration see of the same thirty, beside what an application felt.

    make comparison

The table goes to standard output, all that was measured to `results.json` in the workspace."""

import argparse
import json
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import tools
from database import BLOCKING, FELT, HERE, Beside, Felt, Recorder, Server

# Squawk's rules that are about locks, rewrites, scans and waiting. Others may be right, too, but of other
# things: that an old application still reads a dropped column, or how a type should be called.
OF_LOCKS = {
    "adding-field-with-default", "adding-foreign-key-constraint", "adding-not-nullable-field",
    "adding-primary-key-constraint", "ban-alter-domain-with-add-constraint", "ban-concurrent-index-creation-in-transaction",
    "changing-column-type", "constraint-missing-not-valid", "disallowed-unique-constraint",
    "require-concurrent-index-creation", "require-concurrent-index-deletion", "require-concurrent-reindex",
    "require-lock-timeout", "require-statement-timeout", "require-timeout-settings", "prefer-repack",
}
# Eugene's hints about JSON columns and about foreign keys without an index. The second is of production,
# where `refunds` has one: it is given with every migration.
NOT_OF_LOCKS = {"E3", "E15"}
STRENGTH = [tools.mode(lock) for lock in BLOCKING]
PARTS = "felt,squawk,eugene,pgrehearse"
# The gate's rules about locks, waiting and failing.
STALLS = {
    "blocking-lock", "reads-stalled", "writes-stalled", "index-blocks-writes", "table-rewrite", "no-lock-timeout",
    "mixed-ddl-and-backfill", "lock-held-across-statements", "rows-locked", "statement-too-slow", "migration-failed", "migration-timeout",
    "foreign-key-violated",
}


def migrations():
    """The files of each, by number."""
    found = {}
    for file in sorted((HERE / "migrations").glob("*.sql")):
        found.setdefault(file.name[:2], []).append(file)
    return found


def measure(options, results):
    """Measures what is asked of each migration into `results`, by number; all else stays."""
    with Server(options.programs) as server:
        for number, files in migrations().items():
            if options.only and number not in options.only.split(","):
                continue
            title = files[0].read_text().splitlines()[0].removeprefix("-- ")
            print(f"{number} {title}", file=sys.stderr, flush=True)
            result = results.setdefault(number, {})
            result |= {"number": number, "title": title}
            if "felt" in options.parts:
                server.copy("felt")
                with Beside(server, "felt", files), Felt(server, "felt") as felt, Recorder(server, "felt") as recorder:
                    result["fails"] = server.psql("felt", files)
                result["felt"] = felt.longest()
                result["sampler"] = {"chance": recorder.chance(), "modes": recorder.strongest()}
                server.drop("felt")
            if "squawk" in options.parts:
                result["squawk"] = tools.squawk(options.squawk, files)
            if "eugene" in options.parts:
                server.copy("traced")
                result["eugene"] = tools.eugene(options.eugene, server, "traced", files)
                server.drop("traced")
            if "pgrehearse" in options.parts:
                project = options.workspace / number
                shutil.rmtree(project, ignore_errors=True)
                result["pgrehearse"] = tools.pgrehearse(options.pgrehearse, server, options.programs, files, project)
            kept = json.dumps(results, indent=1, sort_keys=True)
            (options.workspace / "results.json").write_text(kept)


def judged(result):
    """For each tool: `seen`, `told`, `missed`, `quiet` or `false alarm`, and what it says."""
    hurts = bool(result["felt"] or result["fails"])

    def word(alarm, told):
        if hurts:
            return "seen" if alarm else "told" if told else "missed"
        return "false alarm" if alarm else "quiet"

    squawk = [rule for rule in result["squawk"]["rules"] if rule in OF_LOCKS]
    yield "squawk", word(squawk, False), ", ".join(f"`{rule}`" for rule in squawk)

    eugene = result["eugene"]
    hints = [hint for hint in eugene["hints"] if hint not in NOT_OF_LOCKS]
    locks = strongest(eugene["locks"])
    # What it says of a migration that can't be run is that: that it can't.
    refused = f"refused: {eugene['error']}" if eugene["error"] else ""
    is_failure = bool(eugene["error"] and result["fails"])
    said = "; ".join(filter(None, [refused, ", ".join(hints), locks]))
    yield "eugene", word(hints or is_failure, locks), said

    chance = result["sampler"]["chance"]
    yield "sampler", "chance", f"{100 * chance:.0f} %" if chance >= 0.005 else "0 %"

    gate = result["pgrehearse"]
    # Its lint is squawk's rules, and is judged as they are.
    rules = [finding for finding in gate["findings"] if finding[0] in STALLS or finding[0].removeprefix("lint/") in OF_LOCKS]
    stalls = waits({f"{access} of {relation.removeprefix('public.')}": seconds for relation, access, seconds in longest(gate["stalls"])})
    held = strongest([(relation.removeprefix("public."), mode, seconds) for relation, mode, seconds in gate["held"]])
    # At `info` it says that what it read looked bad and what it ran was harmless.
    alarms, notes = (
        ", ".join(f"`{name}`" for name in tools.unique(rule for rule, level, *_ in rules if (level == "info") == is_note))
        for is_note in (False, True)
    )
    said = [alarms, notes and f"info: {notes}", held, stalls and f"felt: {stalls}"]
    yield "pgrehearse", word(alarms, stalls or held), "; ".join(filter(None, said))


def strongest(locks):
    """Of each relation, the lock that was held longest, if that is felt; of two as long, the stronger."""
    best = {}
    for relation, mode, seconds in locks:
        if seconds >= FELT:
            best[relation] = max(best.get(relation, (0, 0, "")), (seconds, STRENGTH.index(mode), mode))
    return ", ".join(f"{mode} on {relation} {seconds:.1f} s" for relation, (seconds, _, mode) in best.items())


def longest(stalls):
    best = {}
    for relation, access, seconds in stalls:
        best[relation, access] = max(seconds, best.get((relation, access), 0))
    return [(relation, access, seconds) for (relation, access), seconds in best.items()]


def waits(felt):
    """What waited, by table; reads and writes that waited about as long are one."""
    told = []
    tables = {}
    for what, seconds in felt.items():
        access, relation = what.split(" of ")
        if seconds >= FELT:
            tables.setdefault(relation, {})[access] = seconds
    for relation, accesses in tables.items():
        if len(accesses) == 2 and min(accesses.values()) > 0.8 * max(accesses.values()):
            accesses = {"reads and writes": max(accesses.values())}
        told += [f"{access} of {relation} {seconds:.1f} s" for access, seconds in accesses.items()]
    return ", ".join(told)


def table(results):
    lines = [
        "| | migration | the application felt | squawk | eugene trace | a look every 10 s | pgrehearse |",
        "|---|---|---|---|---|---|---|",
    ]
    counts = {}
    chances = 0.0
    for result in results:
        felt = waits(result["felt"])
        if result["fails"]:
            felt = "; ".join(filter(None, ["it fails", felt]))
        cells = [result["number"], result["title"], felt or "nothing"]
        for tool, word, said in judged(result):
            if tool == "sampler":
                chances += result["sampler"]["chance"] if result["felt"] else 0
                cells.append(said)
            else:
                counts.setdefault(tool, {}).setdefault(word, 0)
                counts[tool][word] += 1
                cells.append(f"**{word}** {said}".strip() if word in ("missed", "false alarm") else f"{word} {said}".strip())
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines.append("")
    for tool, words in counts.items():
        lines.append(f"{tool}: " + ", ".join(f"{count} {word}" for word, count in sorted(words.items())))
    hurting = sum(bool(result["felt"]) for result in results)
    lines.append(f"a look every 10 s: {chances:.1f} of {hurting} that were felt, on average")
    for tool in ("squawk", "eugene", "pgrehearse"):
        lines.append(f"{tool}: {sum(result[tool]['seconds'] for result in results) / len(results):.2f} s a migration")
    return "\n".join(lines)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pgrehearse", required=True)
    arguments.add_argument("--squawk", required=True)
    arguments.add_argument("--eugene", required=True)
    arguments.add_argument("--programs", required=True, help="PostgreSQL's, of one version")
    arguments.add_argument("--workspace", required=True, type=pathlib.Path)
    arguments.add_argument("--only", help="numbers of migrations, with commas between them")
    arguments.add_argument("--parts", default=PARTS, help="what is measured anew, the rest is as it was")
    options = arguments.parse_args()
    # The server is ended whatever ends this.
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, lambda number, _: sys.exit(128 + number))
    options.workspace.mkdir(parents=True, exist_ok=True)
    kept = options.workspace / "results.json"
    results = json.loads(kept.read_text()) if kept.is_file() else {}
    if options.parts:
        measure(options, results)
    postgres = subprocess.run([f"{options.programs}/postgres", "--version"], capture_output=True, text=True, check=True).stdout
    print(f"PostgreSQL {re.search('[0-9.]+', postgres)[0]}, squawk {tools.version(options.squawk)}, eugene {tools.version(options.eugene)}\n")
    print(table([results[number] for number in sorted(results)]))


if __name__ == "__main__":
    main()
