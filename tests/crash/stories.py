"""The campaign with all that workflows can do, a person who answers and meddles, and targets that call back.

    campaign = Stories(folder, seed, kills)      # as Campaign, and:
    campaign.person.acts                         # what the person did, each with the answers that it had

Each event is for one story, by its canary's name: graph-17 is its own canary, talk-a one of several events.
"""

import asyncio
import contextlib
import json
import time
import urllib.parse

import campaign as campaigns

# workflows of the events of a story; and whether its canaries have many events
STORIES = {"graph": ("graph",), "list": ("list",), "fail": ("fail",), "wait": ("wait",), "call": ("call",),
           "ask": ("ask",), "swap": ("swap",), "many": ("many",), "talk": ("talk", "also")}
CROWDED = ("swap", "many", "talk")
WEIGHTS = {"graph": 4, "list": 3, "fail": 4, "wait": 5, "call": 6, "ask": 6, "swap": 4, "many": 3, "talk": 5}
REPLAYED = ("graph", "list", "key", "comment", "version")
PAUSED = ("graph", "key")

CONFIG = """
  graph:
    on: {source: flagger, phase: Succeeded, name: 'graph-*'}
    steps:
      - {id: one, uses: box/request, RETRY, with: {method: PUT, path: '/state/graph-one-EVENT'}}
      - id: left
        needs: one
        uses: box/request
        RETRY
        with: {method: POST, path: /objects, idempotencyHeader: Idempotency-Key, body: {event: 'EVENT', kind: graph}}
      - {id: soak, needs: one, uses: wait, with: {for: 60ms}}
      - {id: right, needs: soak, uses: box/request, RETRY, with: {method: PUT, path: '/state/graph-right-EVENT'}}
      - id: meet
        needs: [left, right]
        uses: box/request
        RETRY
        with: {method: PUT, path: '/state/graph-meet-EVENT', body: {object: '${{ .steps.left.outputs.body.id }}'}}
      - {id: apart, uses: box/request, RETRY, with: {method: PUT, path: '/state/graph-apart-EVENT'}}
  list:
    on: {source: flagger, phase: Succeeded, name: 'list-*'}
    steps:
      - id: made
        forEach: .event.metadata.items | split(",")
        uses: box/request
        RETRY
        with:
          {method: POST, path: /objects, idempotencyHeader: Idempotency-Key,
           body: {event: 'EVENT', kind: list, item: '${{ .item }}'}}
      - id: versions
        forEach: .event.metadata.items | split(",")
        uses: jira/release-version
        RETRY
        with: {project: '${{ .event.metadata.project }}', name: 'EVENT-${{ .item }}'}
      - id: comments
        forEach: .event.metadata.items | split(",")
        if: .item != "none"
        uses: jira/comment
        RETRY
        with: {issue: '${{ .event.metadata.issue }}', body: '${{ .item }} of EVENT.'}
      - {id: empty, forEach: '[]', uses: box/request, with: {method: PUT, path: /state/never}}
      - uses: box/request
        RETRY
        with:
          method: PUT
          path: '/state/list-EVENT'
          body:
            objects: '${{ [.steps.made.outputs[].body.id] }}'
            versions: '${{ [.steps.versions.outputs[].name] }}'
            comments: '${{ [.steps.comments.outputs[] | select(. != null) | .id] }}'
  fail:
    on: {source: flagger, phase: Succeeded, name: 'fail-*'}
    steps:
      - {id: lock, uses: box/request, RETRY, with: {method: PUT, path: '/state/fail-lock-EVENT'}}
      - id: bad
        needs: lock
        uses: box/request
        RETRY
        with: {method: PUT, path: '/stubborn/EVENT', body: {refuse: '${{ .event.metadata.refuse }}'}}
      - {id: beside, needs: lock, uses: box/request, RETRY, with: {method: PUT, path: '/state/fail-beside-EVENT'}}
      - {id: soft, needs: lock, continueOnError: true, uses: assert, with: {that: 'false', message: never}}
      - id: next
        needs: [bad, beside, soft]
        uses: box/request
        RETRY
        with: {method: PUT, path: '/state/fail-next-EVENT'}
    onFailure:
      - uses: box/request
        RETRY
        with: {method: PUT, path: '/state/fail-told-EVENT', body: {step: '${{ .failure.step }}'}}
    finally:
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/fail-end-EVENT'}}
  wait:
    on: {source: flagger, phase: Succeeded, name: 'wait-*'}
    steps:
      - {id: short, uses: wait, with: {for: 250ms}}
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/wait-short-EVENT'}}
      - {id: until, uses: wait, with: {until: '${{ .event.metadata.until | tonumber }}'}}
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/wait-until-EVENT'}}
    finally:
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/wait-end-EVENT'}}
  call:
    on: {source: flagger, phase: Succeeded, name: 'call-*'}
    steps:
      - uses: box/request
        RETRY
        with:
          {method: POST, path: /suites, idempotencyHeader: Idempotency-Key,
           body: {event: 'EVENT', url: '${{ $run.callbacks.done.url }}', when: '${{ .event.metadata.when }}'}}
      - {uses: wait, with: {for: 250ms}}
      - {id: done, uses: callback, with: {timeout: 10m}}
      - uses: box/request
        RETRY
        with: {method: PUT, path: '/state/call-EVENT', body: {got: '${{ .steps.done.outputs }}'}}
  ask:
    on: {source: flagger, phase: Succeeded, name: 'ask-*'}
    steps:
      - id: ok
        uses: approval
        with: {message: 'Go on with ${{ .event.name }}?'}
        announce:
          uses: box/request
          RETRY
          with: {method: PUT, path: '/announce/EVENT', body: '${{ $step.links }}'}
      - uses: box/request
        RETRY
        with: {method: PUT, path: '/state/ask-EVENT', body: {comment: '${{ .steps.ok.outputs.comment }}'}}
    finally:
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/ask-end-EVENT'}}
  swap:
    on: {source: flagger, phase: Succeeded, name: 'swap-*'}
    concurrency: {policy: replace}
    steps:
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/swap-begin-EVENT'}}
      - {uses: wait, with: {for: 100ms}}
      - uses: box/request
        RETRY
        with: {method: POST, path: /objects, idempotencyHeader: Idempotency-Key, body: {event: 'EVENT', kind: swap}}
    finally:
      - {uses: box/request, RETRY, with: {method: PUT, path: '/state/swap-end-EVENT'}}
  many:
    on: {source: flagger, phase: Succeeded, name: 'many-*'}
    concurrency: {policy: parallel}
    steps:
      - uses: box/request
        RETRY
        with: {method: POST, path: /objects, idempotencyHeader: Idempotency-Key, body: {event: 'EVENT', kind: many}}
      - {uses: wait, with: {for: 200ms}}
      - id: live
        uses: box/request
        RETRY
        with: {method: PUT, path: '/state/many-${{ .event.name }}', body: {event: 'EVENT'}}
  talk:
    on: {source: flagger, phase: Succeeded, name: 'talk-*'}
    steps:
      - {uses: wait, with: {for: 30ms}}
      - id: say
        uses: slack/message
        key: talk-${{ .event.name }}
        RETRY
        with: {channel: '#releases', text: '${{ .event.name }} talk EVENT.'}
  also:
    on: {source: flagger, phase: Succeeded, name: 'talk-*'}
    steps:
      - id: say
        uses: slack/message
        key: talk-${{ .event.name }}
        RETRY
        with: {channel: '#releases', text: '${{ .event.name }} also EVENT.'}
"""


class Stories(campaigns.Campaign):
    def make_daemon(self, **options):
        super().make_daemon(**options)
        file = self.daemon.config_file
        text = CONFIG.replace("RETRY", campaigns.RETRY).replace("EVENT", "${{ .event.id }}")
        head, rest = file.read_text().split("\n", 1)
        head = head.replace("admin:", f"publicUrl: '{self.daemon.hooks}', admin:")
        file.write_text(f"{head}\n{rest}{text}")
        self.person = Person(self)

    def others(self):
        return [asyncio.create_task(self.person.live())]

    def next_body(self, number):
        story, mark = self.bodies[-1].name.split("-") if self.bodies else ("", "")
        if story not in CROWDED or self.random.random() < 0.4:  # releases of one canary come close together
            if self.random.random() < 0.4:
                return super().next_body(number)
            story, mark = self.random.choices(list(WEIGHTS), WEIGHTS.values())[0], self.random.choice("ab")
        more = {"list": lambda: {"items": ",".join(self.random.choices("abcd", k=self.random.randrange(1, 6)))
                                 + self.random.choice(["", ",none"])},
                "fail": lambda: {"refuse": self.random.choice(["once", "always"])},
                "wait": lambda: {"until": f"{time.time() + self.random.uniform(0, 1.5):.3f}"},
                "call": lambda: {"when": self.random.choice(["early", "late", "twice", "race"])},
                "ask": lambda: {"how": self.random.choice(["api", "link", "both", "twice"]),
                                "first": self.random.choice(["approve", "reject"])}}.get(story, dict)()
        name = f"{story}-{mark if story in CROWDED else number}"
        return campaigns.Body(number, name, self.random, self.padding, more)

    async def settled(self, timeout):
        await super().settled(timeout)
        end = time.monotonic() + 20
        while self.control("GET", "/_log")["calling"] or self.person.tasks:
            if time.monotonic() > end:
                self.problems.append(f"the targets still call back, or the person still acts: {self.person.tasks}")
                return
            await asyncio.sleep(0.1)

    def story(self):
        return super().story() + f"\nacts {self.person.counts()}" if hasattr(self, "person") else super().story()


class Person:
    """Answers approvals and held steps as soon as they are there, and meddles while bodies come in."""

    def __init__(self, campaign):
        self.campaign, self.random = campaign, campaign.random
        self.admin = campaign.daemon.admin_port
        self.hooks = campaign.daemon.port
        self.target = urllib.parse.urlsplit(campaign.target_url).port
        self.acts = []     # {verb, run, event, …, answers: statuses; None: nobody knows}
        self.pauses = []   # {workflow, since, until}
        self.seen, self.tasks, self.pausing = set(), set(), False

    def counts(self):
        verbs = [act["verb"] for act in self.acts]
        return {verb: verbs.count(verb) for verb in sorted(set(verbs))} | {"pause": len(self.pauses)}

    async def live(self):
        while True:
            for task in [task for task in self.tasks if task.done()]:
                self.tasks.discard(task)
                task.result()
            for run in await self.runs("state=waiting"):
                self.look_at(run)
            if self.campaign.loading and self.random.random() < 0.3:
                await self.meddle()
            await asyncio.sleep(0.05)

    def begin(self, coroutine):
        self.tasks.add(asyncio.create_task(coroutine))

    def look_at(self, run):
        if run["id"] in self.seen:
            return
        body = next((body for body in self.campaign.bodies if body.event == run["event"]), None)
        if run["workflow"] == "ask" and body:
            self.seen.add(run["id"])
            self.begin(self.answer(run, body))
        elif run["workflow"] == "trigger":
            self.seen.add(run["id"])
            how = self.random.choice(["done", "repeat", "fail", None])
            if how:
                self.begin(self.act("resume", run, {"step": "build", "as": how}))

    # -- approvals

    async def answer(self, run, body):
        first, how = body.metadata["first"], body.metadata["how"]
        other = "reject" if first == "approve" else "approve"
        if how == "api":
            await self.decide(run, first)
        elif how == "link":
            await self.press(run, first)
        elif how == "both":
            await asyncio.gather(self.press(run, first), self.decide(run, other))
        else:
            await self.press(run, first)
            await asyncio.gather(self.press(run, first), self.press(run, other), self.decide(run, other))

    def comment(self):
        return f"word {len(self.acts)}"

    async def decide(self, run, verb):
        comment = self.comment()
        await self.act(verb, run, {"step": "ok", "comment": comment}, comment=comment)

    async def press(self, run, verb):
        path = f"/announce/{run['event']}"
        while path not in (announced := json.loads((await self.until_told(self.target, "GET", "/_announced"))[1])):
            if any(self.settles(act) for act in self.acts if act["run"] == run["id"]):
                return  # it was answered before it was announced
            await asyncio.sleep(0.05)
        links = {name: urllib.parse.urlsplit(url).path for name, url in announced[path].items()}
        for name in ("approve", "reject"):  # a scanner follows all it finds
            status, page = await self.until_told(self.hooks, "GET", links[name])
            if status != 200:
                self.campaign.problems.append(f"the page of a link of {run['id']} is {status} {page!r}")
        comment = self.comment()
        act = self.note(verb, run, comment=comment, link=True)
        await self.moment()
        await self.until_told(self.hooks, "POST", links[verb], urllib.parse.urlencode({"comment": comment}).encode(),
                              "application/x-www-form-urlencoded", act["answers"])

    @staticmethod
    def settles(act):
        return act["verb"] in ("approve", "reject") and act["answers"] and act["answers"][-1] in (200, 409, 410)

    # -- meddling

    async def meddle(self):
        what = self.random.choice(["replay", "retry", "cancel", "cancel", "cancel", "pause"])
        if what == "pause":
            if not self.pausing:
                self.begin(self.pause(self.random.choice(PAUSED)))
            return
        state, replayed = self.random.choice(["running", "waiting", "waiting"]), self.random.choice(REPLAYED)
        wanted = {"replay": f"workflow={replayed}&state=succeeded", "retry": "workflow=fail&state=failed",
                  "cancel": f"workflow=wait&state={state}"}[what]
        runs = [run for run in await self.runs(wanted) if not run["queue"].endswith(("shared-a", "shared-b"))]
        if runs:
            self.begin(self.act(what, self.random.choice(runs[:20]), {}))

    async def pause(self, workflow):
        self.pausing = True
        body = json.dumps({"workflow": workflow}).encode()
        status, answer = await self.until_told(self.admin, "POST", "/api/v1/pause", body)
        assert status in (200, 409), (status, answer)
        since = time.time()
        await asyncio.sleep(self.random.uniform(0.2, 1))
        self.pauses.append({"workflow": workflow, "since": since, "until": time.time()})
        status, answer = await self.until_told(self.admin, "POST", "/api/v1/unpause", body)
        assert status in (200, 404, 409), (status, answer)
        self.pausing = False

    # -- how it speaks

    async def moment(self):
        """Now; or just as the process ends, or when it has: chance alone hits those few milliseconds too seldom."""
        event = self.random.choice([None] * 4 + [self.campaign.ending, self.campaign.down])
        if event and self.campaign.loading:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):  # after the last one there is none
                    await event.wait()

    def note(self, verb, run, **more):
        act = {"verb": verb, "run": run["id"], "event": run["event"], "workflow": run["workflow"], "answers": []} | more
        self.acts.append(act)
        return act

    async def act(self, verb, run, body, **more):
        act = self.note(verb, run, **{**body, **more})
        await self.moment()
        await self.until_told(self.admin, "POST", f"/api/v1/runs/{run['id']}/{verb}", json.dumps(body).encode(),
                              answers=act["answers"])

    async def runs(self, filters):
        _, page = await self.until_told(self.admin, "GET", f"/api/v1/runs?{filters}&limit=500")
        return json.loads(page)["items"]

    async def until_told(self, port, method, path, body=b"", kind="application/json", answers=None):
        """(status, body) of the first answer that is one; an act may be carried out and its answer lost."""
        while True:
            status = None
            caller = campaigns.Caller(port)
            try:
                status, content = await caller.call(method, path, body, timeout=5, kind=kind)
            except (OSError, EOFError, asyncio.LimitOverrunError, asyncio.TimeoutError):
                await asyncio.sleep(0.02)
            finally:
                caller.close()
            if answers is not None:
                answers.append(status)
            if status is not None and status != 503:
                return status, content
