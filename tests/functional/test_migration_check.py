"""examples/migration-check, its files unchanged, on real databases with the tables that each tool leaves."""

import base64
import json

import pytest
import yaml

from daemon import ROOT, flagger_body
from databases import KINDS, PASSWORD, USER

pytestmark = pytest.mark.xdist_group("databases")

# tool: (migration that was applied, one that was not, what the tool leaves; @ is a type that differs)
LEAVES = {
    "flyway": ("1.42", "1.43", """
        CREATE TABLE flyway_schema_history (installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL,
          type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum int, installed_by varchar(100) NOT NULL,
          installed_on @time NOT NULL, execution_time int NOT NULL, success boolean NOT NULL);
        INSERT INTO flyway_schema_history VALUES
          (1, '1.42', 'orders', 'SQL', 'V1.42__orders.sql', 7, 'shop', '2026-12-01 10:00:00', 12, @true),
          (2, '1.43', 'total', 'SQL', 'V1.43__total.sql', 8, 'shop', '2026-12-01 10:00:01', 12, @true),
          (3, '1.43', 'total', 'DELETE', 'V1.43__total.sql', 8, 'shop', '2026-12-01 10:00:02', 0, @true),
          (4, NULL, 'views', 'SQL', 'R__views.sql', 9, 'shop', '2026-12-01 10:00:03', 3, @true)"""),
    "liquibase": ("1.42.0", "1.43.0", """
        CREATE TABLE @changelog (ID varchar(255) NOT NULL, AUTHOR varchar(255) NOT NULL, FILENAME varchar(255) NOT NULL,
          DATEEXECUTED @time NOT NULL, ORDEREXECUTED int NOT NULL, EXECTYPE varchar(10) NOT NULL, MD5SUM varchar(35),
          TAG varchar(255), DEPLOYMENT_ID varchar(10));
        INSERT INTO @changelog VALUES ('1', 'ann', 'db/1.xml', '2026-12-01 10:00:00', 1, 'EXECUTED', '9:a', '1.42.0', '1'),
          ('2', 'ann', 'db/2.xml', '2026-12-01 10:00:00', 2, 'SKIPPED', '9:b', '1.43.0', '1')"""),
    "golang-migrate": ("42", "43", """
        CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
        INSERT INTO schema_migrations VALUES (42, @false)"""),
    "rails": ("20261201100000", "20261202100000", """
        CREATE TABLE schema_migrations (version varchar(255) NOT NULL PRIMARY KEY);
        INSERT INTO schema_migrations VALUES ('20261101100000'), ('20261201100000')"""),
    "prisma": ("add_orders", "add_total", """
        CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY, checksum varchar(64) NOT NULL, finished_at @time, migration_name
          varchar(255) NOT NULL, logs text, rolled_back_at @time, started_at @time NOT NULL, applied_steps_count int NOT NULL);
        INSERT INTO _prisma_migrations VALUES
          ('a', 'x', '2026-12-01 10:00:01', '20261201100000_add_orders', NULL, NULL, '2026-12-01 10:00:00', 1),
          ('b', 'y', NULL, '20261202100000_add_total', NULL, NULL, '2026-12-02 10:00:00', 0)"""),
    "alembic": ("1f2e3d", "2a2b2c", """
        CREATE TABLE alembic_version (version_num varchar(32) NOT NULL PRIMARY KEY);
        INSERT INTO alembic_version VALUES ('1f2e3d'), ('aa11bb')"""),
    "django": ("orders.0007_total", "billing.0007_total", """
        CREATE TABLE django_migrations (id int PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied @time NOT NULL);
        INSERT INTO django_migrations VALUES (1, 'orders', '0007_total', '2026-12-01 10:00:00'), (2, 'billing', '0001', '2026-12-01 10:00:00')"""),
    "goose": ("42", "43", """
        CREATE TABLE goose_db_version (id int PRIMARY KEY, version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp @time);
        INSERT INTO goose_db_version VALUES (1, 0, @true, NULL), (2, 42, @true, NULL), (3, 43, @true, NULL), (4, 43, @false, NULL)"""),
}


def in_dialect(text, kind):
    words = {"@time": {"postgresql": "timestamp", "mariadb": "datetime(3)", "sqlite": "text"}[kind],
             "@true": "1" if kind == "sqlite" else "true", "@false": "0" if kind == "sqlite" else "false",
             "@changelog": "DATABASECHANGELOG"}
    for word, put in words.items():
        text = text.replace(word, put)
    return text


@pytest.mark.parametrize("kind", KINDS)
def test_each_tool(kind, daemon, databases, fakes):
    database = databases[kind]
    if isinstance(database, str):
        pytest.skip(database)
    auth = {"auth": "none"} if kind == "sqlite" else {"auth": {"basic": {"username": USER, "password": {"env": "DB_PASSWORD"}}}}
    over = {"targets": {"database": {"url": database.url, **auth}, "slack": {"url": fakes.url + "/api"}}}
    one = daemon(yaml.safe_dump(over), base=[ROOT / "examples" / "migration-check"],
                 environment={"HOOK_PASSWORD": "s3cret-of-the-hook", "DB_PASSWORD": PASSWORD, "SLACK_TOKEN": "s3cret-of-slack"})
    headers = {"Authorization": "Basic " + base64.b64encode(b"flagger:s3cret-of-the-hook").decode()}

    def ask(tool, migration):
        name = tool + "-mysql" if (tool, kind) == ("liquibase", "mariadb") else tool
        body = flagger_body(name=f"podinfo-{len(events)}", metadata={"migrationTool": name, "migration": migration})
        answer = one.post("/hooks/flagger/post-rollout", body, headers)
        assert answer.status == 202, answer
        events.append(answer.json["event"])
        return answer.json["event"]

    events = []
    for tool, (applied, missing, leaves) in LEAVES.items():
        shop = {"DATABASECHANGELOG": "databasechangelog"} if kind == "postgresql" else {}
        tables = ["flyway_schema_history", "DATABASECHANGELOG", "schema_migrations", "_prisma_migrations", "alembic_version",
                  "django_migrations", "goose_db_version"]
        database.in_shop(";".join(f"DROP TABLE IF EXISTS {shop.get(table, table)}" for table in tables))
        database.in_shop(in_dialect(leaves, kind))
        done, not_done = ask(tool, applied), ask(tool, missing)
        run = one.wait_run(done)
        assert run["state"] == "succeeded", (tool, run["steps"][0]["reason"])
        run = one.wait_run(not_done, timeout=30.0)
        check, = [step for step in run["steps"] if step["id"] == "check"]
        assert run["state"] == "failed" and "`success` is not met" in check["reason"], (tool, check)
        said = json.dumps(fakes.state()["slack"], ensure_ascii=False)
        assert f"`{missing}`" in said and f"`{applied}`" not in said, (tool, said)
        fakes.state()
    for secret in (PASSWORD, "s3cret-of-slack"):
        assert secret not in one.log()
