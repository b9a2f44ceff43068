"""What the crash tests share, and how long they go on: --kills N --seed S."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

KILLS = 105  # per seed; the two fixed seeds together are the 200 and more of every run
SEEDS = (20_261, 77)


def pytest_addoption(parser):
    # Only there when this folder is named on the command line; a run of all tests keeps to the defaults.
    parser.addoption("--kills", type=int, help=f"how often the daemon is killed, per seed ({KILLS})")
    parser.addoption("--seed", type=int, help=f"the one seed to run instead of {SEEDS}")


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        given = metafunc.config.getoption("--seed", None)
        metafunc.parametrize("seed", SEEDS if given is None else [given])


@pytest.fixture
def kills(request):
    return request.config.getoption("--kills", None) or KILLS
