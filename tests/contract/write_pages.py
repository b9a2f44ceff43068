#!/usr/bin/env python3
"""Writes docs/connectors/*.md from the connector files and from the cases that prove them (proof.py)."""

import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
if __name__ == "__main__":
    for folder in ("lib", "fakes"):
        sys.path.insert(0, str(HERE.parent / folder))

import proof  # noqa: E402
import yaml  # noqa: E402

FOLDER = proof.ROOT / "docs" / "connectors"
METHODS = ("get", "head", "post", "put", "patch", "delete")
AUTH = {
    "none": "`none`",
    "bearer": "`bearer: S`",
    "basic": "`basic: {username: NAME, password: S}`",
    "header": "`{header: NAME, secret: S}`",
    "query": "`{query: NAME, secret: S}`",
    "body": "`{body: NAME, secret: S}`",
    "url": "`url: S`",
    "inCluster": "`inCluster: true`",
    "kubeconfig": "`{kubeconfig: PATH, context: NAME}`",
}
HEADS = {"lost": "answer lost", "timeout": "timeout", "broken": "500", "later": "asked to wait", "hidden": "error in a 2xx",
         "denied": "401", "exists": "exists already", "gone": "gone",
         "change-lost": "change lost"}


class Dumper(yaml.SafeDumper):
    pass


def short(dumper, value):
    style = "'" if "${{" in value or ": " in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


Dumper.add_representer(str, short)


def as_yaml(value, indent):
    text = yaml.dump(value, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=False)
    return "".join(" " * indent + line + "\n" for line in text.splitlines())


def kind_of(schema):
    if "enum" in schema:
        return " ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any value")
    return " or ".join(kind) if isinstance(kind, list) else kind


def cell(text):
    return str(text).replace("|", "\\|").replace("\n", " ")


def inputs(schema):
    required = schema.get("required", [])
    rows = ["| input | type | meaning |", "|---|---|---|"]
    for name, own in schema["properties"].items():
        said = own.get("description", "")
        if "default" in own:
            said += f" Default: `{str(own['default']).lower() if isinstance(own['default'], bool) else own['default']}`."
        rows.append(f"| `{name}`{' (required)' if name in required else ''} | {kind_of(own)} | {cell(said.strip())} |")
    return rows


def effects(action):
    said = []
    for request in action["requests"]:
        if any(method in request for method in ("get", "head")):
            continue
        effect = request.get("effect", action.get("effect"))
        unclear = request.get("onUnclear", action.get("onUnclear"))
        name = f"`{request['id']}` is " if len(action["requests"]) > 1 else ""
        said.append(f"{name}`{effect}`" + (f" (`onUnclear: {unclear}`)" if effect == "none" else ""))
    return ", ".join(said) or "`read`"


def example(system, action, data):
    own = data["actions"][action]
    step = {"uses": f"{system}/{action}", **({"with": own["with"]} if own["with"] else {})}
    return ["```yaml", as_yaml([step], 0).rstrip(), "```"]


def target(system, data):
    sign = {"file": f"/run/secrets/{system}-sign"} if "sign" in data["auth"] else None
    written = proof.auth_of(data, {"file": f"/run/secrets/{system}"}, sign)
    made = {"connector": system}
    if data["auth"]["kind"] != "url" and "url" not in proof.connector(system):
        made["url"] = data.get("example", f"https://{system}.example.com")
    made = {**made, **data.get("target", {}), "auth": written}
    return ["```yaml", as_yaml({"targets": {system: made}}, 0).rstrip(), "```"]


def page(system):
    connector = proof.connector(system)
    data = proof.data_of(system) if system in proof.systems() else None
    lines = [f"# {system}", "", f"{connector['summary']}.", ""]
    lines += ["Credentials (`auth` of the target): " + ", ".join(AUTH[kind] for kind in connector["auth"]) +
              ("; with `sign: S`, which signs each request." if "sign" in connector else ".")]
    if data:
        lines += ["", *target(system, data)]
        if "note" in data:
            lines += ["", data["note"].strip()]
    for name, action in connector["actions"].items():
        lines += ["", f"## {system}/{name}", "", action["summary"], ""]
        lines += inputs(action["input"]) if action["input"].get("properties") else ["It has no inputs."]
        lines += ["", "Outputs: " + (", ".join(f"`{output}`" for output in action.get("outputs", {})) or "none") + "."]
        lines += ["", f"Effect: {effects(action)}." +
                  (" A later use of the same `key` changes what the first made." if "update" in action else "") +
                  (f" The step waits until it is over, and polls every {action['wait'].get('every', '10s')}." if "wait" in action else "")]
        if data and name in data["actions"]:
            lines += ["", *example(system, name, data)]
    lines += ["", "How sure this is: " + ("[proof.md](proof.md)." if data else "[connectors.md](../connectors.md).")]
    return "\n".join(lines) + "\n"


def verified(action):
    found = action.get("verified", {})
    said = [f"specification ({cell(found['spec'])})" if "spec" in found else None,
            "fake" + "".join(found["fake"].partition("; ")[1:]) if "fake" in found else None, f"vectors ({found['vector']})" if "vector" in found else None,
            f"real ({found['real']})" if "real" in found else None]
    return ", ".join(filter(None, said))


def row(cells, cases):
    found = [cases.get(column) for column in proof.COLUMNS]
    cells = cells + [case.expected().replace(" ", ", ") if case else "–" for case in found]
    return "| " + " | ".join(cells) + " |"


def proof_page():
    lines = ["# What is proved of each action", "",
             "Each action runs in the real binary against a fake of its system. Each column is a failure of the request that writes.",
             "A cell says how the step ends, and how many objects the system then has. `tests/contract/systems` holds these cases as data;",
             "a test compares this page with them. Where it says *specification*, the requests and the fake's answers also pass the",
             "vendor's OpenAPI. Without it, they come from the vendor's documentation, and nobody has compared them with a description.",
             "Where it says *real*, a test has run the action against that version of the system as well; no other has been.", "",
             "| action | effect | how verified | " + " | ".join(HEADS[column] for column in proof.COLUMNS) + " |",
             "|---|---|---|" + "---|" * len(proof.COLUMNS)]
    for system in proof.systems():
        actions = proof.connector(system)["actions"]
        cases = {(case.action, case.name): case for case in proof.cases_of(system)}
        for name, own in proof.data_of(system)["actions"].items():
            cells = [f"`{system}/{name}`", proof.effect_of(actions[name], own), verified(actions[name])]
            lines.append(row(cells, {column: cases.get((name, column)) for column in proof.COLUMNS}))
            for other, variant in own.get("variants", {}).items():
                if "fault" in variant:
                    cells = [f"`{system}/{name}`, {other.rsplit('-', 1)[0]}", variant.get("effect", "none, hold"), ""]
                    lines.append(row(cells, {variant["fault"]: cases[name, other]}))
    lines += ["", "*answer lost*: the system did its work, and the connection broke. *timeout*: the answer came after the request's",
              "`timeout`. *500*: the system did nothing and said so with a 500. *asked to wait*: the vendor's way of saying \"not now\".",
              "*held*: a person decides (`runs resume`). *gone*: somebody deleted what the first use of a `key` made; the next use makes it anew.",
              "*unmarked*: the action was not given what it needs to find again what it started.",
              "*change lost*: the answer to the change that a later use of the key makes never came."]
    return "\n".join(lines) + "\n"


def index(names):
    lines = ["# Connectors", "", "What each action does when something goes wrong: [proof.md](proof.md). How to use them, and how to write",
             "one: [connectors.md](../connectors.md).", "", "| connector | what it is | actions |", "|---|---|---|"]
    for name in names:
        connector = proof.connector(name)
        actions = ", ".join(f"`{action}`" for action in connector["actions"])
        lines.append(f"| [{name}]({name}.md) | {cell(connector['summary'])} | {actions} |")
    return "\n".join(lines) + "\n"


def pages():
    names = sorted(path.stem for path in (proof.ROOT / "connectors").glob("*.yaml"))
    return [(FOLDER / f"{name}.md", page(name)) for name in names] + [
        (FOLDER / "README.md", index(names)), (FOLDER / "proof.md", proof_page())]


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for path, text in pages():
        path.write_text(text)
