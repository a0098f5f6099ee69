"""A server of our own, copies of its production, and what an application feels of a migration."""

import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import psycopg

HERE = pathlib.Path(__file__).parent
# What waits less than this is not felt.
FELT = 0.25
# How often the sampler looks that is compared, in seconds.
SAMPLED_EVERY = 10
BLOCKING = ("ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock")
PROBED = {
    "orders": "update orders set note = note where id = 7",
    "customers": "update customers set country = country where id = 7",
    "events": "insert into events values (7, 'probe')",
    "events_new": "insert into events_new values (1000001, 'probe')",
    "countries": "insert into countries values ('fr', 'France')",
    "sales": None,
}


class Server:
    """Settings are a server's as it comes: on a tuned one, times would be others."""

    def __init__(self, programs):
        self.programs = pathlib.Path(programs)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="pgrehearse-comparison-"))
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        # PostgreSQL refuses to run as root.
        self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if os.getuid() == 0 else []
        if self.user:
            shutil.chown(self.directory, "postgres", "postgres")

    def __enter__(self):
        data = self.directory / "data"
        password = self.directory / "password"
        password.write_text("comparison")
        password.chmod(0o644)
        self._run("initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password)
        self._run(
            "pg_ctl", "-D", data, "-w", "-l", self.directory / "log", "-o",
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.directory}",
            "start",
        )
        self.sql("postgres", "create database production")
        self.psql("production", [HERE / "production.sql"], check=True)
        self.sql("production", "vacuum analyze")
        return self

    def __exit__(self, *_):
        self._run("pg_ctl", "-D", self.directory / "data", "-m", "immediate", "stop")
        shutil.rmtree(self.directory, ignore_errors=True)

    def _run(self, program, *arguments):
        subprocess.run([*self.user, self.programs / program, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)

    def url(self, database):
        return f"postgresql://postgres:comparison@127.0.0.1:{self.port}/{database}"

    def connect(self, database, name="comparison"):
        return psycopg.connect(self.url(database), autocommit=True, application_name=name)

    def sql(self, database, text):
        with self.connect(database) as session:
            session.execute(text)

    def psql(self, database, files, check=False):
        """Runs each file, in a transaction if it has several statements. What the server refused, if it did."""
        for file in files:
            single = ["-1"] if "set local" in file.read_text() else []
            ran = subprocess.run(
                [self.programs / "psql", "-XqAt", "-v", "ON_ERROR_STOP=1", *single, "-f", file, self.url(database)],
                env={**os.environ, "PGAPPNAME": "migration"}, capture_output=True, text=True, check=False,
            )
            if ran.returncode:
                if check:
                    raise SystemExit(ran.stderr)
                return ran.stderr.split("ERROR:", 1)[-1].strip().splitlines()[0]
        return None

    def copy(self, name):
        """A fresh copy of production."""
        self.drop(name)
        self.sql("postgres", f"create database {name} template production strategy file_copy")
        self.sql(name, "checkpoint")

    def drop(self, name):
        self.sql("postgres", f"drop database if exists {name} with (force)")


class Beside:
    """What somebody else is doing on the database: the `-- beside:` of a migration."""

    def __init__(self, server, database, files):
        lines = "\n".join(file.read_text() for file in files).splitlines()
        self.statements = [line.split(":", 1)[1] for line in lines if line.startswith("-- beside:")]
        self.server, self.database = server, database

    def __enter__(self):
        if self.statements:
            self.session = self.server.connect(self.database)
            first, *rest = self.statements[0].split(";")
            self.session.execute("begin")
            self.session.execute(first)
            self.thread = threading.Thread(target=lambda: [self.session.execute(text) for text in [*rest, "commit"]])
            self.thread.start()
        return self

    def __exit__(self, *_):
        if self.statements:
            self.thread.join()
            self.session.close()


class Felt:
    """Reads and writes each table as an application would, and keeps the longest wait of each."""

    def __init__(self, server, database):
        self.server, self.database = server, database
        self.waits, self.ended, self.threads = {}, threading.Event(), []

    def __enter__(self):
        for table, write in PROBED.items():
            for access, text in (("reads", f"select from {table} limit 1"), ("writes", write)):
                if text:
                    thread = threading.Thread(target=self._probe, args=(f"{access} of {table}", text))
                    thread.start()
                    self.threads.append(thread)
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        time.sleep(0.1)
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _probe(self, what, text):
        with self.server.connect(self.database, "probe") as session:
            while not self.ended.is_set():
                began = time.monotonic()
                try:
                    session.execute("begin")
                    session.execute(text)
                except psycopg.Error:
                    pass  # What it reads may have been dropped or changed.
                session.execute("rollback")
                self.waits[what] = max(self.waits.get(what, 0), time.monotonic() - began)
                time.sleep(0.02)

    def longest(self):
        return {what: wait for what, wait in sorted(self.waits.items(), key=lambda item: -item[1]) if wait >= FELT}


class Recorder:
    """Looks at the migration's locks a hundred times a second: from this it is known what a look every
    ten seconds would find."""

    EVERY = 0.01

    def __init__(self, server, database):
        self.server, self.database = server, database
        self.looks, self.ended = [], threading.Event()

    def __enter__(self):
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def _look(self):
        with self.server.connect(self.database) as session:
            while not self.ended.is_set():
                found = session.execute(
                    "select relation::regclass::text, mode, granted from pg_locks l join pg_stat_activity a using (pid)"
                    " join pg_class c on c.oid = relation"
                    " where application_name = 'migration' and locktype = 'relation' and mode = any(%s)"
                    " and relkind in ('r', 'p', 'm') and relnamespace = 'public'::regnamespace",
                    (list(BLOCKING),),
                ).fetchall()
                self.looks.append((time.monotonic(), [row for row in found if row[0] in PROBED or row[0] == "events_old"]))
                time.sleep(self.EVERY)

    def chance(self):
        """How likely a look every ten seconds finds a lock that others wait for."""
        seen = sum(
            after[0] - look[0] for look, after in zip(self.looks, self.looks[1:], strict=False) if look[1]
        )
        return min(1.0, seen / SAMPLED_EVERY)

    def strongest(self):
        modes = {}
        for _, rows in self.looks:
            for relation, mode, _ in rows:
                modes[relation] = max(modes.get(relation, ""), mode, key=("", *BLOCKING).index)
        return modes
