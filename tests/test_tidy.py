"""tools/tidy finds what it should, and leaves alone what it should."""

import importlib.machinery
import importlib.util
import pathlib

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
_loader = importlib.machinery.SourceFileLoader("tidy", str(ROOT / "tools" / "tidy"))
_spec = importlib.util.spec_from_loader("tidy", _loader)
tidy = importlib.util.module_from_spec(_spec)
_loader.exec_module(tidy)

HEAD = "#pragma once\n// Thing: what it is, in one sentence.\n"

BAD = [
    ("src/pipeline/a.cc", "Task<> f() { co_await g(); }", "bare co_await"),
    ("src/http/a.cc", "Task<> f() { co_await g(Peer{.pool = a}); }", "brace or lambda"),
    ("src/http/a.cc", "Task<> f() { co_await g([k] { return k; }); }", "brace or lambda"),
    ("src/pipeline/a.cc", "rt::Task<int> f(std::string_view name) { return 1; }", "string_view"),
    ("src/pipeline/a.h", HEAD + "rt::Task<Result<int>> f(const Event& event);", "const reference"),
    ("src/pipeline/a.cc", "auto f = [this](int a) -> rt::Task<> { return g(a); };", "coroutine lambda"),
    ("src/pipeline/a.cc", "boost::asio::co_spawn(loop, f(), asio::detached);", "without an owner"),
    ("src/engine/a.cc", "auto t = std::chrono::system_clock::now();", "reads a clock"),
    ("src/engine/a.cc", 'auto t = std::getenv("HOME");', "environment"),
    ("src/engine/a.cc", "std::random_device d;", "rolls dice"),
    ("src/engine/a.cc", "std::mutex m;", "between threads"),
    ("src/engine/a.cc", "int f() { throw 1; }", "exceptions"),
    ("src/engine/a.cc", "int f() { try { g(); } catch (...) { } }", "exceptions"),
    ("src/api/a.cc", 'auto q = "SELECT id FROM runs";', "SQL"),
    ("src/api/a.cc", "#include <sqlite3.h>\n", "store::Store"),
    ("src/api/a.cc", "#include <boost/asio.hpp>\n", "umbrella"),
    ("src/api/a.cc", "#include <regex>\n", "hand-written"),
    ("src/api/a.cc", '#include "../rt/loop.h"\n', "does not name its folder"),
    ("src/engine/a.cc", '#include "store/store.h"\n', "does not declare that it uses store"),
    ("src/api/a_test.cc", '#include "evaluator/natives.h"\n', "does not declare that it uses evaluator"),
    ("src/api/a.h", "// no pragma\n", "#pragma once"),
    ("src/api/a.h", "#pragma once\n\n", "says what it is"),
    ("src/api/a.cc", "x\n" * 601, "split the file"),
    ("src/api/a.cc", "// " + "x" * 110 + "\n", "break the line"),
    ("src/api/a.cc", "int f(int a) {\n" + "  g();\n" * 70 + "}\n", "a function of 72 lines"),
    ("src/api/a.cc", "namespace a {\nint B::f() const {\n" + "  g();\n" * 70 + "}\n}\n", "a function of 72 lines"),
    ("src/api/a.cc", "// TODO: later\n", "leftover"),
    ("src/api/a.cc", "// See contract 99.\n", "contract 99 does not exist"),
    ("src/api/a.cc", "// See protocol 4 and 8.\n", "protocol 8 does not exist"),
    ("tests/a.py", "# as the contract\n# says, contract\n# 0\n", "contract 0 does not exist"),
    ("docs/a.md", "see /" + "work/x\n", "path of one machine"),
    ("docs/a.md", "blanks \n", "blanks"),
    ("src/api/a_test.cc", "std::this_thread::sleep_for(1s);", "sleeps"),
]

GOOD = [
    ("src/pipeline/a.cc", "Task<> f() { AWAIT(int a, g(Peer{.pool = b})); }"),
    ("src/http/a.cc", "Task<> f() { co_await g(peers[1], name); }"),
    ("src/pipeline/a.h", HEAD + "rt::Task<int> f(std::string name, Loop& loop);\nint g(std::string_view name);"),
    ("src/pipeline/a.h", HEAD + "rt::Task<int> f(std::shared_ptr<const Rules> rules, Problems& problems);"),
    ("src/engine/a.cc", '// co_await, throw, std::mutex, SELECT a FROM b\nauto s = "co_await throw";'),
    ("src/store/a.cc", 'auto q = "SELECT id FROM runs"; std::mutex m;'),
    ("src/base/zone.cc", "#include <date/tz.h>\nint f() { try { g(); } catch (...) { } }"),
    ("src/evaluator/natives.cc", "#include <cmark.h>\n"),
    ("src/lang/yaml.cc", "#include <yaml-cpp/yaml.h>\nint f() { try { g(); } catch (...) { } }"),
    ("src/api/a.cc", "// Contract 9, protocol 3 and 4. HTTP: one protocol 1.1 only.\n"),
    ("src/api/a.cc", "auto x = R\"(\n" + "co_await\n" * 80 + ")\";\n"),
    ("src/api/a.cc", "namespace a {\n" + "int g();\n" * 90 + "}\n"),
    ("src/api/a.cc", "constexpr Row kRows[] = {\n" + '    {f(1), "a"},\n' * 90 + "};\n"),
    ("src/api/a.cc", "char c = '\"'; int big = 1'000'000; // it's fine\n"),
    ("src/pipeline/a.cc", "AWAIT_DONE(rt::sleep_for(wait));"),
    ("src/api/a.cc", "// TODO(perf): measure\n"),
]


@pytest.mark.parametrize("path, text, message", BAD, ids=[f"{p}-{m}" for p, _, m in BAD])
def test_finds(path, text, message):
    found = tidy.check(path, text)
    assert any(message in f[2] for f in found), found


@pytest.mark.parametrize("path, text", GOOD)
def test_leaves_alone(path, text):
    assert tidy.check(path, text) == []


def test_finds_what_is_declared_and_not_used():
    declared = {"src/api/a.cc": "".join(f'#include "{name}/a.h"\n' for name in tidy.DECLARED["api"] - {"engine"})}
    assert ("src/CMakeLists.txt", 1, "api declares engine and includes nothing of it; take it out") in \
        tidy.check_declared(declared)


def test_names_the_line():
    assert tidy.check("src/engine/a.cc", "\n\nstd::mutex m;\n")[0][:2] == ("src/engine/a.cc", 3)
