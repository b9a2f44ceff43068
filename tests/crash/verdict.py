"""Verdict: what must hold once a campaign has settled, checked against the API and the targets' log.

verdict(campaign) gives [(what is wrong, the run it is about or None)]. The numbers are those of protocol.md 6.
"""

import collections
import datetime
import http.client
import itertools
import json
import urllib.parse

import campaign as campaigns

TERMINAL = ("succeeded", "failed", "cancelled")
DONE_STEPS = (*TERMINAL, "skipped")
EFFECTS_OF = {  # which requests of a workflow act, and with what effect
    "put": {"state"}, "key": {"key"}, "version": {"upsert", "state"}, "comment": {"lookup"}, "trigger": {"none"},
    "message": {"none"}, "chain": {"key", "state"}}


class Api:
    """GET over one connection; thousands of runs are read."""

    def __init__(self, daemon):
        self.connection = http.client.HTTPConnection("127.0.0.1", daemon.admin_port, timeout=30)

    def get(self, path):
        self.connection.request("GET", "/api/v1/" + path)
        answer = self.connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (path, answer.status, body)
        return json.loads(body)

    def items(self, path):
        found, after = [], None
        while True:
            page = self.get(f"{path}{'&' if '?' in path else '?'}limit=500" + (f"&after={after}" if after else ""))
            found += page["items"]
            after = page["next"]
            if not after:
                return found


def seconds(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def same(body):
    return json.dumps(body, sort_keys=True)


def plain(wiki):
    """Jira's wiki text as people read it: values are escaped for it."""
    return wiki.replace("\\", "")


def writes_of(step):
    """(attempt, request row) of what was not read, in order."""
    return [(attempt, row) for attempt in step["attempts"] for row in attempt["requests"] if row["effect"] != "read"]


class Verdict:
    def __init__(self, campaign):
        self.campaign = campaign
        self.found = [(problem, None) for problem in campaign.problems]
        api = Api(campaign.daemon)
        self.api = api
        self.events = {event["id"]: event for event in api.items("events")}
        self.runs = [api.get("runs/" + run["id"]) for run in api.items("runs")]
        self.runs.sort(key=lambda run: run["id"])
        self.audit = api.get("audit/verify")
        self.log = campaign.target_log()
        self.by_event = collections.defaultdict(dict)
        self.replays = collections.defaultdict(list)
        self.counts = collections.Counter(run["state"] for run in self.runs)

    def wrong(self, text, run=None):
        self.found.append((text, run and run["id"]))

    def metadata(self, event):
        """Lists tell none; it is read from the event itself, once."""
        entry = self.events[event]
        if "metadata" not in entry:
            entry["metadata"] = self.api.get(f"events/{event}")["metadata"]
        return entry["metadata"]

    def check(self):
        self.check_events()
        self.check_runs()
        self.check_queues()
        self.check_held()
        self.check_keys()
        self.check_sends()
        for event, runs in self.by_event.items():
            for workflow, run in runs.items():
                getattr(self, "check_" + workflow)(event, run)
        if not self.audit["intact"]:
            self.wrong(f"the audit chain is broken at {self.audit['firstBad']}")
        return self.found

    def check_events(self):  # 1, 2
        by_checksum = collections.defaultdict(list)
        for event in self.events.values():
            by_checksum[event["checksum"]].append(event["id"])
        for checksum, body in self.campaign.acknowledged.items():
            if by_checksum[checksum] != [body.event]:
                self.wrong(f"{checksum} was acknowledged as {body.event} and is {by_checksum[checksum]}")
        for checksum in set(by_checksum) - set(self.campaign.acknowledged):
            self.wrong(f"event {by_checksum[checksum]} has a body that was never acknowledged")

    def check_runs(self):  # 7, 17
        for run in self.runs:
            if run["replayOf"]:
                self.replays[run["event"], run["workflow"]].append(run)
            elif run["workflow"] in self.by_event[run["event"]]:
                self.wrong(f"{run['event']} has a second run of {run['workflow']}", run)
            else:
                self.by_event[run["event"]][run["workflow"]] = run
            over = all(step["state"] in DONE_STEPS for step in run["steps"])
            if over != (run["state"] in TERMINAL):
                self.wrong(f"{run['state']}, with steps {[step['state'] for step in run['steps']]}", run)
            held = any(step["held"] for step in run["steps"])
            may_wait = run["state"] == "waiting" and held and run["workflow"] == "trigger"
            if run["state"] not in TERMINAL and not may_wait:
                self.wrong(f"{run['workflow']} is {run['state']} and not held", run)
            self.check_end(run)
            for step in run["steps"]:
                if any(attempt["endedAt"] is None for attempt in step["attempts"]):
                    self.wrong(f"step {step['number']} has an attempt without an end", run)
        for event in self.events.values():
            if set(self.by_event[event["id"]]) != set(self.wanted(event)):
                self.wrong(f"{event['id']} has runs of {sorted(self.by_event[event['id']])}")

    def wanted(self, event):
        """The workflows that the event is for."""
        return campaigns.SHARED if event["name"].startswith("shared-") else campaigns.WORKFLOWS

    def check_end(self, run):
        if run["state"] in ("failed", "cancelled") or any(step["state"] == "skipped" for step in run["steps"]):
            self.wrong(f"{run['workflow']} is {run['state']}: {run['reason']}", run)

    def queues(self):
        """The runs of each queue, in its order: the events' own."""
        found = collections.defaultdict(list)
        for run in self.runs:
            found[run["workflow"], run["queue"]].append(run)
        return {queue: sorted(runs, key=lambda run: (run["event"], run["id"])) for queue, runs in found.items()}

    def check_queues(self):  # 8
        for runs in self.queues().values():
            begun = [run for run in runs if run["startedAt"]]
            for before, after in zip(begun, begun[1:]):
                if not before["finishedAt"] or before["finishedAt"] > after["startedAt"]:
                    self.wrong(f"overlaps {before['id']}, which is before it in its queue", after)

    def check_held(self):
        listed = self.campaign.daemon.cli("runs", "list", "--state", "waiting", "--limit", "500", "-o", "json", check=0)
        names = {run["id"] for run in json.loads(listed.stdout)["items"]}
        held = {run["id"] for run in self.runs if any(step["held"] for step in run["steps"])}
        if names != held:
            self.wrong(f"`runs list --state waiting` names {sorted(names)}, held are {sorted(held)}")

    def check_keys(self):  # 13, 15
        owners = {}
        for run in self.runs:
            for step in run["steps"]:
                rows = [row for _, row in writes_of(step)]
                for row in rows:
                    if row["effect"] not in EFFECTS_OF[run["workflow"]]:
                        self.wrong(f"effect {row['effect']} in {run['workflow']}", run)
                    owner = (run["event"], run["workflow"], step["number"], row["request"])
                    if not row["key"] or owners.setdefault(row["key"], owner) != owner:
                        self.wrong(f"key {row['key']} of {owner} is that of {owners.get(row['key'])}", run)
                for name in {row["request"] for row in rows}:
                    keys = [key for key, _ in itertools.groupby(row["key"] for row in rows if row["request"] == name)]
                    if len(keys) > self.times(run, step) or len(keys) != len(set(keys)):
                        self.wrong(f"request {name} of step {step['number']} went out with the keys {keys}", run)

    def times(self, run, step):
        """How many effects a step may have: those of onFailure and finally are new ones after each retry."""
        return 1

    def check_sends(self):  # 9, 10
        rows = collections.defaultdict(list)
        for run in self.runs:
            for step in run["steps"]:
                for attempt, row in writes_of(step):
                    path = urllib.parse.urlsplit(row["url"]).path
                    rows[row["method"], path, same(row["body"])].append((seconds(row["sentAt"]), run))
                names = [(attempt["id"], row["request"]) for attempt, row in writes_of(step)]
                if len(set(names)) != len(names):
                    self.wrong(f"step {step['number']} committed a request twice in one attempt", run)
        arrived = collections.defaultdict(list)
        for request in self.log["requests"]:
            if request["method"] not in ("GET", "HEAD"):
                arrived[request["method"], request["path"], same(request["body"])].append(request["at"])
        for what, times in arrived.items():
            committed = sorted(rows.get(what, []), key=lambda entry: entry[0])
            for number, at in enumerate(sorted(times)):
                if number >= len(committed) or committed[number][0] > at + 0.002:
                    self.wrong(f"{what} came {len(times)} times, for {len(committed)} committed requests",
                               committed[0][1] if committed else None)
                    break

    # -- one per workflow: 12, 14

    def check_put(self, event, run):
        states = self.log["states"].get(f"/state/{event}", [])
        if not states or {same(state) for state in states} != {same({"checksum": self.events[event]["checksum"]})}:
            self.wrong(f"the state of {event} is {states}", run)

    def objects(self, event, kind):
        return [made for made in self.log["objects"] if made["body"] == {"event": event, "kind": kind}]

    def check_key(self, event, run):
        if len(self.objects(event, "key")) != 1:
            self.wrong(f"{event} has the objects {self.objects(event, 'key')}", run)

    def check_version(self, event, run):
        name = f"{self.events[event]['name']}-{self.events[event]['checksum']}"
        found = [version for version in self.log["jira"]["versions"] if version["name"] == name]
        if [version["released"] for version in found] != [True]:
            self.wrong(f"the versions named {name} are {found}", run)

    def check_comment(self, event, run):
        text = f"released by {event}."
        comments = itertools.chain.from_iterable(issue["comments"] for issue in self.log["jira"]["issues"])
        found = [comment for comment in comments if text in plain(comment["body"])]
        keys = {row["key"] for step in run["steps"] for _, row in writes_of(step)}
        planted = [entry["value"]["key"] for comment in found for entry in comment["properties"]]
        if len(found) != 1 or set(planted) != keys:
            self.wrong(f"{event} has {len(found)} comments with the keys {planted}; its own are {keys}", run)
        rows = [row for step in run["steps"] for attempt in step["attempts"] for row in attempt["requests"]]
        doubt, looked = None, True  # looked: late enough for "not there" to count
        for row in rows:
            if row["effect"] != "read" and doubt and not looked:
                self.wrong("commented again without having looked when the comment's time was over", run)
            if row["effect"] != "read":
                doubt, looked = (row if row["result"] == "unclear" else None), False
            elif doubt and row["request"] == "lookup.comments" and row["result"] == "succeeded":
                looked |= seconds(row["sentAt"]) + 0.002 >= seconds(doubt["endedAt"]) + campaigns.TIMEOUT

    def check_trigger(self, event, run):
        count = self.log["triggers"].count({"event": event})
        again, said = self.releases(run)
        if count > 1 + again or (run["state"] == "succeeded" and count < 1 and not said):
            self.wrong(f"{event} was triggered {count} times, and its run is {run['state']}", run)
        rows = [row for _, row in writes_of(run["steps"][0])]
        if any(row["result"] == "unclear" for row in rows[:-1]):
            self.wrong("triggered again after an unclear request", run)

    def releases(self, run):
        """How often a person may have let a held step go out again, and whether one said that it was done."""
        return 0, False

    def check_message(self, event, run):
        text = f"released {event}."
        found = [message["key"] for message in self.log["slack"]["messages"] if message["text"] == text]
        rows = [row for _, row in writes_of(run["steps"][0])]
        unclear = sum(row["result"] == "unclear" for row in rows)
        if not 1 <= len(found) <= 1 + unclear or set(found) != {row["key"] for row in rows}:
            self.wrong(f"{event} was told {len(found)} times, with {unclear} unclear requests", run)

    def check_chain(self, event, run):
        made = self.objects(event, "chain")
        states = self.log["states"].get(f"/state/chain-{event}", [])
        if len(made) != 1 or {same(state) for state in states} != {same({"object": made[0]["id"]})}:
            self.wrong(f"{event} has the objects {made} and the states {states}", run)
        first = [row["endedAt"] for _, row in writes_of(run["steps"][0]) if row["result"] == "succeeded"]
        then = [row["sentAt"] for _, row in writes_of(run["steps"][2])]
        if first and then and seconds(then[0]) - seconds(first[-1]) < 0.198:  # 18
            self.wrong(f"waited {seconds(then[0]) - seconds(first[-1]):.3f} s instead of 0.2", run)


def verdict(campaign):
    return Verdict(campaign).check()


def report(campaign, found):
    lines = [campaign.story(), f"{len(found)} things are wrong:"]
    lines += [f"  {run or ''} {text}" for text, run in found[:40]]
    for run in list(dict.fromkeys(run for _, run in found if run))[:3]:
        lines.append(campaign.daemon.cli("explain", run).stdout)
    return "\n".join(lines)
