"""One run: a tool takes a number of releases while something breaks, is given time, and what became of each is counted."""

import asyncio
import dataclasses
import random
import threading
import time

from books import Verdict
from daemon import free_port
from peers import PORTS
from sender import send_all
from systems import SYSTEMS, Systems


@dataclasses.dataclass
class Fault:
    says: str
    kill: tuple = ()      # kill -9 after so much uptime, in seconds: between the two
    busy: float = 0.0     # share of calls that are answered 503, Retry-After: 2
    cut: float = 0.0      # share of calls that are carried out and not answered
    down: tuple = ()      # (system, from, to) in seconds: refuses connections
    lose: float = 0.0     # share of the tool's answers that the sender does not hear


FAULTS = {
    "F0": Fault("nothing breaks"),
    "F1": Fault("the tool is killed after each 2-4 s of uptime", kill=(2, 4)),
    "F2": Fault("30 % of calls are answered 503 with Retry-After: 2", busy=0.3),
    "F3": Fault("10 % of calls act, and are cut", cut=0.1),
    "F4": Fault("pipelines refuse connections from 5 s to 35 s", down=("pipelines", 5, 35)),
    "F5": Fault("F1, F2 and F3 at once", kill=(2, 4), busy=0.3, cut=0.1),
    "F6": Fault("the sender does not hear 10 % of the tool's answers", lose=0.1),
}


@dataclasses.dataclass
class Load:
    releases: int = 60
    rate: float = 20.0    # a second
    seed: int = 1
    kills_after: float = 10.0  # kills go on for so long after the last hook
    quiet: float = 65.0   # a tool that does not say what it has to do is done after so much silence: more than its
                          # longest pause; one that says so, after 3 s of silence
    most: float = 300.0   # and then it is counted as it is


class Run:
    """`with Run(tool's class, fault, load, folder) as run: run.play()`."""

    def __init__(self, make, fault, load, folder):
        self.fault, self.load = fault, load
        self.systems = Systems([free_port() for _ in SYSTEMS], load.seed, fault.busy, fault.cut, fault.down)
        self.tool = make(folder, [free_port() for _ in range(PORTS)], self.systems)
        self.kills, self.settled, self.sent = 0, True, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tool.kill()
        self.systems.stop()

    def play(self):
        """The verdict when the tool was left alone."""
        self.tool.start()
        self.systems.begin()
        killer = None
        failed = []
        if self.fault.kill:
            until = time.monotonic() + self.load.releases / self.load.rate + self.load.kills_after
            killer = threading.Thread(target=self.kill_until, args=(until, failed), daemon=True)
            killer.start()
        self.sent = asyncio.run(send_all(self.tool.url, self.load.releases, self.load.rate, self.load.seed,
                                         self.fault.lose, self.tool.alerts))
        if killer:
            killer.join()
        if failed:
            raise failed[0]
        self.settle()
        return self.verdict()

    def kill_until(self, end, failed):
        draw = random.Random(self.load.seed)
        try:
            while (pause := draw.uniform(*self.fault.kill)) < end - time.monotonic():
                time.sleep(pause)
                self.tool.kill()
                self.kills += 1
                self.tool.start()
        except AssertionError as error:  # it does not start again
            failed.append(error)

    def settle(self):
        begin = time.time()
        while True:
            now = time.time()
            silent = now - max(begin, self.systems.last())
            rest = self.tool.under_way() if silent >= 3 else 1
            if rest == 0 or (rest is None and silent >= self.load.quiet):
                return
            if now - begin > self.load.most:
                self.settled = False
                return
            time.sleep(0.5)

    def verdict(self):
        return Verdict(self.sent, list(self.systems.books), self.tool.held())

    def answer_what_is_held(self):
        """A person looks into the systems and answers, until nothing is held; the verdict then."""
        for _ in range(12):
            held = self.tool.held()
            if not held:
                break
            there = {(entry["release"], entry["system"]) for entry in self.systems.books if entry["kind"] == "effect"}
            for release, system in held.items():
                self.tool.resume(release, (release, system) in there)
            self.settle()
        return self.verdict()
