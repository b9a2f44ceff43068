"""Each action of each connector that has a file in systems/: what is sent, and what becomes of it when the answer is
lost, late, an error, or says that it exists or is gone. The cases are data (proof.py says how they are written).

    POSTLUDE_GOLDEN=write   stores the requests that were sent, in place of comparing them
"""

import json
import os
import pathlib

import proof
import pytest
import write_pages
from chain import PRISM

pytestmark = pytest.mark.xdist_group("proof")  # one daemon runs all cases
CASES = [case for system in proof.systems() for case in proof.cases_of(system)]


@pytest.fixture(scope="module")
def proved(tmp_path_factory, binary):
    specs = os.environ.get("POSTLUDE_SPECS")
    there = specs and pathlib.Path(specs).is_dir() and os.access(PRISM, os.X_OK)
    return proof.Proof(tmp_path_factory.mktemp("proof"), pathlib.Path(specs) if there else None)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_outcome(proved, case):
    assert proved.result(case) == case.expected(), proved.why(case)


@pytest.mark.parametrize("system", proof.systems())
def test_requests(proved, system):
    """They are those that were stored, when somebody last looked at them."""
    asked = {f"{case.action} {case.name}": proved.asked(case) for case in CASES
             if case.system == system and (case.good or case.name == "exists")}
    file = proof.HERE / "golden" / f"{system}.json"
    if os.environ.get("POSTLUDE_GOLDEN") == "write":
        file.write_text(json.dumps(asked, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
    assert asked == json.loads(file.read_text())


@pytest.mark.parametrize("system", [system for system in proof.systems() if proof.data_of(system).get("spec")])
def test_against_the_description(proved, system):
    if system not in proved.prisms:
        pytest.skip("POSTLUDE_SPECS names no folder of API descriptions, or Prism is not installed")
    seen = proved.prisms[system].seen
    assert proved.prisms[system].violations() == []
    asked = {(entry["method"], entry["path"].split("/")[3].rsplit("-", 1)[0]) for entry in seen if entry["prism"]}
    data = proof.data_of(system)
    for action in data["spec"].get("actions", data["actions"]):
        own = data["actions"][action]
        assert (own["write"].split()[0], action) in asked, f"{action} did not go through Prism"


@pytest.mark.parametrize("system", proof.systems())
def test_no_secret_is_shown(proved, system):
    secret = next(case.secret for case in CASES if case.system == system)
    assert any(world.requests for id, world in proved.worlds.items() if id.startswith(system + "-"))
    for place, data in proved.exposed.items():
        assert secret.encode() not in data, place
        assert proof.data_of(system)["auth"].get("sign", secret).encode() not in data, place


@pytest.mark.parametrize("page", write_pages.pages(), ids=lambda page: page[0].name)
def test_pages_are_up_to_date(page):
    path, text = page
    assert path.exists() and path.read_text() == text, "run tests/contract/write_pages.py"


def test_no_page_is_left_over():
    assert {path.name for path in write_pages.FOLDER.glob("*.md")} == {path.name for path, _ in write_pages.pages()}
