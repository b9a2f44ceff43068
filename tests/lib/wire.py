"""Bytes on a socket, as a sender sends them: nothing is added, nothing is put right. Standard library only."""

import base64
import socket

from daemon import Answer

JSON = "application/json"


def basic(username, password):
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


def head(line, headers, newline="\r\n"):
    """A request line and headers, a list of (name, value): in this order, with these repetitions."""
    rows = [line, *(f"{name}: {value}" for name, value in headers), "", ""]
    return newline.join(rows).encode("latin-1")


def post(path, body, headers=(), host="127.0.0.1", **without):
    """A POST with the headers a well-behaved sender sends; type=None leaves the content type out, length=None the
    length. `headers` come after them."""
    kind, length = without.get("type", JSON), without.get("length", len(body))
    own = [("Host", host)]
    own += [("Content-Length", length)] if length is not None else []
    own += [("Content-Type", kind)] if kind is not None else []
    return head(f"{without.get('method', 'POST')} {path} HTTP/1.1", own + list(headers)) + body


def flagger_post(path, body, host, authorization=None):
    """What Flagger's HTTP client writes: its headers in its order, and no others. user:pass@ in a webhook's URL
    becomes `authorization`."""
    headers = [("Host", host), ("User-Agent", "Go-http-client/1.1"), ("Content-Length", len(body))]
    if authorization:
        headers.append(("Authorization", authorization))
    headers += [("Content-Type", JSON), ("Accept-Encoding", "gzip")]
    return head(f"POST {path} HTTP/1.1", headers) + body


def chunked(*parts):
    """The parts as chunks, and the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


class Closed(Exception):
    """The peer closed, or went silent, before a whole answer had come."""


class Wire:
    """One connection."""

    def __init__(self, port, timeout=10.0):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *pieces):
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                return self  # refused before its end; the answer says why
        return self

    def end_of_sending(self):
        self.socket.shutdown(socket.SHUT_WR)
        return self

    def _more(self):
        try:
            piece = self.socket.recv(65536)
        except (TimeoutError, ConnectionResetError) as error:
            raise Closed(f"{type(error).__name__} after {self.buffer[:200]!r}") from None
        if not piece:
            raise Closed(f"closed after {self.buffer[:200]!r}")
        self.buffer += piece

    def wait_for(self, mark):
        """Until that has come; it is kept."""
        while mark not in self.buffer:
            self._more()
        return self

    def answer(self, bodiless=False):
        """The next whole answer; interim ones (100) are passed over and counted in .interim."""
        interim = 0
        while True:
            while b"\r\n\r\n" not in self.buffer:
                self._more()
            top, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            lines = top.decode("latin-1").split("\r\n")
            version, status, _ = lines[0].split(" ", 2)
            assert version == "HTTP/1.1", lines[0]
            headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
            names = {name.lower(): value for name, value in headers}
            if status.startswith("1"):
                interim += 1
                continue
            length = 0 if bodiless or status == "204" else int(names["content-length"])
            while len(self.buffer) < length:
                self._more()
            body, self.buffer = self.buffer[:length], self.buffer[length:]
            answer = Answer(int(status), headers, body)
            answer.interim = interim
            return answer

    def is_closed(self):
        """True once the peer has closed without saying more; Closed if it says more."""
        try:
            piece = self.buffer or self.socket.recv(1)
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        if piece:
            raise AssertionError(f"more came: {piece + self.socket.recv(500)!r}")
        return True


def exchange(port, data, timeout=10.0, bodiless=False):
    """One request's bytes on a fresh connection, and its answer."""
    with Wire(port, timeout) as wire:
        return wire.send(data).answer(bodiless)
