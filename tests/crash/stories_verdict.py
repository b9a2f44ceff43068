"""StoriesVerdict: what must hold of graphs, lists, waits, callbacks, approvals and the rest once all has settled."""

import collections
import itertools
import urllib.parse

import stories
import verdict
from verdict import TERMINAL, same, seconds, writes_of

TICK = 0.002  # both clocks are the machine's; the store's stand there in milliseconds
verdict.EFFECTS_OF.update({
    "graph": {"state", "key"}, "list": {"key", "upsert", "state", "lookup"}, "fail": {"state"}, "wait": {"state"},
    "call": {"key", "state"}, "ask": {"state"}, "swap": {"state", "key"}, "many": {"key", "state"},
    "talk": {"none", "state"}, "also": {"none", "state"}})


def step_of(run, name):
    return next(step for step in run["steps"] if step["id"] == name and step["elementOf"] is None)


class StoriesVerdict(verdict.Verdict):
    def __init__(self, campaign):
        super().__init__(campaign)
        self.acts = campaign.person.acts
        self.acts_on = collections.defaultdict(list)
        for act in self.acts:
            self.acts_on[act["run"]].append(act)
        self.arrived = collections.defaultdict(list)  # by what was sent
        for request in self.log["requests"]:
            self.arrived[request["method"], request["path"], same(request["body"])].append(request["at"])
        self.comments = collections.defaultdict(list)
        for issue in self.log["jira"]["issues"]:
            for comment in issue["comments"]:
                self.comments[verdict.plain(comment["body"].split("{anchor")[0].strip())].append(comment)
        self.versions = collections.Counter(version["name"] for version in self.log["jira"]["versions"])

    def check(self):
        super().check()
        self.check_needs()
        self.check_finally()
        self.check_meddling()
        self.check_pauses()
        self.check_swaps()
        self.check_order_of_live()
        self.check_chat()
        return self.found

    def wanted(self, event):
        return stories.STORIES.get(event["name"].split("-")[0]) or super().wanted(event)

    def acted(self, run, *verbs):
        return [act for act in self.acts_on[run["id"]] if act["verb"] in verbs]

    def times(self, run, step):
        again = sum(200 in act["answers"] or None in act["answers"] for act in self.acted(run, "retry", "skip"))
        return 1 + (again if step["list"] != "steps" else 0)

    def check_end(self, run):
        state, workflow = run["state"], run["workflow"]
        if state == "cancelled":
            fine = workflow == "swap" or self.acted(run, "cancel")
        elif state == "failed":
            fine = (workflow in ("fail", "ask")
                    or any(act.get("as") == "fail" for act in self.acted(run, "resume")))
        else:
            fine = workflow in ("many", "talk", "also", "fail", "ask", "list", "wait") or all(
                step["state"] != "skipped" or not step["attempts"] and run["replayOf"] for step in run["steps"])
        if not fine:
            self.wrong(f"{workflow} is {state}: {run['reason']}", run)
        for step in run["steps"]:
            if step["state"] == "skipped" and not self.may_be_left_out(run, step):
                self.wrong(f"step {step['number']} was left out: {step['reason']}", run)

    @staticmethod
    def may_be_left_out(run, step):
        if step["because"] == "superseded":
            return run["workflow"] in ("many", "talk", "also")
        return (run["state"] in ("failed", "cancelled") or step["list"] == "onFailure" or step["announces"]
                or step["item"] == "none")

    def check_queues(self):  # 8
        runs = self.runs
        self.runs = [run for run in runs if run["workflow"] != "many"]
        super().check_queues()
        self.runs = runs

    def check_keys(self):
        runs = self.runs  # the key of talk's steps is the target's, not the event's: below
        self.runs = [run for run in runs if run["workflow"] not in stories.STORIES["talk"]]
        super().check_keys()
        self.runs = runs

    def releases(self, run):
        """A replay is not made of these, so that only `resume` counts."""
        resumed = [act for act in self.acted(run, "resume") if any(status in (200, None) for status in act["answers"])]
        return sum(act["as"] == "repeat" for act in resumed), any(act["as"] == "done" for act in resumed)

    # -- order

    def first_arrival(self, step):
        times = [time for _, row in writes_of(step)
                 for time in self.arrived[row["method"], urllib.parse.urlsplit(row["url"]).path, same(row["body"])]]
        return min(times, default=None)

    def undisturbed(self, run):
        """What it sent was sent by no other run, and none of it after it had ended once."""
        return not run["replayOf"] and not self.replays[run["event"], run["workflow"]] and not self.acted(run, "retry")

    def check_needs(self):
        for run in self.runs:
            if not self.undisturbed(run):
                continue
            steps = {step["number"]: step for step in run["steps"]}
            for step in run["steps"]:
                whole = steps[step["elementOf"]] if step["elementOf"] else step
                at = self.first_arrival(step) if step["attempts"] else None
                for number in whole["needs"] if at else ():
                    before = steps[number]
                    if not before["finishedAt"] or seconds(before["finishedAt"]) > at + TICK:
                        self.wrong(f"step {step['number']} was sent before step {number} had ended", run)

    def check_finally(self):
        for run in self.runs:
            last = [step for step in run["steps"] if step["list"] == "finally"]
            others = [step for step in run["steps"] if step["list"] != "finally"]
            began = any(step["startedAt"] for step in others)
            if run["state"] not in TERMINAL or not began:
                continue
            for step in last:
                at = self.first_arrival(step)
                if step["state"] != "succeeded" or at is None:
                    self.wrong(f"began, and its `finally` is {step['state']}", run)
                elif self.undisturbed(run) and any(
                        other["finishedAt"] and seconds(other["finishedAt"]) > at + TICK for other in others):
                    self.wrong("its `finally` was sent while other steps had not ended", run)

    # -- people

    def check_meddling(self):
        asked = collections.defaultdict(list)
        for act in self.acts:
            if act["verb"] == "replay":
                asked[act["event"], act["workflow"]] += act["answers"]
        for key in {*asked, *self.replays}:
            made, answers = len(self.replays[key]), asked[key]
            if not answers.count(200) <= made <= answers.count(200) + answers.count(None):
                self.wrong(f"{key} has {made} replays, asked for with the answers {answers}")
        for act in self.acts:
            fine = {"replay": (200,)}.get(act["verb"], (200, 409, 410))
            if not act["answers"] or act["answers"][-1] not in fine:
                self.wrong(f"{act} was not answered", {"id": act["run"]})

    def check_pauses(self):
        for pause in self.campaign.person.pauses:
            for run in self.runs:
                for step in run["steps"] if run["workflow"] == pause["workflow"] else ():
                    for attempt in step["attempts"]:  # one that has begun goes on
                        if pause["since"] + TICK < seconds(attempt["startedAt"]) < pause["until"] - TICK and attempt["requests"]:
                            self.wrong(f"begun at {attempt['startedAt']}, while paused: {pause}", run)

    def check_call(self, event, run):  # 22
        calls = [call for call in self.log["calls"] if call["event"] == event]
        outputs = step_of(run, "done")["outputs"]
        if any(call["answers"][-1] not in (202, 409, 410) for call in calls):
            self.wrong(f"a callback was answered {[call['answers'] for call in calls]}", run)
        taken = [call["body"] for call in calls if 202 in call["answers"]]
        known = taken or [call["body"] for call in calls if None in call["answers"]]
        if len(taken) > 1 or outputs not in known:
            self.wrong(f"took the callback {outputs}; told so were {taken} of {calls}", run)
        got = {same(state) for state in self.log["states"].get(f"/state/call-{event}", [])}
        if got != {same({"got": outputs})}:
            self.wrong(f"took the callback {outputs} and passed on {got}", run)

    def check_ask(self, event, run):
        step = step_of(run, "ok")
        acts = self.acted(run, "approve", "reject")
        taken = [act for act in acts if 200 in act["answers"]]
        known = taken or [act for act in acts if None in act["answers"]]
        if run["state"] == "succeeded":
            verb, comment = "approve", (step["outputs"] or {}).get("comment")
        else:
            verb, comment = "reject", (step["reason"] or "").split(": ", 1)[-1]
        if len(taken) > 1 or (verb, comment) not in [(act["verb"], act["comment"]) for act in known]:
            self.wrong(f"was answered {verb} {comment!r}; told so were {taken} of {acts}", run)
        states = {same(state) for state in self.log["states"].get(f"/state/ask-{event}", [])}
        if states != ({same({"comment": comment})} if verb == "approve" else set()):
            self.wrong(f"was answered {verb} {comment!r} and went on with {states}", run)

    # -- one per workflow

    def state(self, name):
        return self.log["states"].get(f"/state/{name}", [])

    def check_graph(self, event, run):
        made = self.objects(event, "graph")
        got = {same(state) for state in self.state(f"graph-meet-{event}")}
        if len(made) != 1 or got != {same({"object": made[0]["id"]})}:
            self.wrong(f"{event} has the objects {made} and the states {got}", run)
        for part in ("one", "right", "apart"):
            if not self.state(f"graph-{part}-{event}"):
                self.wrong(f"branch {part} was not taken", run)

    def check_list(self, event, run):
        items = self.metadata(event)["items"].split(",")
        made = {entry["id"]: entry for entry in self.log["objects"]
                if entry["body"].get("event") == event and entry["body"]["kind"] == "list"}
        if sorted(entry["body"]["item"] for entry in made.values()) != sorted(items):
            self.wrong(f"{items} were made as {made}", run)
        if any(self.versions[f"{event}-{item}"] != 1 for item in items):
            self.wrong(f"the versions of {items} are {[self.versions[f'{event}-{item}'] for item in items]}", run)
        commented = [item for item in items if item != "none"]
        ids = []
        for item, count in collections.Counter(commented).items():
            found = self.comments[f"{item} of {event}."]
            ids += [comment["id"] for comment in found]
            if len(found) != count or len({same(comment["properties"]) for comment in found}) != count:
                self.wrong(f"{item} of {items} has the comments {found}", run)
        told = self.state(f"list-{event}")
        if not told or any(one != told[0] for one in told):
            self.wrong(f"the outputs were told as {told}", run)
        elif ([made[name]["body"]["item"] for name in told[0]["objects"]] != items
              or told[0]["versions"] != [f"{event}-{item}" for item in items]
              or sorted(told[0]["comments"]) != sorted(ids) or len(told[0]["objects"]) != len(made)):
            self.wrong(f"the outputs of {items} are {told[0]}", run)

    def check_fail(self, event, run):
        refused = any(row["result"] == "refused" for _, row in writes_of(step_of(run, "bad")))
        told = self.state(f"fail-told-{event}")
        if bool(told) != refused or any(state != {"step": "bad"} for state in told):
            self.wrong(f"was{'' if refused else ' not'} refused, and onFailure told {told}", run)
        if bool(self.state(f"fail-next-{event}")) != (run["state"] == "succeeded"):
            self.wrong("the step after the failed one does not fit", run)
        if run["state"] == "failed" and not refused:
            self.wrong(f"failed without a refusal: {run['reason']}", run)
        if self.metadata(event)["refuse"] == "always" and run["state"] != "failed":
            self.wrong("succeeded although it was refused always", run)
        if not self.state(f"fail-beside-{event}") or step_of(run, "soft")["state"] != "failed":
            self.wrong("the branch beside the failed one was not taken", run)

    def check_wait(self, event, run):  # 18
        until = float(self.metadata(event)["until"])
        short = step_of(run, "short")
        for name, earliest in (("short", short["startedAt"] and seconds(short["startedAt"]) + 0.25), ("until", until)):
            times = self.arrived["PUT", f"/state/wait-{name}-{event}", same(None)]
            if times and min(times) < earliest - TICK:
                self.wrong(f"went on {earliest - min(times):.3f} s before its wait `{name}` was over", run)
            if not times and run["state"] == "succeeded":
                self.wrong(f"did not go on after its wait `{name}`", run)

    def check_swap(self, event, run):
        made = self.objects(event, "swap")
        if len(made) > 1 or (run["state"] == "succeeded" and len(made) != 1):
            self.wrong(f"{event} has the objects {made}", run)

    def check_many(self, event, run):
        if len(self.objects(event, "many")) != 1 or run["state"] != "succeeded":
            self.wrong(f"{event} has the objects {self.objects(event, 'many')}", run)
        if step_of(run, "live")["state"] == "skipped" and event == max(
                other for other, entry in self.events.items() if entry["name"] == self.events[event]["name"]):
            self.wrong("is the newest, and was superseded", run)

    # -- those of one canary together

    def check_swaps(self):
        for (workflow, queue), runs in self.queues().items():
            if workflow == "swap" and runs[-1]["state"] != "succeeded":
                self.wrong(f"is the newest of {queue} and {runs[-1]['state']}", runs[-1])
            if workflow not in ("swap", "talk", "also"):
                continue
            rows = [[row for step in run["steps"] for _, row in writes_of(step)] for run in runs]
            for (before, earlier), (after, later) in itertools.pairwise(
                    (run, sent) for run, sent in zip(runs, rows) if sent):
                over = max(seconds(row["endedAt"]) for row in earlier)
                if over > min(seconds(row["sentAt"]) for row in later) + TICK:
                    self.wrong(f"sent while a request of {before['id']}, which it follows, was under way", after)

    def check_order_of_live(self):  # 21
        sent = collections.defaultdict(list)
        for run in self.runs:
            if run["workflow"] == "many":
                sent[self.events[run["event"]]["name"]] += [
                    (seconds(row["sentAt"]), run["event"], run) for _, row in writes_of(step_of(run, "live"))]
        for rows in sent.values():
            rows.sort(key=lambda entry: entry[:2])
            for (at, event, _), (then, older, run) in itertools.pairwise(rows):
                if older < event and then > at:
                    self.wrong(f"sent after {event}, which is newer", run)

    def check_talk(self, event, run):
        """Below, for all of a canary."""

    check_also = check_talk

    def check_chat(self):
        rows, last = collections.defaultdict(list), {}
        for run in self.runs:
            if run["workflow"] not in stories.STORIES["talk"]:
                continue
            name = self.events[run["event"]]["name"]
            last[name] = max(last.get(name, ""), run["event"])
            if run["state"] != "succeeded":
                self.wrong(f"{run['workflow']} is {run['state']}: {run['reason']}", run)
            rows[name] += [(row["sentAt"], row, run) for _, row in writes_of(step_of(run, "say"))]
        for name, sent in rows.items():
            sent.sort(key=lambda entry: entry[0])
            posts = [row for _, row, _ in sent if row["effect"] == "none"]
            doubts = sum(row["result"] == "unclear" for row in posts)
            messages = [message for message in self.log["slack"]["messages"] if message["text"].startswith(name + " ")]
            if not 1 <= len(messages) <= 1 + doubts or {message["key"] for message in messages} != {
                    row["key"] for row in posts} or len({message["key"] for message in messages}) != 1:
                self.wrong(f"{name} has {len(messages)} messages of {len(posts)} posts, {doubts} unclear: {messages}",
                           sent[0][2])
            elif messages[-1]["text"] != sent[-1][1]["body"]["text"] or last[name] not in messages[-1]["text"]:
                self.wrong(f"the last word of {name} is {messages[-1]['text']!r}, sent was "
                           f"{sent[-1][1]['body']['text']!r}; {last[name]} is the newest", sent[-1][2])


def unseen(campaign):
    """What a long campaign must have met, and this one did not yet: else it would prove nothing."""
    api, log = verdict.Api(campaign.daemon), campaign.target_log()
    events, runs = api.items("events"), api.items("runs")
    acts = [(act["verb"], status, bool(act.get("link"))) for act in campaign.person.acts for status in act["answers"]]
    answers = [status for call in log["calls"] for status in call["answers"]]
    # A list tells no metadata; most releases have equal elements, so that few are asked for.
    metadata = (api.get(f"events/{event['id']}")["metadata"] for event in events)
    lists = (each["items"].split(",") for each in metadata if "items" in each)
    seen = {f"a run of {name}": any(run["workflow"] == name for run in runs)
            for name in itertools.chain(*stories.STORIES.values())}
    seen |= {f"{verb} that was done": (verb, 200, False) in acts for verb in ("replay", "retry", "cancel", "resume")}
    seen |= {
        "an approval by link": any(("approve", 200, True) == act or ("reject", 200, True) == act for act in acts),
        "an approval by API": ("approve", 200, False) in acts or ("reject", 200, False) in acts,
        "a second decision that was refused": any(status == 409 for _, status, _ in acts),
        "an act while the daemon was down": any(status is None for _, status, _ in acts),
        "a callback that was taken": 202 in answers, "a second one that was refused": 409 in answers,
        "a callback while the daemon was down": None in answers,
        "a replaced run": any(run["workflow"] == "swap" and run["state"] == "cancelled" for run in runs),
        "equal elements": any(len(set(items)) < len(items) for items in lists),
        "a chat message that was edited": any(message["edits"] for message in log["slack"]["messages"]),
        "a pause": bool(campaign.person.pauses)}
    return [what for what, there in seen.items() if not there]
