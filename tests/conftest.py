"""What every test of the running binary may use."""

import concurrent.futures
import os
import pathlib
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parent
for folder in ("lib", "fakes"):
    sys.path.insert(0, str(TESTS / folder))

import daemon as daemon_module  # noqa: E402

# The unit programs run under AddressSanitizer, all of them. Of the tests of the binary only these files run with it a
# second time: they reach code that no unit program reaches, or in an order that none has.
SANITIZED = {
    "test_approvals": "links, their pages and forms, from the request to the run's end",
    "test_bad_requests": "strangers' bytes at a real socket: half requests, limits, resets",
    "test_commands": "the commands' own code, from arguments to tables",
    "test_engine": "evaluator processes, answers of all kinds, and starts from what a killed daemon left",
    "test_masked": "answers that are masked while they are cut and stored",
    "test_life": "starts, stops, signals, a full disk, children that die",
    "test_people": "the API's views and verbs",
    "test_reload": "two configurations alive at once, while requests and runs hold the older",
    "test_strangers": "connections that are taken away in the middle of a request",
}


def pytest_configure(config):
    for marker in ("timing: asserts how long something takes, or is too much for a slow binary; not run under sanitizers",
                   "heavy: keeps a core busy for half a minute or more; two of them at a time, and before all others",
                   "sanitize: run a second time, with the binary that AddressSanitizer watches (SANITIZED says why)",
                   "xdist_group(name): those of one name run one after the other (pytest-xdist, --dist loadgroup)"):
        config.addinivalue_line("markers", marker)


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items):
    heavy = [item for item in items if item.get_closest_marker("heavy")]
    for number, item in enumerate(heavy):
        item.add_marker(pytest.mark.xdist_group(f"heavy{number % 2 + 1}"))
    items[:] = heavy + [item for item in items if item not in heavy]
    for item in items:
        if item.path.stem in SANITIZED:
            item.add_marker("sanitize")


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
def databases():
    """{"postgresql": server, …}: real ones, which start side by side; one that cannot be had is a text that says why."""
    from databases import KINDS

    wanted = {name: kind.missing() or kind() for name, kind in KINDS.items()}
    servers = [one for one in wanted.values() if not isinstance(one, str)]
    try:
        with concurrent.futures.ThreadPoolExecutor() as side_by_side:
            for started in [side_by_side.submit(server.start) for server in servers]:
                started.result()
        yield wanted
    finally:
        for server in servers:
            server.stop()


@pytest.fixture(scope="session")
def specs():
    """The folder of API descriptions that contract tests validate against; without it they are skipped."""
    folder = os.environ.get("POSTLUDE_SPECS")
    if not folder or not pathlib.Path(folder).is_dir():
        pytest.skip("POSTLUDE_SPECS names no folder of API descriptions")
    return pathlib.Path(folder).resolve()
