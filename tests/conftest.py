"""What every test of the running binary may use."""

import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
for folder in ("lib", "fakes"):
    sys.path.insert(0, str(TESTS / folder))

import daemon as daemon_module  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "timing: asserts how long something takes, or is too much for a slow binary; "
                                       "not run under sanitizers")


@pytest.fixture(scope="session")
def binary():
    path = daemon_module.binary()
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not there; run `make build` first")
    return path


@pytest.fixture
def daemon(tmp_path, binary):
    """daemon(config, …) starts a `postlude serve` in a folder of its own; all are ended with the test."""
    started = []

    def start(config, folder=None, **options):
        made = daemon_module.Daemon(folder or tmp_path / f"daemon{len(started)}", config, **options)
        started.append(made)
        return made

    yield start
    for made in started:
        made.kill()


@pytest.fixture
def fakes():
    """A fake Jira, Slack and echo on a port of its own, in this process: .url, .state(), .fault(…)."""
    import postlude_fakes

    server = postlude_fakes.Server().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def specs():
    """The folder of API descriptions that contract tests validate against; without it they are skipped."""
    folder = os.environ.get("POSTLUDE_SPECS")
    if not folder or not pathlib.Path(folder).is_dir():
        pytest.skip("POSTLUDE_SPECS names no folder of API descriptions")
    return pathlib.Path(folder).resolve()
