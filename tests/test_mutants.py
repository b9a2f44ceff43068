"""The places of the planted faults (tests/sim/mutants.d) are there: a recipe that fits nothing proves nothing."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
_loader = importlib.machinery.SourceFileLoader("mutants", str(ROOT / "tests" / "sim" / "mutants"))
_spec = importlib.util.spec_from_loader("mutants", _loader)
mutants = importlib.util.module_from_spec(_spec)
_loader.exec_module(mutants)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "sim" / "mutants.d").iterdir()), ids=lambda path: path.name)
def test_a_recipe_fits(path):
    what, edits = mutants.recipe(path)
    assert what and edits
    texts = {}
    for file, old, new in edits:  # each upon those before
        text = texts.get(file) or (ROOT / file).read_text()
        assert text.count(old) == 1, f"{file} has this {text.count(old)} times:\n{old}"
        texts[file] = text.replace(old, new)


def test_each_fault_has_its_turn():
    names = sorted(path.name for path in mutants.RECIPES.iterdir())
    assert {mutants.chosen(names, f"commit {number}") for number in range(2000)} == set(names)
    assert mutants.chosen(names, "one") == mutants.chosen(names, "one")
