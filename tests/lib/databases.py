"""Real databases for the tests: PostgreSQL 15 and MariaDB 10.11, each started here and ended with its test session.

    server = Postgresql(folder).start()
    server.url, server.run("SELECT 1")

Where a server is not installed, `missing()` says which package brings it.
"""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import sqlite3
import tempfile

from daemon import free_port, wait_until

USER, PASSWORD = "shop", "Pass-w0rd-of-shop"
POSTGRESQL_BIN = pathlib.Path("/usr/lib/postgresql/15/bin")


def certificate(folder):
    """A certificate of its own for 127.0.0.1: cert.pem, key.pem."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", str(folder / "key.pem"),
                    "-out", str(folder / "cert.pem")], check=True, capture_output=True, timeout=60)
    os.chmod(folder / "key.pem", 0o600)


class Server:
    def __init__(self):
        # Below the system's own folder: the user that the server runs as must be able to reach it.
        made = subprocess.run(["env", "-u", "TMPDIR", "mktemp", "-d"], check=True, capture_output=True, text=True, timeout=10)
        self.folder = pathlib.Path(made.stdout.strip())
        self.port = free_port()
        self.process = None
        self.ca = self.folder / "cert.pem"
        certificate(self.folder)

    def spawn(self, command, **options):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True, cwd=self.folder, **options)

    def alive(self):
        assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
        try:
            self.run("SELECT 1")
            return True
        except subprocess.CalledProcessError:
            return False

    def stop(self):
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Postgresql(Server):
    name, mark = "postgresql", "$1"

    @staticmethod
    def missing():
        return "" if (POSTGRESQL_BIN / "postgres").exists() else "postgresql-15 is not installed"

    def start(self):
        who = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
        owner = "postgres" if who else pwd.getpwuid(os.getuid()).pw_name
        for path in [self.folder, *self.folder.iterdir()]:
            shutil.chown(path, owner)
        subprocess.run([POSTGRESQL_BIN / "initdb", "-D", "data", "-A", "trust", "--no-sync", "--encoding=UTF8",
                        "--locale=C", "-U", "admin"], check=True, capture_output=True, timeout=60, cwd=self.folder, **who)
        (self.folder / "data" / "pg_hba.conf").write_text(
            "local all admin trust\nhost all shop 127.0.0.1/32 scram-sha-256\nhost all admin 127.0.0.1/32 trust\n")
        self.spawn([POSTGRESQL_BIN / "postgres", "-D", "data", "-p", str(self.port), "-k", str(self.folder),
                    "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "ssl=on",
                    "-c", f"ssl_cert_file={self.folder}/cert.pem", "-c", f"ssl_key_file={self.folder}/key.pem"], **who)
        wait_until(self.alive, 30.0, 0.05, "PostgreSQL")
        self.run(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
        self.run(f"CREATE DATABASE shop OWNER {USER}")
        return self

    @property
    def url(self):
        return f"postgres://127.0.0.1:{self.port}/shop"

    def run(self, sql, database=None):
        """The rows as text, as the administrator."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port),
                               "-U", "admin", "-d", database or ("shop" if sql[:6] not in ("SELECT", "CREATE") else "postgres"),
                               "-c", sql], check=True, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def in_shop(self, sql):
        return self.run(f"SET ROLE {USER}; {sql}", "shop")

    def sessions(self, busy):
        return int(self.run("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop'" +
                            (" AND state = 'active'" if busy else "")))

    def kill_sessions(self):
        self.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'shop'")

    sleep = "SELECT pg_sleep(30)"
    true = True


class Mariadb(Server):
    name, mark = "mariadb", "?"

    @staticmethod
    def missing():
        return "" if os.path.exists("/usr/sbin/mariadbd") and shutil.which("mariadb") else \
            "mariadb-server-core and mariadb-client-core are not installed"

    def start(self):
        data = self.folder / "data"
        who = ["--user=root"] if os.getuid() == 0 else []
        subprocess.run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db",
                        "--auth-root-authentication-method=normal", *who],
                       check=True, capture_output=True, timeout=60, cwd=self.folder)
        self.spawn(["/usr/sbin/mariadbd", "--no-defaults", f"--datadir={data}", f"--port={self.port}", "--bind-address=127.0.0.1",
                    f"--socket={self.folder}/socket", "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=16M",
                    "--skip-name-resolve", f"--ssl-cert={self.folder}/cert.pem", f"--ssl-key={self.folder}/key.pem", *who])
        wait_until(self.alive, 30.0, 0.05, "MariaDB")
        self.run(f"CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}';"
                 f"GRANT ALL ON shop.* TO {USER}@'%'")
        return self

    @property
    def url(self):
        return f"mysql://127.0.0.1:{self.port}/shop"

    def run(self, sql, database="mysql"):
        done = subprocess.run(["mariadb", "--no-defaults", "-N", "-B", "-u", "root", f"--socket={self.folder}/socket", database,
                               "-e", sql], check=True, capture_output=True, text=True, timeout=20)
        return done.stdout.strip()

    def in_shop(self, sql):
        return self.run(sql, "shop")

    def sessions(self, busy):
        return int(self.run("SELECT count(*) FROM information_schema.processlist WHERE user = 'shop'" +
                            (" AND command IN ('Query', 'Execute')" if busy else "")))

    def kill_sessions(self):
        for number in self.run("SELECT id FROM information_schema.processlist WHERE user = 'shop'").split():
            self.run(f"KILL {number}")

    sleep = "SELECT SLEEP(30) AS slept"
    true = True


class Sqlite:
    """A file; it has no server, no user and no password."""
    name, mark = "sqlite", "?"

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postlude-db-"))
        self.file = self.folder / "shop.db"

    @staticmethod
    def missing():
        return ""

    def start(self):
        self.in_shop("PRAGMA user_version = 1")
        return self

    def stop(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self):
        return f"sqlite://{self.file}"

    def in_shop(self, sql):
        connection = sqlite3.connect(self.file, timeout=10)
        try:
            with connection:
                found = []
                for part in sql.split(";"):
                    found = connection.execute(part).fetchall() if part.strip() else found
            return "\n".join("\t".join("NULL" if cell is None else str(cell) for cell in row) for row in found)
        finally:
            connection.close()

    sleep = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


KINDS = {kind.name: kind for kind in (Postgresql, Mariadb, Sqlite)}
