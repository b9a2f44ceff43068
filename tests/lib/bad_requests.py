"""Broken requests, each with the exact answer it must get: (name, bytes, status, detail)."""

import base64
import hashlib
import hmac
import json

from daemon import flagger_body
from wire import JSON, basic, chunked, head, post

SECRET = "the-Secret-of-these-tests"
STANDARD_KEY = base64.b64encode(b"k" * 32).decode()
ENVIRONMENT = {"HOOK_SECRET": SECRET, "OTHER_SECRET": "another-Secret", "STANDARD_SECRET": "whsec_" + STANDARD_KEY}
CONFIG = """
clusters: {eu-1: {}, cn-2: {}}
sources:
  open: {type: flagger, auth: none}
  small: {type: flagger, auth: none, maxBody: 1KiB}
  limited: {type: flagger, auth: none, rate: 1/h}
  multi: {type: flagger, auth: {bearer: {env: HOOK_SECRET}}, clusters: {eu-1: {}, cn-2: {}}}
  bearer: {type: flagger, auth: {bearer: {env: HOOK_SECRET}}}
  basic: {type: flagger, auth: {basic: {username: flagger, password: {env: HOOK_SECRET}}}}
  header: {type: flagger, auth: {header: X-Token, secret: {env: HOOK_SECRET}}}
  query: {type: flagger, auth: {query: t, secret: {env: HOOK_SECRET}}}
  metadata: {type: flagger, auth: {metadata: token, secret: {env: HOOK_SECRET}}}
  github: {type: flagger, auth: {hmac: github, secret: {env: HOOK_SECRET}}}
  flux: {type: flagger, auth: {hmac: flux, secret: {env: HOOK_SECRET}}}
  gitlab: {type: flagger, auth: {hmac: gitlab, secret: {env: HOOK_SECRET}}}
  standard: {type: flagger, auth: {hmac: standard-webhooks, secret: {env: STANDARD_SECRET}}}
  custom: {type: flagger, auth: {hmac: {header: X-Sum, algorithm: sha512, prefix: 'v1:', encoding: base64}, secret: {env: HOOK_SECRET}}}
  both: {type: flagger, auth: {all: [{bearer: {env: HOOK_SECRET}}, {header: X-Token, secret: {env: OTHER_SECRET}}]}}
"""
MARK = "never-echoed"  # stands in the bodies: no answer may hold it
GOOD = flagger_body(name=MARK)
TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
          408: "Request Timeout", 413: "Content Too Large", 415: "Unsupported Media Type",
          422: "Unprocessable Content", 429: "Too Many Requests", 431: "Request Header Fields Too Large",
          503: "Service Unavailable"}


def sign(key, content, algorithm="sha256"):
    return hmac.new(key.encode() if isinstance(key, str) else key, content, algorithm)


def standard(body=GOOD, key=STANDARD_KEY, identity="msg_1", at=None, version="v1"):
    """The headers of Standard Webhooks; `at` in seconds."""
    mac = sign(base64.b64decode(key), f"{identity}.{at}.".encode() + body).digest()
    return [("webhook-id", identity), ("webhook-timestamp", at),
            ("webhook-signature", f"{version}," + base64.b64encode(mac).decode())]


def raw(text):
    """Bytes as they stand, LF written as CRLF; a body may follow the empty line."""
    return text.replace("\n", "\r\n").encode("latin-1")


def large_headers(count, size, path="/hooks/open/post-rollout", **more):
    return post(path, GOOD, [(f"X-{n}", "v" * size) for n in range(count)], **more)


# What is no HTTP/1.1 request: 400 or 431, and the connection ends.
BROKEN = [
    ("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 32, 400, "bad method"),
    ("no request at all", b"hello\r\n\r\n", 400, "bad method"),
    ("a method with brackets", raw("PO(ST /hooks/open/post-rollout HTTP/1.1\nHost: h\n\n"), 400, "bad method"),
    ("no target", raw("POST  HTTP/1.1\nHost: h\n\n"), 400, "bad target"),
    ("a control character in the target", raw("POST /hooks/\x01open HTTP/1.1\nHost: h\n\n"), 400, "bad target"),
    ("a blank in the target", raw("POST /hooks/ open HTTP/1.1\nHost: h\n\n"), 400, "bad version"),
    ("HTTP/0.9", raw("POST /hooks/open\nHost: h\n\n"), 400, "bad target"),
    ("HTTP/2.0", raw("POST /hooks/open/post-rollout HTTP/2.0\nHost: h\n\n"), 400, "bad version"),
    ("HTTP/1.2", raw("POST /hooks/open/post-rollout HTTP/1.2\nHost: h\n\n"), 400, "bad version"),
    ("another protocol", raw("POST /hooks/open/post-rollout RTSP/1.0\nHost: h\n\n"), 400, "bad version"),
    ("no Host", raw("POST /hooks/open/post-rollout HTTP/1.1\nContent-Length: 0\n\n"), 400, "no Host header"),
    ("two Hosts", raw("POST /hooks/open/post-rollout HTTP/1.1\nHost: h\nHost: h\nContent-Length: 0\n\n"), 400,
     "more than one Host header"),
    ("lines that end in LF", b"POST /hooks/open/post-rollout HTTP/1.1\nHost: h\n\n", 400, "bad version"),
    ("a header without a colon", raw("POST /hooks/open/post-rollout HTTP/1.1\nHost: h\nX-Nothing\n\n"), 400, "bad field"),
    ("a blank before the colon", raw("POST /hooks/open/post-rollout HTTP/1.1\nHost: h\nContent-Length : 5\n\n12345"), 400, "bad field"),
    ("an empty header name", raw("POST /hooks/open/post-rollout HTTP/1.1\nHost: h\n: x\n\n"), 400, "bad field"),
    ("a NUL in a header", raw("POST /hooks/open/post-rollout HTTP/1.1\nHost: h\nX-N: a\x00b\n\n"), 400, "bad value"),
    ("a bare CR in a header", raw("POST /hooks/open/post-rollout HTTP/1.1\nHost: h\nX-N: a\rb\n\n"), 400, "bad line ending"),
    ("Content-Length and Transfer-Encoding", post("/hooks/open/post-rollout", chunked(GOOD), [("Transfer-Encoding", "chunked")]),
     400, "bad Transfer-Encoding"),
    ("Transfer-Encoding and Content-Length",
     post("/hooks/open/post-rollout", chunked(GOOD), [("Transfer-Encoding", "chunked"), ("Content-Length", 5)], length=None), 400,
     "bad Content-Length"),
    ("two lengths", post("/hooks/open/post-rollout", GOOD, [("Content-Length", 5)]), 400, "multiple Content-Length"),
    ("a length below zero", post("/hooks/open/post-rollout", GOOD, length="-5"), 400, "bad Content-Length"),
    ("a length with a sign", post("/hooks/open/post-rollout", GOOD, length="+5"), 400, "bad Content-Length"),
    ("a length in hexadecimals", post("/hooks/open/post-rollout", GOOD, length="0x10"), 400, "bad Content-Length"),
    ("a length that is a list", post("/hooks/open/post-rollout", GOOD, length="5, 6"), 400, "multiple Content-Length"),
    ("an empty length", post("/hooks/open/post-rollout", GOOD, length=""), 400, "bad Content-Length"),
    ("a length beyond 64 bits", post("/hooks/open/post-rollout", GOOD, length="99999999999999999999"), 400, "bad Content-Length"),
    ("an encoding that we do not know", post("/hooks/open/post-rollout", GOOD, [("Transfer-Encoding", "gzip, chunked")], length=None),
     400, "bad Transfer-Encoding"),
    ("an encoding that is none", post("/hooks/open/post-rollout", GOOD, [("Transfer-Encoding", "identity")], length=None), 400,
     "bad Transfer-Encoding"),
    ("chunked twice", post("/hooks/open/post-rollout", chunked(GOOD), [("Transfer-Encoding", "chunked, chunked")], length=None), 400,
     "bad Transfer-Encoding"),
    ("chunks in HTTP/1.0", raw("POST /hooks/open/post-rollout HTTP/1.0\nTransfer-Encoding: chunked\n\n") + chunked(GOOD), 400,
     "a Transfer-Encoding in HTTP/1.0"),
    ("a chunk's size that is no number", post("/hooks/open/post-rollout", b"zz\r\n{}\r\n0\r\n\r\n", [("Transfer-Encoding", "chunked")],
                                              length=None), 400, "bad chunk"),
    ("a chunk's size below zero", post("/hooks/open/post-rollout", b"-1\r\n{}\r\n0\r\n\r\n", [("Transfer-Encoding", "chunked")],
                                       length=None), 400, "bad chunk"),
    ("a chunk's size beyond 64 bits", post("/hooks/open/post-rollout", b"1" * 17 + b"\r\n{}\r\n", [("Transfer-Encoding", "chunked")],
                                           length=None), 400, "bad chunk"),
    ("a chunk longer than it says", post("/hooks/open/post-rollout", b"2\r\n{}}}\r\n0\r\n\r\n", [("Transfer-Encoding", "chunked")],
                                         length=None), 400, "bad chunk"),
    ("a request line beyond 16 KiB", raw("POST /" + "a" * 17000 + " HTTP/1.1\nHost: h\n\n"), 431,
     "the request line is too long"),
    ("a method beyond 16 KiB", raw("A" * 17000 + " / HTTP/1.1\nHost: h\n\n"), 431, "the request line is too long"),
]

# Understood, and refused by its head.
UNKNOWN = "no such path"  # the record names the nearest one; see test_strangers.py
HEAD = [
    ("the root", post("/", GOOD), 404, UNKNOWN),
    ("an unknown source", post("/hooks/opne/post-rollout", GOOD), 404, UNKNOWN),
    ("an unknown hook", post("/hooks/open/post-rolout", GOOD), 404, UNKNOWN),
    ("a path below a hook", post("/hooks/open/post-rollout/x", GOOD), 404, UNKNOWN),
    ("another case", post("/Hooks/open/post-rollout", GOOD), 404, UNKNOWN),
    ("two slashes", post("//hooks/open/post-rollout", GOOD), 404, UNKNOWN),
    ("dots", post("/hooks/x/../open/post-rollout", GOOD), 404, UNKNOWN),
    ("a broken escape", post("/hooks/open%zz", GOOD), 404, UNKNOWN),
    ("a source of several clusters without one", post("/hooks/multi", GOOD), 404, UNKNOWN),
    ("a cluster that is not there", post("/hooks/multi/us-1/event", GOOD), 404, UNKNOWN),
    ("the API on the hooks' listener", post("/api/v1/runs", GOOD), 404, UNKNOWN),
    ("a wrong path before a wrong method", post("/hooks/opne/post-rollout", GOOD, method="GET"), 404, UNKNOWN),
    ("GET", post("/hooks/open/post-rollout", b"", method="GET", length=None), 405, "a hook is called with POST"),
    ("PUT", post("/hooks/open/post-rollout", GOOD, method="PUT"), 405, "a hook is called with POST"),
    ("DELETE", post("/hooks/open/post-rollout", b"", method="DELETE", length=None), 405, "a hook is called with POST"),
    ("PATCH", post("/hooks/open/post-rollout", GOOD, method="PATCH"), 405, "a hook is called with POST"),
    ("OPTIONS", post("/hooks/open/post-rollout", b"", method="OPTIONS", length=None), 405, "a hook is called with POST"),
    ("a method in small letters", post("/hooks/open/post-rollout", GOOD, method="post"), 405, "a hook is called with POST"),
    ("a method of nobody's", post("/hooks/open/post-rollout", GOOD, method="BREW"), 405, "a hook is called with POST"),
    ("a wrong method before large headers", large_headers(20, 1000, method="PUT"), 405, "a hook is called with POST"),
    ("headers beyond 16 KiB", large_headers(20, 1000), 431, "the headers are larger than the limit"),
    ("one header beyond 16 KiB", large_headers(1, 17000), 431, "the headers are larger than the limit"),
    ("very many headers", large_headers(1500, 5), 431, "the headers are larger than the limit"),
    ("large headers before the content's type", large_headers(20, 1000, type="text/plain"), 431,
     "the headers are larger than the limit"),
    ("a wrong path before large headers", large_headers(20, 1000, path="/hooks/opne/post-rollout"), 404, UNKNOWN),
    ("no content type", post("/hooks/open/post-rollout", GOOD, type=None), 415, "Content-Type is missing; send application/json"),
    ("an empty content type", post("/hooks/open/post-rollout", GOOD, type=""), 415, "Content-Type is not JSON; send application/json"),
    ("text", post("/hooks/open/post-rollout", GOOD, type="text/plain"), 415, "Content-Type is not JSON; send application/json"),
    ("a form", post("/hooks/open/post-rollout", b"name=x", type="application/x-www-form-urlencoded"), 415,
     "Content-Type is not JSON; send application/json"),
    ("nearly JSON", post("/hooks/open/post-rollout", GOOD, type="application/jsonx"), 415,
     "Content-Type is not JSON; send application/json"),
    ("two content types", post("/hooks/open/post-rollout", GOOD, [("Content-Type", JSON)]), 415,
     "several Content-Types; send application/json"),
    ("Latin-1", post("/hooks/open/post-rollout", GOOD, type="application/json; charset=iso-8859-1"), 415, "the charset must be utf-8"),
    ("UTF-16 by its header", post("/hooks/open/post-rollout", GOOD, type="application/json; charset=utf-16"), 415,
     "the charset must be utf-8"),
    ("compressed", post("/hooks/open/post-rollout", GOOD, [("Content-Encoding", "gzip")]), 415, "compressed content is not taken"),
    ("compressed twice", post("/hooks/open/post-rollout", GOOD, [("Content-Encoding", "identity"), ("Content-Encoding", "br")]), 415,
     "compressed content is not taken"),
    ("a wrong type before a large body", post("/hooks/small/post-rollout", b" " * 5000, type="text/plain"), 415,
     "Content-Type is not JSON; send application/json"),
    ("a body one byte too large", post("/hooks/small/post-rollout", GOOD + b" " * (1025 - len(GOOD))), 413,
     "the body is larger than 1024 bytes"),
    ("a chunked body too large", post("/hooks/small/post-rollout", chunked(GOOD, b" " * 600, b" " * 600),
                                      [("Transfer-Encoding", "chunked")], length=None), 413,
     "the body is larger than 1024 bytes"),
    ("a body beyond 1 MiB", post("/hooks/open/post-rollout", GOOD + b" " * (1 << 20)), 413, "the body is larger than 1048576 bytes"),
    ("a large announcement", post("/hooks/open/post-rollout", b"", length=str(10**17)), 413, "the body is larger than 1048576 bytes"),
    ("a large body before its proof", post("/hooks/bearer/post-rollout", b" " * (1 << 20) + GOOD), 413,
     "the body is larger than 1048576 bytes"),
]


def metadata_body(token):
    return json.dumps({"name": MARK, "namespace": "n", "phase": "Failed", "metadata": {"token": token}}).encode()


def github(body=GOOD, key=SECRET, prefix="sha256="):
    return [("X-Hub-Signature-256", prefix + sign(key, body).hexdigest())]


def custom(body=GOOD, key=SECRET, prefix="v1:"):
    return [("X-Sum", prefix + base64.b64encode(sign(key, body, "sha512").digest()).decode())]


NO_PROOF, WRONG = "no proof came with this call", "the proof is wrong"
PROOF = [(f"{source}: no proof", post(f"/hooks/{source}/post-rollout", GOOD), 401, NO_PROOF)
         for source in ("bearer", "basic", "header", "query", "metadata", "github", "flux", "gitlab", "standard",
                        "custom", "both", "multi/eu-1")]
PROOF += [(f"{source}: a wrong one", post(path, body, headers), 403, WRONG) for source, path, body, headers in [
    ("bearer", "/hooks/bearer/post-rollout", GOOD, [("Authorization", "Bearer nothing")]),
    ("bearer, empty", "/hooks/bearer/post-rollout", GOOD, [("Authorization", "Bearer")]),
    ("bearer as basic", "/hooks/bearer/post-rollout", GOOD, [("Authorization", basic("flagger", SECRET))]),
    ("bearer in another case", "/hooks/bearer/post-rollout", GOOD, [("Authorization", f"Bearer {SECRET.upper()}")]),
    ("bearer with more after it", "/hooks/bearer/post-rollout", GOOD, [("Authorization", f"Bearer {SECRET}x")]),
    ("bearer twice", "/hooks/bearer/post-rollout", GOOD, [("Authorization", f"Bearer {SECRET}")] * 2),
    ("basic, password", "/hooks/basic/post-rollout", GOOD, [("Authorization", basic("flagger", "nothing"))]),
    ("basic, user", "/hooks/basic/post-rollout", GOOD, [("Authorization", basic("admin", SECRET))]),
    ("basic, no base64", "/hooks/basic/post-rollout", GOOD, [("Authorization", "Basic %%%")]),
    ("basic, without a colon", "/hooks/basic/post-rollout", GOOD,
     [("Authorization", "Basic " + base64.b64encode(b"flagger").decode())]),
    ("header", "/hooks/header/post-rollout", GOOD, [("X-Token", "nothing")]),
    ("header twice", "/hooks/header/post-rollout", GOOD, [("X-Token", SECRET), ("X-Token", SECRET)]),
    ("query", "/hooks/query/post-rollout?t=nothing", GOOD, []),
    ("query twice", f"/hooks/query/post-rollout?t={SECRET}&t={SECRET}", GOOD, []),
    ("query, a broken escape", "/hooks/query/post-rollout?t=%zz", GOOD, []),
    ("metadata", "/hooks/metadata/post-rollout", metadata_body("nothing"), []),
    ("metadata, a number", "/hooks/metadata/post-rollout", metadata_body(5), []),
    ("github, another key", "/hooks/github/post-rollout", GOOD, github(key="x")),
    ("github, another body", "/hooks/github/post-rollout", GOOD + b" ", github()),
    ("flux, sha1", "/hooks/flux/post-rollout", GOOD, [("X-Signature", "sha1=" + sign(SECRET, GOOD, "sha1").hexdigest())]),
    ("gitlab, token", "/hooks/gitlab/post-rollout", GOOD, [("X-Gitlab-Token", "nothing")]),
    ("standard, another key", "/hooks/standard/post-rollout", GOOD, standard(key=base64.b64encode(b"x" * 32).decode(), at=1)),
    ("one of two", "/hooks/both/post-rollout", GOOD, [("Authorization", f"Bearer {SECRET}")]),
    ("two, one wrong", "/hooks/both/post-rollout", GOOD, [("Authorization", f"Bearer {SECRET}"), ("X-Token", SECRET)]),
    ("another source's secret", "/hooks/bearer/post-rollout", GOOD, [("Authorization", "Bearer another-Secret")]),
    ("before a broken body", "/hooks/bearer/post-rollout", b"{", [("Authorization", "Bearer nothing")]),
    ("github, malformed", "/hooks/github/post-rollout", GOOD, github(prefix="")),
    ("custom, another prefix", "/hooks/custom/post-rollout", GOOD, custom(prefix="v2:")),
    ("standard, an old timestamp", "/hooks/standard/post-rollout", GOOD, standard(at=1600000000)),
    ("standard, no timestamp", "/hooks/standard/post-rollout", GOOD, standard(at="")),
    ("standard, another version", "/hooks/standard/post-rollout", GOOD, standard(at=1600000000, version="v9")),
]]
PROOF += [
    ("metadata: a body that cannot be read", post("/hooks/metadata/post-rollout", b'{"name":'), 400,
     "not JSON: incomplete JSON at byte 8"),
    ("metadata: a body that is no object", post("/hooks/metadata/post-rollout", b"[]"), 400, "the body must be a JSON object"),
    ("no proof before a broken body", post("/hooks/bearer/post-rollout", b"{"), 401, NO_PROOF),
]


def event(**changes):
    body = {"name": MARK, "namespace": "prod", "phase": "Succeeded", "checksum": "1", **changes}
    return json.dumps({key: value for key, value in body.items() if value is not ...}).encode()


def nested(depth):
    return b'{"name":"x","namespace":"n","phase":"Failed","more":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


NO_NAME = "name is not a valid name of a Kubernetes object: at most 253 lower-case letters, digits, inner dashes and dots"
NO_NAMESPACE = "namespace is not a valid name of a Kubernetes namespace: at most 63 lower-case letters, digits and inner dashes"
CONTENT = [(name, post("/hooks/open/post-rollout", body), 400, detail) for name, body, detail in [
    ("no body", b"", "not JSON: incomplete JSON at byte 0"),
    ("blanks", b"  \n", "not JSON: incomplete JSON at byte 3"),
    ("half an object", b'{"name":"x"', "not JSON: incomplete JSON at byte 11"),
    ("two values", GOOD + GOOD, f"not JSON: something follows the value at byte {len(GOOD)}"),
    ("a NUL at the end", GOOD + b"\x00", f"not JSON: something follows the value at byte {len(GOOD)}"),
    ("quotes of the wrong kind", b"{'name':'x'}", "not JSON: syntax error at byte 1"),
    ("a comma too many", b'{"name":"x",}', "not JSON: syntax error at byte 12"),
    ("a comment", b'{"name":"x" /* y */}', "not JSON: syntax error at byte 12"),
    ("not a number", b'{"name":NaN}', "not JSON: syntax error at byte 8"),
    ("a form's bytes", b"name=x&phase=Succeeded", "not JSON: syntax error at byte 0"),
    ("a byte order mark", b"\xef\xbb\xbf" + GOOD, "not JSON: it begins with a byte order mark; send it without one"),
    ("UTF-16", GOOD.decode().encode("utf-16"), "not UTF-8"),
    ("Latin-1", '{"name":"münchen"}'.encode("latin-1"), "not UTF-8"),
    ("an overlong character", b'{"name":"\xc0\xaf"}', "not UTF-8"),
    ("a surrogate in UTF-8", b'{"name":"\xed\xa0\x80"}', "not UTF-8"),
    ("half a surrogate pair", b'{"name":"\\ud83d"}', "not JSON: syntax error at byte 15"),
    ("a control character in text", b'{"name":"a\nb"}', "not JSON: syntax error at byte 10"),
    ("nested too deep", nested(65), "JSON nested deeper than 64 levels"),
    ("nested very deep", b"[" * 500_000, "JSON nested deeper than 64 levels"),
    ("null", b"null", "the body must be a JSON object and is null"),
    ("a list", b"[]", "the body must be a JSON object and is a list"),
    ("text", b'"x"', "the body must be a JSON object and is text"),
    ("a number", b"5", "the body must be a JSON object and is a number"),
    ("true", b"true", "the body must be a JSON object and is a boolean"),
    ("no namespace", event(namespace=...), "namespace is missing"),
    ("no name", event(name=...), "name is missing"),
    ("no phase", event(phase=...), "phase is missing"),
    ("an empty object", b"{}", "namespace is missing"),
    ("a number for a name", event(name=5), "name must be text and is a number"),
    ("null for a namespace", event(namespace=None), "namespace must be text and is null"),
    ("a boolean for a phase", event(phase=True), "phase must be text and is a boolean"),
    ("a list for a name", event(name=[MARK]), "name must be text and is a list"),
    ("a number for a checksum", event(checksum=7774), "checksum must be text and is a number"),
    ("a list for metadata", event(metadata=[]), "metadata must be an object and is a list"),
    ("text for metadata", event(metadata=MARK), "metadata must be an object and is text"),
    ("a number in metadata", event(metadata={MARK: 1}), "the values of metadata must be text and one is a number"),
    ("null in metadata", event(metadata={"a": "b", "c": None}), "the values of metadata must be text and one is null"),
    ("an object in metadata", event(metadata={"a": {}}), "the values of metadata must be text and one is an object"),
    ("an empty name", event(name=""), "name is empty"),
    ("an empty namespace", event(namespace=""), "namespace is empty"),
    ("an empty phase", event(phase=""), "phase is empty"),
    ("a name with a slash", event(name="a/b"), NO_NAME),
    ("a name with a line break", event(name="a\nb"), NO_NAME),
    ("a name in capitals", event(name="App"), NO_NAME),
    ("a name that ends with a dash", event(name="app-"), NO_NAME),
    ("a name with an empty part", event(name="a..b"), NO_NAME),
    ("a name that is too long", event(name="a" * 254), NO_NAME),
    ("a namespace with a dot", event(namespace="a.b"), NO_NAMESPACE),
    ("a namespace in another alphabet", event(namespace="发布"), NO_NAMESPACE),
    ("a namespace that is too long", event(namespace="a" * 64), NO_NAMESPACE),
]]
CONTENT += [("an unfinished phase on post-rollout", post("/hooks/open/post-rollout", event(phase="Progressing")), 403,
             "this path takes the phases Succeeded and Failed only: point an entry of another type at its own path, "
             "say /hooks/open/event or /hooks/open/pre-rollout")]
# Of a path without a hook only a caller with proof learns more.
BARE = "this path names no hook: call /hooks/open/post-rollout when a release ends, /hooks/open/event for what happens before"
HEAD += [
    ("a bare path without proof", post("/hooks/bearer", GOOD), 404, UNKNOWN),
    ("a bare path with a wrong proof", post("/hooks/bearer", GOOD, [("Authorization", "Bearer x")]), 404, UNKNOWN),
    ("a bare path with proof", post("/hooks/open", GOOD), 404, BARE),
    ("a bare path with proof, and a broken body", post("/hooks/open/", b"{"), 404, BARE),
    ("a bare path by GET", post("/hooks/open", b"", method="GET", length=None), 404, UNKNOWN),
    ("a bare path with text", post("/hooks/open", GOOD, type="text/plain"), 404, UNKNOWN),
]

ROWS = [(f"{part}: {name}", *rest) for part, rows in (("http", BROKEN), ("head", HEAD), ("proof", PROOF),
                                                      ("content", CONTENT)) for name, *rest in rows]
