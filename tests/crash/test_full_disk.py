"""A full disk under load, with kills: 503 and nothing half-stored while it lasts; afterwards it goes on by itself."""

import asyncio
import os
import pathlib
import subprocess
import time

import daemon as daemons
import pytest
import target as targets  # noqa: F401  (its folder is on the path)
from campaign import Campaign
from verdict import Verdict, report

SIZE = 56 << 20
BALLAST = 52 << 20
PORTION = 1 << 20  # so much is given back at a time
KILLS_WHEN_FULL = 20
WAITS = "the store cannot be opened; trying again"  # logged once by each daemon that finds no room


class SmallDisk:
    """A tmpfs in a mount namespace of its own: it goes with the process that holds it, whatever becomes of us."""

    def __init__(self, folder):
        self.folder = folder
        self.folder.mkdir()
        why = []
        for options in (["--mount"], ["--user", "--map-root-user", "--mount"]):
            script = f"mount -t tmpfs -o size={SIZE} small '{folder}' && echo held && exec sleep 900"
            self.holder = subprocess.Popen(["unshare", *options, "sh", "-c", script], stdin=subprocess.DEVNULL,
                                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if self.holder.stdout.readline() == "held\n":
                self.enter = ["nsenter", "--target", str(self.holder.pid), "--mount"]
                if "--user" in options:
                    self.enter += ["--user", "--preserve-credentials"]
                return
            why.append(self.holder.communicate()[1].strip())
        pytest.skip("no small file system can be mounted here: " + "; ".join(why))

    def path(self, name):
        """How we see a file of it."""
        return pathlib.Path(f"/proc/{self.holder.pid}/root{self.folder}") / name

    def free(self):
        found = os.statvfs(self.path("."))
        return found.f_bavail * found.f_frsize

    def close(self):
        self.holder.kill()
        self.holder.communicate()


class FullDisk(Campaign):
    padding = 6000

    def __init__(self, folder, seed, disk):
        super().__init__(folder, seed, kills=200)  # of these only the bound of its load
        self.disk = disk
        self.seen_full = None  # (hook's answer, readyz's) while it was full

    async def kill_all(self):
        self.disk.path("ballast").write_bytes(b"\0" * BALLAST)
        for _ in range(KILLS_WHEN_FULL):
            await self.answered()
            await self.fill()
            await asyncio.sleep(self.random.uniform(0, 0.4))
            self.note_kill(None)
            self.kill()
        # Room again, below a daemon that has met the end of it.
        await self.answered()
        await self.fill()
        self.disk.path("ballast").unlink()
        await self.ready(20)
        await asyncio.sleep(0.5)
        self.kill()

    def waits(self):
        return self.daemon.log().count(WAITS)

    async def answered(self):
        """A daemon that finds no room to open its store says so and waits for some; it gets it bit by bit."""
        before, end, portions = self.waits(), time.monotonic() + 60, 0
        self.spawn()
        while not await self.answers(2 if portions else 0.5):
            if self.waits() == before:  # it is slow, no more
                assert time.monotonic() < end, f"it does not answer:\n{self.daemon.log()[-3000:]}"
                continue
            ballast = self.disk.path("ballast")
            left = ballast.stat().st_size
            if left < PORTION:
                log = self.daemon.log()[-3000:]
                raise AssertionError(f"it does not go on with {self.disk.free()} bytes free:\n{log}")
            os.truncate(ballast, left - PORTION)
            portions += 1

    async def answers(self, within):
        try:
            await self.ready(within, (200, 503))
            return True
        except TimeoutError:
            return False

    async def fill(self):
        """Until hooks are refused."""
        refused, end = self.refused, time.monotonic() + 30
        while self.refused == refused:
            if time.monotonic() > end:
                raise AssertionError(f"the disk does not fill: {self.disk.free()} bytes are free")
            await asyncio.sleep(0.01)
        if self.seen_full is None:
            self.seen_full = await asyncio.to_thread(self.look)

    def look(self):
        body = daemons.flagger_body("large", "crash", "Failed", "x", {"padding": "y" * 500_000})
        return self.daemon.post("/hooks/flagger/post-rollout", body), self.daemon.get("/readyz")


@pytest.fixture
def disk(tmp_path):
    made = SmallDisk(tmp_path / "small")
    yield made
    made.close()


@pytest.mark.heavy
def test_a_full_disk_loses_nothing(tmp_path, binary, disk, monkeypatch):
    inside = tmp_path / "inside"
    inside.write_text(f"#!/bin/sh\nexec {' '.join(disk.enter)} '{binary}' \"$@\"\n")
    inside.chmod(0o755)
    campaign = FullDisk(tmp_path / "run", 5, disk)
    monkeypatch.setattr(daemons, "binary", lambda: str(inside))
    campaign.make_daemon = lambda: Campaign.make_daemon(campaign, store=f"sqlite:{disk.folder}/postlude.db")
    try:
        try:
            asyncio.run(campaign.run())
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"{campaign.story()}\n{error}") from None
        hook, ready = campaign.seen_full
        assert hook.status == 503 and "retry-after" not in hook.headers, hook  # Flagger's own backoff lasts longer
        assert hook.headers["content-type"] == "application/problem+json", hook
        judged = Verdict(campaign)
        found = judged.check()
        print(campaign.story(), dict(judged.counts), f"{campaign.refused} answers 503, readyz {ready.status}, "
              f"{campaign.waits()} waited")
        assert not found, report(campaign, found)
        assert campaign.refused >= KILLS_WHEN_FULL and campaign.waits() > 0, campaign.story()
    finally:
        campaign.stop()
