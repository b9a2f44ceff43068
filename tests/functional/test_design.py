"""docs/design/contract.md marks what is not built yet, and nothing else: whoever builds a part of it removes the mark."""

import json
import re
import subprocess

import pytest
from daemon import ROOT, binary

CONTRACT = (ROOT / "docs" / "design" / "contract.md").read_text()
MARK = re.compile(r"not built yet", re.IGNORECASE)


def section(number):
    return re.search(rf"^## {number}\. .*?(?=^## |\Z)", CONTRACT, re.MULTILINE | re.DOTALL)[0]


def run(*arguments):
    return subprocess.run([binary(), *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def absent_commands():
    paragraph = re.search(r"^\*\*Not built yet\*\*: (.*?)\n\n", section(11), re.MULTILINE | re.DOTALL)[1]
    return [re.match(r"[a-z]+(?: check)?", words)[0] for words in re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", paragraph))]


def marked_keys():
    """Keys of the configuration and of connectors' files that are refused by name."""
    found = set()

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.get("properties", {}).items():
                if isinstance(value, dict) and "x-notBuilt" in value:
                    found.add(key)
            if "x-notBuilt" in node:
                found.update(node.get("required", []))
            node = list(node.values())
        if isinstance(node, list):
            for value in node:
                walk(value)

    for schema in ("app/config.schema.json", "connector/connector.schema.json"):
        walk(json.loads((ROOT / "src" / schema).read_text()))
    return sorted(found)


def actions(text):
    """`jira/` `create-issue reopen`; `slack/card`: as jira/create-issue, jira/reopen, slack/card."""
    out = []
    for connector, one, several in re.findall(r"`([a-z-]+)/([a-z-]*)`(?:\s+`([a-z -]+)`)?", text):
        out += [f"{connector}/{action}" for action in ([one] if one else several.split())]
    return out


def test_absent_commands_say_so():
    commands = absent_commands()
    assert "doctor" in commands and "connectors check" in commands
    for command in commands:
        done = run(*command.split())
        assert done.returncode == 2 and MARK.search(done.stderr), f"`{command}` is there: remove the mark in contract 11"


@pytest.mark.parametrize("key", marked_keys())
def test_keys_that_are_refused_are_marked(key):
    paragraphs = re.split(r"\n\n|\n(?=[|-] )", CONTRACT)
    assert any(re.search(rf"\b{key}\b", p) and MARK.search(p) for p in paragraphs), f"contract: mark {key} as not built yet"


def test_marked_keys_are_refused():
    paragraph = re.search(r"\*\*Not built yet\*\*:(.*?`audit[^`]*`)", section(6), re.DOTALL)[1]
    keys = marked_keys()
    for words in re.findall(r"`([^`]+)`", paragraph):
        name = words.split(":")[0].split(".")[-1]
        if not words.startswith("store.url") and name != "adminTls":
            assert name in keys, f"{words} is there: remove the mark in contract 6"
    proofs = [name for row in section(3).splitlines() if row.startswith("|") and MARK.search(row) for name in re.findall(r"`{(\w+):", row)]
    assert "kubernetes" in proofs
    for name in proofs:
        assert name in keys, f"{name} is there: remove the mark in contract 3"


def test_actions():
    built, absent = re.search(r"^Built in: (.*?)\*\*Not built yet\*\*: (.*?)\n\n", section(10), re.MULTILINE | re.DOTALL).groups()
    listed = [f"{c['name']}/{action}" for c in json.loads(run("connectors", "list", "-o", "json").stdout)["items"]
              for action in c["actions"]]
    assert sorted(actions(built)) == sorted(listed), "contract 10: built in"
    assert not set(actions(absent)) & set(listed), "contract 10: remove the mark"


def test_examples():
    built, absent = re.search(r"^`examples/` holds, as tested promises, (.*?)\.(?: \*\*Not built yet\*\*: (.*?)\.)?$", section(10),
                              re.MULTILINE | re.DOTALL).groups()
    there = {folder.name for folder in (ROOT / "examples").iterdir() if folder.is_dir()}
    assert set(re.split(r",\s+", built)) == there and not set(re.split(r",\s+", absent or "")) & there
