"""Connections that the peer closes at every point of a request: never two requests from one attempt.

The daemon is the client. Each step has one attempt, so that whatever arrives twice came from within it: a library that
repeats a request by itself on a new connection is what this looks for.
"""

import itertools
import socket
import ssl
import struct
import subprocess
import threading

import daemon as daemons
import pytest

METHODS = {
    "put": "method: PUT, path: /x, body: {padding: '${{ .event.metadata.padding }}'}",
    "key": "method: POST, path: /x, idempotencyHeader: K, body: {padding: '${{ .event.metadata.padding }}'}",
    "empty": "method: POST, path: /x, idempotencyHeader: K",
    "delete": "method: DELETE, path: /x",
    "none": "method: POST, path: /x, body: {padding: '${{ .event.metadata.padding }}'}",
}
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{"it": "is a whole answer"}'
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n[1, 2\r\n"  # the rest of it never comes
TOO_LONG = b"HTTP/1.1 408 .\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

# name: (how much of the request is read before, what is answered, how it ends). "head", "half", "all" of the request;
# a number is so many bytes. FIN closes after what was read; RST throws everything away.
CUTS = {
    "after 1 byte": (1, b"", "fin"),
    "after 1 byte, reset": (1, b"", "rst"),
    "within the first line": (9, b"", "fin"),
    "within the head": (60, b"", "fin"),
    "within the head, reset": (60, b"", "rst"),
    "after the head": ("head", b"", "fin"),
    "after the head, reset": ("head", b"", "rst"),
    "within the body": ("half", b"", "fin"),
    "within the body, reset": ("half", b"", "rst"),
    "before the answer": ("all", b"", "fin"),
    "before the answer, reset": ("all", b"", "rst"),
    "after 1 byte of the answer": ("all", ANSWER[:1], "fin"),
    "within the status": ("all", ANSWER[:11], "fin"),
    "within the answer's head": ("all", ANSWER[:30], "fin"),
    "after the answer's head": ("all", ANSWER[:-27], "fin"),
    "within the answer's body": ("all", ANSWER[:-7], "fin"),
    "within the answer's body, reset": ("all", ANSWER[:-7], "rst"),
    "within a chunk": ("all", CHUNKED, "fin"),
    "told that it took too long": (1, TOO_LONG, "fin"),
    "told so, reset": (1, TOO_LONG, "rst"),
    "told to come again": ("all", TOO_LONG.replace(b"408", b"503"), "fin"),
}
IDLE = {"while it was idle": "fin", "while it was idle, reset": "rst"}  # between two requests


class Peer:
    """A server that answers until it is told to cut, and remembers what began to arrive."""

    def __init__(self, tls=None):
        self.tls = tls
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.cut = None
        self.accept_cut = None  # closes before anything is read, the handshake included
        self.arrivals = []      # (connection's number, requests on it before, bytes read, complete)
        self.open, self.ends = {}, {}
        self.numbers = itertools.count(1)
        self.lock = threading.Lock()
        threading.Thread(target=self.accept, daemon=True).start()

    def close(self):
        self.listener.close()
        self.close_idle("fin")

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            if self.accept_cut:
                end(connection, self.accept_cut)
                continue
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        number, before = next(self.numbers), 0
        over = threading.Event()
        connection.settimeout(20)
        try:
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with self.lock:
                self.open[number] = (connection, over)
            while self.request(connection, number, before):
                before += 1
        except OSError:
            pass
        with self.lock:
            self.open.pop(number, None)
            how = self.ends.pop(number, "fin")
        end(connection, how)
        over.set()

    def request(self, connection, number, before):
        data = connection.recv(1)
        if not data:
            return False
        entry = [number, before, 1, False]
        self.arrivals.append(entry)
        cut = self.cut
        most = cut[0] if cut and isinstance(cut[0], int) else None
        if most is None or most > 1:
            data += read_head(connection, most and most - 1)
        if most is None:
            length = next((int(line.split(b":")[1]) for line in data.lower().split(b"\r\n")
                           if line.startswith(b"content-length:")), 0)
            wanted = {"head": 0, "half": length // 2}.get(cut and cut[0], length)
            while wanted > 0:
                part = connection.recv(min(wanted, 65536))
                if not part:
                    return False
                wanted -= len(part)
                data += part
            entry[3] = not cut or cut[0] == "all"
        entry[2] = len(data)
        if cut is None:
            connection.sendall(ANSWER)
            return True
        connection.sendall(cut[1])
        self.ends[number] = cut[2]
        return False

    def close_idle(self, how):
        """Ends all connections, each by its own thread, which this wakes."""
        with self.lock:
            gone = list(self.open.values())
            self.ends.update(dict.fromkeys(self.open, how))
            for connection, _ in gone:
                socket.socket.shutdown(connection, socket.SHUT_RD)  # a TLS socket's own would lose its state
        for _, over in gone:
            over.wait(5)


def read_head(connection, most):
    data = b""
    while not data.endswith(b"\r\n\r\n") and (most is None or len(data) < most):
        part = connection.recv(1)
        if not part:
            raise OSError("gone")
        data += part
    return data


def end(connection, how):
    try:
        if how == "rst":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            socket.socket.shutdown(connection, socket.SHUT_WR)
    except OSError:
        pass
    connection.close()


CONFIG = """
sources: {flagger: {type: flagger, auth: none}}
targets:
  peer: {connector: http, url: 'URL', auth: none, timeout: 5s, limits: {concurrency: 1}TLS}
workflows:
"""
for name, request in METHODS.items():
    CONFIG += f"""
  {name}:
    on: {{source: flagger, name: '{name}-*'}}
    steps: [{{uses: peer/request, retry: {{attempts: 1}}, with: {{{request}}}}}]
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    made = ["-keyout", folder / "key.pem", "-out", folder / "cert.pem"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=peer",
                    "-addext", "subjectAltName=IP:127.0.0.1", *made], check=True, capture_output=True)
    return folder


class Wire:
    """A daemon and its peer; one case after the other."""

    def __init__(self, peer, daemon):
        self.peer, self.daemon = peer, daemon
        self.numbers = itertools.count(1)

    def run(self, method, padding=2000):
        body = daemons.flagger_body(f"{method}-{next(self.numbers)}", "wire", metadata={"padding": "x" * padding})
        event = self.daemon.post("/hooks/flagger/post-rollout", body).json["event"]
        return self.daemon.wait_run(event, (*daemons.TERMINAL, "waiting"))

    def case(self, method, reused, arm, padding=2000):
        """What is wrong with it, or None. `arm` makes the peer ready to cut."""
        self.peer.cut = self.peer.accept_cut = None
        first = self.run(method)  # in any case, that so many cuts in a row do not open the breaker
        if first["state"] != "succeeded":
            return f"the request before it is {first['state']}: {first['reason']}"
        if not reused:
            self.peer.close_idle("fin")
        arm()
        seen = len(self.peer.arrivals)
        run = self.run(method, padding)
        arrivals = self.peer.arrivals[seen:]
        attempts = run["steps"][0]["attempts"]
        rows = [row for attempt in attempts for row in attempt["requests"]]
        said = f"run {run['state']}, {run['reason']}; {[row['result'] for row in rows]}; arrived {arrivals}"
        if len(attempts) != 1 or len(rows) != 1:
            return f"{len(attempts)} attempts with {len(rows)} requests: {said}"
        if len(arrivals) > 1:
            return f"two requests from one attempt: {said}"
        if rows[0]["result"] == "retryable" and any(complete for *_, complete in arrivals):
            return f"it was handed over, and is to be repeated without doubt: {said}"
        if rows[0]["result"] == "succeeded" and not any(complete for *_, complete in arrivals):
            return f"it cannot have succeeded: {said}"
        return None


@pytest.fixture(params=["plain", "tls"])
def wire(request, daemon):
    tls, extra = None, ""
    if request.param == "tls":
        folder = request.getfixturevalue("certificate")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        extra = f", tls: {{ca: '{folder / 'cert.pem'}'}}"
    peer = Peer(tls)
    url = f"{'https' if tls else 'http'}://127.0.0.1:{peer.port}"
    yield Wire(peer, daemon(CONFIG.replace("URL", url).replace("TLS", extra)))
    peer.close()


@pytest.mark.parametrize("reused", [False, True], ids=["fresh", "reused"])
def test_a_cut_request_is_not_sent_again(wire, reused):
    wrong = []
    for method in METHODS:
        for name, cut in CUTS.items():
            if cut[0] == "half" and method in ("empty", "delete"):
                continue
            # More than the sockets hold, where the body is not read to its end.
            for padding in (2000, 600_000) if cut[0] in ("head", "half") else (2000,):
                found = wire.case(method, reused, lambda cut=cut: setattr(wire.peer, "cut", cut), padding)
                if found:
                    wrong.append(f"{method}, {name}: {found}")
    assert not wrong, "\n".join(wrong)


def test_a_connection_that_was_closed_while_idle(wire):
    wrong = []
    for method in METHODS:
        for name, how in IDLE.items():
            found = wire.case(method, True, lambda how=how: wire.peer.close_idle(how))
            if found:
                wrong.append(f"{method}, {name}: {found}")
    assert not wrong, "\n".join(wrong)


def test_a_connection_that_is_closed_at_once(wire):
    wrong = []
    for method in METHODS:
        for how in ("fin", "rst"):
            found = wire.case(method, False, lambda how=how: setattr(wire.peer, "accept_cut", how))
            if found:
                wrong.append(f"{method}, closed by {how} when it was made: {found}")
    assert not wrong, "\n".join(wrong)
