"""A folder of connector files: the example of docs/connectors.md, as a user would write it, and one that is broken."""

import json
import re

from daemon import ROOT, Daemon, flagger_body, wait_until

CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets: {services: {connector: catalog, url: '%s/echo', auth: {bearer: {env: CATALOG}}}}
workflows:
  w:
    on: {source: flagger}
    steps: [{uses: services/set-version, with: {service: '${{ .event.name }}', version: '${{ .event.checksum }}'}}]
"""


def example():
    text = (ROOT / "docs" / "connectors.md").read_text()
    return re.search(r"```yaml\n(connector: catalog\n.*?)```", text, re.DOTALL).group(1)


def test_the_documented_example_works(tmp_path, fakes):
    folder = tmp_path / "connectors"
    folder.mkdir()
    (folder / "catalog.yaml").write_text(example())
    daemon = Daemon(tmp_path / "d", CONFIG % fakes.url, arguments=["--connectors", str(folder)],
                    environment={"CATALOG": "catalog-token-1"})
    try:
        event = daemon.post("/hooks/flagger/post-rollout", flagger_body(name="shop", checksum="7774c75db4")).json["event"]
        wait_until(lambda: (runs := daemon.runs_of(event)) and all(r["state"] == "succeeded" for r in runs))
        run = json.loads(daemon.cli("runs", "show", daemon.runs_of(event)[0]["id"], "-o", "json").stdout)
        sent = run["steps"][0]["attempts"][0]["requests"][0]
        assert sent["method"] == "PUT" and sent["url"].endswith("/echo/services/shop/version")
        assert sent["body"] == {"version": "7774c75db4"} and sent["effect"] == "state"
        assert run["steps"][0]["outputs"] == {"version": "7774c75db4"}
        listed = daemon.cli("connectors", "list", "--connectors", folder).stdout
        assert "catalog" in listed and "set-version" in listed
    finally:
        daemon.stop()


def test_a_broken_one_is_refused_with_its_place(tmp_path, fakes):
    folder = tmp_path / "connectors"
    folder.mkdir()
    (folder / "catalog.yaml").write_text(example().replace("effect: state", "efect: state"))
    daemon = Daemon(tmp_path / "d", CONFIG % fakes.url, start=False, environment={"CATALOG": "catalog-token-1"})
    done = daemon.cli("check", daemon.config_file, "--connectors", folder)
    assert done.returncode == 1
    assert "catalog.yaml:13:9: unknown key 'efect'" in done.stdout and "did you mean 'effect'" in done.stdout, done.stdout
