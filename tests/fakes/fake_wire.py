"""What all fakes speak: requests, answers, and what was had by whom."""

import json
import threading
import time
import urllib.parse

LOCK = threading.RLock()  # the fakes' whole state is behind it: requests are applied one after another


class Answer:
    def __init__(self, status, body=None, headers=None):
        self.status = status
        self.headers = dict(headers or {})
        if body is None:
            self.body = b""
        elif isinstance(body, str):
            self.body = body.encode()
            self.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        else:
            self.body = json.dumps(body).encode()
            self.headers.setdefault("Content-Type", "application/json;charset=UTF-8")


class Request:
    def __init__(self, method, target, headers, body):
        self.method = method
        split = urllib.parse.urlsplit(target)
        self.path = split.path
        self.query = dict(urllib.parse.parse_qsl(split.query, keep_blank_values=True))
        self.headers = {name.lower(): value for name, value in headers}
        self.raw = body
        try:
            self.json = json.loads(body) if body else None
            self.malformed = False
        except ValueError:
            self.json, self.malformed = None, True


class Effects:
    """How often each effect was had, by the idempotency marker that its request planted."""

    def __init__(self):
        self.by_key = {}
        self.list = []

    def add(self, system, kind, key, what):
        self.list.append({"system": system, "kind": kind, "key": key, "what": what, "at": time.time()})
        if key:
            self.by_key[key] = self.by_key.get(key, 0) + 1
