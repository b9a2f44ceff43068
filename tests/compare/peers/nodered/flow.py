"""Prints flows.json: an expert's flow. Each release is a job in file context, with the number of steps that are done. A job
that is known is not begun again; what is unfinished is gone on with at the start. One request node, a loop, a delay."""

import json

FLOW = "flow"

REMEMBER = """
const b = msg.payload, rel = b.name + "-" + b.checksum, key = "r_" + rel.replace(/\\W/g, "_");
if (b.phase !== "Succeeded" || flow.get(key, "memory")) return [msg, null];
flow.set(key, true, "memory");
flow.get(key, "default", (err, job) => {
  if (job) {  // known from before a restart
    flow.set(key, undefined, "memory");
    node.send([msg, null]);
    return;
  }
  flow.set(key, {rel, step: 0}, "default", err => {
    if (err) {
      msg.statusCode = 500;
      flow.set(key, undefined, "memory");
      node.send([msg, null]);
      return;
    }
    node.send([msg, {key, rel, step: 0, tries: 0}]);
  });
});
"""
RESUME = """
flow.keys("default", (err, keys) => (keys || []).filter(k => k.startsWith("r_")).forEach(
  key => flow.get(key, "default", (e, job) => {
    if (!job || job.step >= 3 || flow.get(key, "memory")) return;
    flow.set(key, true, "memory");
    node.send({key, rel: job.rel, step: job.step, version: job.version, tries: 0});
  })));
"""
NEXT = """
msg.headers = {"content-type": "application/json"};
msg.requestTimeout = 10000;
msg.url = [env.get("VERSIONS"), env.get("PIPELINES"), env.get("CHAT")][msg.step];
msg.payload = [{name: msg.rel}, {release: msg.rel, version: msg.version}, {text: "Released " + msg.rel}][msg.step];
if (msg.step === 0) msg.headers["idempotency-key"] = msg.rel;
return msg;
"""
JUDGE = """
const s = msg.statusCode, ok = s >= 200 && s < 300;
if (!ok) {
  if (s >= 400 && s < 500 && s !== 429) {
    node.error("refused", msg);
    return null;
  }
  msg.tries++;
  const pause = Number((msg.headers || {})["retry-after"]);
  msg.delay = pause ? pause * 1000 : Math.min(30000, 500 * 2 ** msg.tries);
  return [null, {key: msg.key, rel: msg.rel, step: msg.step, version: msg.version, tries: msg.tries, delay: msg.delay}];
}
const m = {key: msg.key, rel: msg.rel, step: msg.step + 1, tries: 0,
           version: msg.step === 0 ? msg.payload.id : msg.version};
flow.set(m.key, {rel: m.rel, step: m.step, version: m.version}, "default", err => {
  if (err) node.error(err, m);
  else if (m.step < 3) node.send([m, null]);
});
"""


def node(key, kind, wires, **more):
    return {"id": key, "type": kind, "z": FLOW, "x": 100, "y": 100, "wires": wires, **more}


def function(name, wires, code):
    return node(name, "function", wires, name=name, func=code, outputs=len(wires), timeout=0, noerr=0, initialize="",
                finalize="", libs=[])


print(json.dumps([
    {"id": FLOW, "type": "tab", "label": "release"},
    node("in", "http in", [["remember"]], url="/flagger", method="post", upload=False, swaggerDoc=""),
    function("remember", [["answer"], ["next"]], REMEMBER),
    node("answer", "http response", [], statusCode="202", headers={}),
    node("boot", "inject", [["resume"]], props=[], repeat="", crontab="", once=True, onceDelay="0.1", topic=""),
    function("resume", [["next"]], RESUME),
    function("next", [["call"]], NEXT),
    node("call", "http request", [["judge"]], method="POST", ret="obj", paytoqs="ignore", url="", tls="", persist=False,
         proxy="", insecureHTTPParser=False, authType="", senderr=False, headers=[]),
    function("judge", [["next"], ["later"]], JUDGE),
    node("later", "delay", [["next"]], pauseType="delayv", timeout="1", timeoutUnits="seconds", rate="1",
         nbRateUnits="1", rateUnits="second", randomFirst="1", randomLast="5", randomUnits="seconds", drop=False,
         allowrate=False, outputs=1)]))
