#include "sim/settings.h"

#include <cstdio>
#include <cstdlib>
#include <map>

#include "lang/yaml.h"

namespace postlude::sim {

namespace {

constexpr std::string_view kHead = R"(sources:
  flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}], accept: {post-rollout: [{namespace: "prod*"}]}}
targets:
  hub: {connector: http, url: "https://hub.example.com", timeout: 10s, maxResponse: 64KiB,
      auth: {bearer: {env: HUB}}}
  slow: {connector: http, url: "https://slow.example.com", timeout: 10s, maxResponse: 64KiB,
      limits: {concurrency: 1, rate: 30/m}}
  sim: {connector: sim, url: "https://sim.example.com", timeout: 10s, maxResponse: 64KiB,
      limits: {concurrency: 4}}
workflows:
)";

constexpr std::string_view kConnector = R"(connector: sim
summary: A system that exists in simulations only.
auth: [none]
actions:
  make:
    summary: Make a thing that can be looked for by its key.
    input: &input {type: object, required: [by], properties: {by: {type: string}, rev: {type: string},
        items: {type: string}}}
    effect: lookup
    lookupAfter: 30s
    requests:
      - &before {id: before, get: /things/count}
      - {id: make, post: /things, body: {by: "${{ .with.by }}", rev: "${{ .with.rev }}",
          items: "${{ .with.items }}", key: "${{ .key }}"}, success: .response.status == 201}
    lookup:
      - {id: find, get: /things, query: {key: "${{ .key }}"},
          outputs: "${{ .requests.find.response.body
            | if . == [] then null else {id: .[0].id} end }}"}
    outputs: {id: "${{ .requests.make.response.body.id }}"}
  ensure:
    summary: Make sure that there is one of that name.
    input: {type: object, required: [by, name], properties: {by: {type: string}, rev: {type: string},
        name: {type: string}}}
    requests:
      - {id: create, post: /names, effect: upsert, body: {by: "${{ .with.by }}", rev: "${{ .with.rev }}",
          name: "${{ .with.name }}"}, success: .response.status == 201, exists: .response.status == 409}
      - {id: mark, put: "/state/${{ .with.name | @uri }}", effect: state, body: {by: "${{ .with.by }}",
          rev: "${{ .with.rev }}"}}
    outputs: {created: "${{ .requests.create.response.status == 201 }}"}
  short:
    summary: Something whose key is forgotten soon.
    input: *input
    effect: key
    keyWindow: 2m
    onUnclear: hold
    requests:
      - {id: post, post: /short, headers: {Idempotency-Key: "${{ .key }}"}, body: {by: "${{ .with.by }}",
          rev: "${{ .with.rev }}", items: "${{ .with.items }}"}}
    outputs: {id: "${{ .requests.post.response.body.id }}"}
  talk:
    summary: Say something; failure hides in a 200.
    input: *input
    effect: none
    onUnclear: repeat
    bodyDecides: true
    requests:
      - {id: talk, post: /plain/repeat, body: {by: "${{ .with.by }}", rev: "${{ .with.rev }}"},
          success: .response.body.ok == true, retry: .response.body.error == "busy",
          refuse: .response.body.error == "no"}
    outputs: {id: "${{ .requests.talk.response.body.id }}"}
)";

constexpr std::string_view kLine = R"(  line:
    on: {source: flagger, phase: Succeeded}
    timeout: 2d
    vars: {who: "${{ .event.name }}"}
    steps:
      - {id: put, uses: hub/request, with: {method: PUT, path: "/state/${{ .vars.who }}",
          body: {by: $BY(put), rev: "$REV"}}}
      - {id: post, uses: hub/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key,
          body: {by: $BY(post), rev: "$REV"}}}
      - {id: hold, uses: hub/request, onUnclear: hold, with: {method: POST, path: /plain/hold,
          body: {by: $BY(hold), rev: "$REV", pad: "${{ .event.metadata.pad }}"}}}
    onFailure:
      - {id: tell, uses: hub/request, onUnclear: repeat, with: {method: POST, path: /plain/repeat,
          body: {by: $BY(tell), rev: "$REV", failed: "${{ .failure.step }}"}}}
    finally:
      - {id: last, uses: slow/request, with: {method: POST, path: /keyed,
          idempotencyHeader: Idempotency-Key, body: {by: $BY(last), rev: "$REV"}}}
)";
constexpr std::string_view kDag = R"(  dag:
    on: {source: flagger, phase: Succeeded}
    if: .event.metadata.environment == "production"
    steps:
      - {id: name, needs: [], uses: sim/ensure, with: {by: $BY(name), rev: "$REV",
          name: "${{ .event.name }}-${{ .event.checksum }}"}}
      - {id: thing, needs: [], uses: sim/make, with: {by: $BY(thing), rev: "$REV"}}
      - {id: brief, needs: [name], continueOnError: true, uses: sim/short, with: {by: $BY(brief),
          rev: "$REV"}}
      - {id: talk, needs: [name], retry: {attempts: 4, backoff: {initial: 2s, factor: 3, max: 1m}},
          uses: sim/talk, with: {by: $BY(talk), rev: "$REV"}}
      - {id: join, needs: [thing, brief], uses: hub/request, with: {method: PUT,
          path: "/state/dag-${{ .event.name }}", body: {by: $BY(join), rev: "$REV",
          id: "${{ .steps.thing.outputs.id }}"}}}
      - {id: always, needs: [join, talk], if: always, uses: set, with: {values: {done: true}}}
      - {id: sorry, needs: [thing], if: failure, uses: hub/request, onUnclear: repeat, with: {method: POST,
          path: /plain/repeat, body: {by: $BY(sorry), rev: "$REV"}}}
)";
constexpr std::string_view kEach = R"(  each:
    on: {source: flagger, phase: Succeeded}
    steps:
      - {id: items, uses: set, with: {values: {all: '${{ .event.metadata.items | split(",") }}'}}}
      - {id: post, forEach: .steps.items.outputs.all, if: '.item != "skip"', uses: hub/request,
          with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key, body: {by: $EACH(post),
          rev: "$REV", items: "${{ .event.metadata.items }}"}}}
      - {id: made, forEach: .steps.items.outputs.all, continueOnError: true, uses: sim/make,
          with: {by: $EACH(made), rev: "$REV", items: "${{ .event.metadata.items }}"}}
      - {id: sum, uses: assert, with: {that: (.steps.post.outputs | length) > 0, message: nothing was posted}}
      - {id: end, uses: hub/request, with: {method: PUT, path: "/state/each-${{ .event.name }}",
          body: {by: $BY(end), rev: "$REV"}}}
    finally:
      - {id: last, uses: hub/request, onUnclear: repeat, with: {method: POST, path: /plain/repeat,
          body: {by: $BY(last), rev: "$REV"}}}
)";
constexpr std::string_view kPeople = R"(  people:
    on: {source: flagger, phase: Succeeded}
    steps:
      - {id: first, uses: hub/request, with: {method: PUT, path: "/state/people-${{ .event.name }}",
          body: {by: $BY(first), rev: "$REV"}}}
      - id: ok
        uses: approval
        with: {message: "Go on?", timeout: 2h, onTimeout: $THEN}
        announce: {uses: hub/request, onUnclear: repeat, with: {method: POST, path: /plain/repeat,
            body: {by: $BY(announce), rev: "$REV", link: "${{ $step.links.approve }}"}}}
      - {id: post, uses: hub/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key,
          body: {by: $BY(post), rev: "$REV"}}}
      - {id: sure, uses: approval, with: {message: "Really?"}}
      - {id: second, uses: sim/make, with: {by: $BY(second), rev: "$REV"}}
)";
constexpr std::string_view kCall = R"(  call:
    on: {source: flagger, phase: Succeeded}
    timeout: 8h
    steps:
      - {id: begin, uses: hub/request, onUnclear: hold, with: {method: POST, path: /plain/hold,
          body: {by: $BY(begin), rev: "$REV", callback: "${{ .run.callbacks.back.url }}"}}}
      - {id: slowly, uses: slow/request, with: {method: PUT, path: "/state/call-${{ .event.name }}",
          body: {by: $BY(slowly), rev: "$REV"}}}
      - {id: back, uses: callback, with: {timeout: 6h}}
      - {id: got, uses: hub/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key,
          body: {by: $BY(got), rev: "$REV", got: "${{ .steps.back.outputs.n }}"}}}
)";
constexpr std::string_view kReplace = R"(  newest:
    on: {source: flagger}
    concurrency: {policy: replace}
    steps:
      - {id: put, uses: slow/request, with: {method: PUT, path: "/state/newest-${{ .event.name }}",
          body: {by: $BY(put), rev: "$REV"}}}
      - {uses: wait, with: {for: 5m}}
      - {id: thing, uses: sim/make, with: {by: $BY(thing), rev: "$REV"}}
      - {id: put2, uses: hub/request, with: {method: PUT, path: "/state/newest2-${{ .event.name }}",
          body: {by: $BY(put2), rev: "$REV"}}}
    finally:
      - {id: last, uses: hub/request, onUnclear: repeat, with: {method: POST, path: /plain/repeat,
          body: {by: $BY(last), rev: "$REV"}}}
)";
constexpr std::string_view kParallel = R"(  parallel:
    on: {source: flagger, phase: Succeeded}
    concurrency: {policy: parallel}
    steps:
      - {id: put, uses: hub/request, with: {method: PUT, path: "/state/parallel-${{ .event.name }}",
          body: {by: $BY(put), rev: "$REV"}}}
      - {uses: wait, with: {for: '${{ .event.metadata.pause }}'}}
      - {id: name, uses: sim/ensure, with: {by: $BY(name), rev: "$REV", name: "p-${{ .event.name }}"}}
)";
constexpr std::string_view kShadow = R"(  shadow:
    on: {source: flagger, phase: Succeeded}
    mode: shadow
    steps:
      - {id: put, uses: hub/request, with: {method: PUT, path: "/state/shadow-${{ .event.name }}",
          body: {by: $BY(put), rev: "$REV"}}}
      - {id: thing, uses: sim/make, with: {by: $BY(thing), rev: "$REV"}}
      - {id: post, uses: hub/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key,
          body: {by: $BY(post), rev: "$REV", id: "${{ .steps.thing.outputs.id }}"}}}
      - {id: read, uses: hub/request, with: {method: GET, path: /things/count}}
)";
constexpr std::string_view kLong = R"(  long:
    on: {source: flagger, phase: Succeeded}
    maxAge: 10m
    timeout: 6d
    steps:
      - {id: put, uses: hub/request, with: {method: PUT, path: "/state/long-${{ .event.name }}",
          body: {by: $BY(put), rev: "$REV"}}}
      - {uses: wait, with: {for: 3d}}
      - {id: post, uses: hub/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key,
          body: {by: $BY(post), rev: "$REV"}}}
)";
constexpr std::string_view kDoubt = R"(  doubt:
    on: {source: flagger, phase: Succeeded}
    concurrency: {key: .event.namespace}
    steps:
      - {id: fail, uses: hub/request, onUnclear: fail, with: {method: POST, path: /plain/fail,
          body: {by: $BY(fail), rev: "$REV"}}}
      - {id: brief, uses: sim/short, with: {by: $BY(brief), rev: "$REV"}}
      - {id: again, uses: hub/request, onUnclear: repeat, with: {method: POST, path: /plain/repeat,
          body: {by: $BY(again), rev: "$REV"}}}
    onFailure:
      - {id: tell, uses: hub/request, onUnclear: hold, with: {method: POST, path: /plain/hold,
          body: {by: $BY(tell), rev: "$REV"}}}
)";
constexpr std::string_view kBrief = R"(  brief:
    on: {source: flagger}
    timeout: 5m
    steps:
      - {id: first, retry: {attempts: 3, backoff: {initial: 30s}}, uses: slow/request, with: {method: POST,
          path: /keyed, idempotencyHeader: Idempotency-Key, body: {by: $BY(first), rev: "$REV"}}}
      - {id: thing, retry: {for: 4m}, uses: sim/make, with: {by: $BY(thing), rev: "$REV"}}
      - {uses: wait, with: {until: "${{ now + 60 }}"}}
      - {id: that, uses: assert, with: {that: .event.metadata.environment == "production"}}
    finally:
      - {id: last, uses: hub/request, with: {method: PUT, path: "/state/brief-${{ .event.name }}",
          body: {by: $BY(last), rev: "$REV"}}}
)";
constexpr std::string_view kHooked = R"(  hooked:
    on: {source: flagger, hook: event}
    steps:
      - {id: post, uses: hub/request, with: {method: POST, path: /keyed, idempotencyHeader: Idempotency-Key,
          body: {by: $BY(post), rev: "$REV"}}}
)";

std::string filled(std::string_view text, std::string_view flow, std::size_t revision) {
  std::string out(text);
  const auto fill = [&](std::string_view open, std::string_view end, const auto& value) {
    for (std::size_t at = out.find(open); at != std::string::npos; at = out.find(open, at)) {
      const std::size_t close = end.empty() ? at + open.size() : out.find(end, at);
      const std::string with = value(out.substr(at + open.size(), close - at - open.size()));
      out.replace(at, close + end.size() - at, with);
      at += with.size();
    }
  };
  const auto by = [&](const std::string& step) {
    return "\"${{ .event.id }}/" + std::string(flow) + "/" + step + "\"";
  };
  fill("$BY(", ")", by);
  fill("$EACH(", ")", [&](const std::string& step) {
    return "\"${{ .event.id }}/" + std::string(flow) + "/" + step + "/${{ .item }}\"";
  });
  fill("$REV", "", [&](const std::string&) { return std::to_string(revision + 1); });
  fill("$THEN", "", [&](const std::string&) { return std::string(revision == 0 ? "fail" : "skip"); });
  return out;
}

std::vector<Flow> make_flows() {
  using std::chrono::minutes;
  std::vector<Flow> out;
  const auto add = [&](std::string_view name, std::string_view text) -> Flow& {
    Flow flow;
    flow.name = name;
    flow.text = text;
    out.push_back(std::move(flow));
    return out.back();
  };
  add("line", kLine);
  add("dag", kDag);
  add("each", kEach);
  add("people", kPeople);
  add("call", kCall);
  add("newest", kReplace).failures = true;
  add("parallel", kParallel);
  add("shadow", kShadow);
  add("long", kLong).max_age = minutes(10);
  add("doubt", kDoubt);
  add("brief", kBrief).failures = true;
  add("hooked", kHooked).post_rollout = false;
  return out;
}

const Flow* flow_named(std::string_view name) {
  for (const Flow& flow : flows()) {
    if (flow.name == name) return &flow;
  }
  std::fprintf(stderr, "no workflow %s\n", std::string(name).c_str());
  std::abort();
}

// Few workflows in each, so that a seed stays small.
const std::vector<std::vector<std::string>> kSets{
    {"line"},
    {"dag"},
    {"each"},
    {"people"},
    {"call"},
    {"newest"},
    {"parallel", "shadow"},
    {"long"},
    {"doubt"},
    {"brief", "hooked"},
    {"newest", "call"},
    {"line", "people"},
    {"dag", "parallel"},
    {"each", "hooked"},
    {"doubt", "shadow"},
    {"long", "newest"},
};

const connector::Catalogue& catalogue() {
  static const connector::Catalogue out = [] {
    connector::Catalogue made = connector::Catalogue::built_in();
    lang::Problems problems;
    made.add(kConnector, "sim.yaml", problems);
    for (const lang::Problem& p : problems)
      std::fprintf(stderr, "%s\n", lang::to_text(p).c_str());
    if (!problems.empty()) std::abort();
    return made;
  }();
  return out;
}

std::shared_ptr<const pipeline::Rules> build(const std::vector<const Flow*>& of, std::size_t revision) {
  std::string text(kHead);
  for (const Flow* flow : of)
    text += filled(flow->text, flow->name, revision);
  lang::Problems problems;
  const auto root = lang::read_yaml(text, "sim-config.yaml", problems);
  std::shared_ptr<const pipeline::Rules> rules;
  if (root) {
    pipeline::RulesInput input;
    input.sources = root->find("sources");
    input.targets = root->find("targets");
    input.workflows = root->find("workflows");
    input.public_url = "https://postlude.example.com";
    input.admin_url = "https://admin.example.com";
    input.revision = std::to_string(revision + 1);
    rules = pipeline::Rules::build(input, catalogue(), problems);
  }
  if (rules == nullptr) {
    for (const lang::Problem& p : problems)
      std::fprintf(stderr, "%s\n", lang::to_text(p).c_str());
    std::abort();
  }
  return rules;
}

}  // namespace

const std::vector<Flow>& flows() {
  static const std::vector<Flow> out = make_flows();
  return out;
}

std::size_t settings_count() {
  return kSets.size();
}

const Setting& setting(std::size_t which) {
  static std::map<std::size_t, Setting> made;
  const auto found = made.find(which);
  if (found != made.end()) return found->second;
  Setting out;
  for (const std::string& name : kSets[which])
    out.flows.push_back(flow_named(name));
  for (std::size_t revision = 0; revision < kRevisions; ++revision)
    out.revisions.push_back(build(out.flows, revision));
  return made.emplace(which, std::move(out)).first->second;
}

}  // namespace postlude::sim
