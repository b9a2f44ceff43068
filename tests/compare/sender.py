"""Flagger's side: one post-rollout call per release, at a steady rate, each tried as Flagger tries with `retries: 3` and
`timeout: 5s`: a new connection each, the same bytes; again after 1, 2 and 4 s when there is no answer, or 429 or a 5xx but
501 (their Retry-After, where they have one, instead); fine is a status up to 202; nothing else is tried again.
"""

import asyncio
import base64
import hashlib
import json
import time
import urllib.parse

from systems import chance

TRIES = 4
TIMEOUT = 5.0


def release(seed, number):
    """(name, checksum): each release is of a canary of its own."""
    return f"svc-{number:03}", hashlib.sha256(f"{seed} {number}".encode()).hexdigest()[:10]


def flagger_body(name, checksum):
    return {"name": name, "namespace": "prod", "phase": "Succeeded", "checksum": checksum,
            "metadata": {"environment": "production"}}


def alert_body(name, checksum):
    """The same as an alert, for Alertmanager, which takes nothing else."""
    return [{"labels": {"alertname": "release", "release": f"{name}-{checksum}"}, "endsAt": "2037-12-31T00:00:00Z"}]


class Sent:
    def __init__(self, name):
        self.release, self.began, self.accepted, self.tries = name, time.time(), False, []


async def call(url, body):
    """(status, Retry-After in seconds or None)."""
    parts = urllib.parse.urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        head = [f"POST {parts.path} HTTP/1.1", f"Host: {parts.hostname}:{parts.port}", "User-Agent: Go-http-client/1.1",
                f"Content-Length: {len(body)}", "Content-Type: application/json", "Connection: close"]
        if parts.username:
            given = base64.b64encode(f"{parts.username}:{parts.password}".encode()).decode()
            head.append(f"Authorization: Basic {given}")
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pause = next((line.partition(":")[2].strip() for line in lines if line.lower().startswith("retry-after:")), "")
        return int(lines[0].split(" ")[1]), float(pause) if pause.isdigit() else None
    finally:
        writer.close()


async def send(url, name, body, seed, lose):
    sent = Sent(name)
    for number in range(TRIES):
        pause = 2.0 ** number
        try:
            status, wanted = await asyncio.wait_for(call(url, body), TIMEOUT)
            if chance(seed, "lose", name, number) < lose:  # the tool has answered, and nobody hears it
                sent.tries.append("lost")
            else:
                sent.tries.append(status)
                sent.accepted = status <= 202
                if sent.accepted or not (status == 429 or (status >= 500 and status != 501)):
                    break
                if wanted is not None and status in (429, 503):
                    pause = wanted
        except (OSError, EOFError, asyncio.TimeoutError, asyncio.LimitOverrunError) as error:
            sent.tries.append(type(error).__name__)
        if number + 1 < TRIES:
            await asyncio.sleep(pause)
    return sent


async def send_all(url, count, rate, seed, lose, alerts=False):
    """What became of each, in order."""
    async def later(number):
        await asyncio.sleep(number / rate)
        name, checksum = release(seed, number)
        body = json.dumps((alert_body if alerts else flagger_body)(name, checksum), separators=(",", ":")).encode()
        return await send(url, f"{name}-{checksum}", body, seed, lose)
    return await asyncio.gather(*(later(number) for number in range(count)))
