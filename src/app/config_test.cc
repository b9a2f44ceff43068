// Broken configurations, each with its exact message. People read these, and later changes must not blur
// them.

#include <gtest/gtest.h>

#include "unit/app/config.h"

namespace postlude::app {
namespace {

// Wraps a fragment so that it is all that is wrong.
std::string source(const std::string& keys) {
  return "sources:\n  f: {type: flagger, auth: none, " + keys + "}";
}
std::string proof(const std::string& text) {
  return "sources:\n  f: {type: flagger, auth: [" + text + "]}";
}
std::string target(const std::string& keys) {
  return "targets:\n  t: {connector: http, " + keys + "}";
}
std::string step(const std::string& keys) {
  return "workflows:\n  w:\n    on: {}\n    steps:\n      - {uses: t/x, " + keys + "}";
}
std::string workflow(const std::string& keys) {
  return "workflows:\n  w:\n    on: {}\n    steps: [{uses: t/x}]\n    " + keys;
}

TEST(BrokenConfig, traps_of_yaml) {
  expect_all({
      {"sources: {}\ntargets: {}\nsources: {}",
       "p.yaml:3:1: duplicate key 'sources'; the first is in line 1"},
      {source("type: flagger"), "p.yaml:2:34: duplicate key 'type'; the first is in line 2"},
      {"x-a: &x {type: flagger}\nsources:\n  f:\n    <<: *x\n    auth: none",
       "p.yaml:4:5: '<<' (merging of maps) is not supported; write the keys out"},
      {"workflows:\n  w:\n    on: {}\n    steps:\n      - uses: slack/message\n        with:\n          "
       "text: deployed #1 ${{ .a }}",
       "p.yaml:7:26: the comment '#1 ${{ .a }}' cuts the value short, to 'deployed': quote it, or put the "
       "comment on a line of its own"},
      {"workflows:\n  w:\n    on: {}\n    steps:\n      - uses: slack/message\n        with: {channel: "
       "#releases, text: x}",
       "p.yaml:6:25: '#releases, text: x}' is a comment here, and the value is empty: quote it"},
      {"workflows:\n  w:\n    on: {}\n    steps:\n      - uses: slack/message\n        with:\n          "
       "channel: #releases",
       "p.yaml:7:20: '#releases' is a comment here, and the value is empty: quote it"},
      {"workflows:\n  w:\n    on: {}\n    steps: [{uses: t/x, with: {a: ${{ .x }}}}]",
       "p.yaml:4:35: YAML reads the braces of ${{ .x }} as its own inside { } and [ ]: quote it"},
      {"workflows:\n  w:\n    on: {}\n    if: .a == \"x #1\"\n    steps: [{uses: t/x}]",
       "p.yaml:4:18: the comment '#1\"' cuts the value short, to '.a == \"x': quote it, or put the comment "
       "on a line of its own"},
      {"workflows:\n  w:\n    on: {namespace: *-prod}\n    steps: [{uses: t/x}]",
       "p.yaml:3:21: '*-prod' is an alias in YAML, and names no anchor: quote it if it is a glob or text"},
      {"sources:\n	f: {type: flagger}", "p.yaml:2:1: a tab indents this line; use spaces"},
      {"sources: {}\n---\ntargets: {}", "p.yaml:2:1: a second document begins here; a file holds one"},
      {"\xEF\xBB\xBF"
       "sources: {}",
       "p.yaml:1:1: the file begins with a byte order mark; save it as UTF-8 without one"},
      {"sources: {f: {type: flagger}", "p.yaml:1:10: the '{' that opens here is not closed"},
      {"sources:\n  f: {type: 'flagger}", "p.yaml:2:13: the quote that opens here is never closed"},
      {"", "p.yaml:1:1: the configuration is empty"},
      {"- a", "p.yaml:1:1: the configuration is a list; expected a map"},
      {"text", "p.yaml:1:1: the configuration is text; expected a map"},
      {std::string(70, '[') + std::string(70, ']'), "p.yaml:1:65: nested deeper than 64 levels"},
  });
}

TEST(BrokenConfig, unknown_keys) {
  expect_all({
      {"surces: {}",
       "p.yaml:1:1: unknown key 'surces' in the configuration; did you mean 'sources'? (access, calendars, "
       "clusters, connectors, data, evaluator, log, server, sources, store, targets, teams, workflows)"},
      {"zzz: {}",
       "p.yaml:1:1: unknown key 'zzz' in the configuration; valid keys are access, calendars, clusters, "
       "connectors, data, evaluator, log, server, sources, store, targets, teams, workflows"},
      {"server: {lisen: 127.0.0.1:1}",
       "p.yaml:1:10: unknown key 'lisen' in 'server'; did you mean 'listen'? (admin, adminUrl, hosts, "
       "idleTimeout, listen, metrics, publicUrl)"},
      {"store: {retention: {run: 1d}}",
       "p.yaml:1:21: unknown key 'run' in 'retention'; did you mean 'runs'? (deliveries, runs)"},
      {source("pahts: {/a: event}"),
       "p.yaml:2:34: unknown key 'pahts' in the source 'f'; did you mean 'paths'? (accept, auth, cluster, "
       "clusters, dedupe, maxBody, paths, rate, storm, type)"},
      {source("frobnicate: 1"),
       "p.yaml:2:34: unknown key 'frobnicate' in the source 'f'; valid keys are accept, auth, cluster, "
       "clusters, dedupe, maxBody, paths, rate, storm, type"},
      {target("urll: http://x"),
       "p.yaml:2:24: unknown key 'urll' in the target 't'; did you mean 'url'? (auth, connector, edition, "
       "headers, limits, maxResponse, proxy, site, timeout, tls, url)"},
      {target("limits: {concurency: 4}"),
       "p.yaml:2:33: unknown key 'concurency' in 'limits'; did you mean 'concurrency'? (concurrency, rate)"},
      {step("wiht: {}"),
       "p.yaml:5:21: unknown key 'wiht' in entry 1 of 'steps'; did you mean 'with'? (announce, "
       "continueOnError, expect, forEach, id, if, key, name, needs, onUnclear, retry, timeout, uses, wait, "
       "with)"},
      {workflow("onn: {}"),
       "p.yaml:5:5: unknown key 'onn' in the workflow 'w'; did you mean 'on'? (concurrency, finally, if, "
       "maxAge, mode, on, onFailure, steps, timeout, vars)"},
      {step("onFailure: [{uses: t/x}]"),
       "p.yaml:5:21: unknown key 'onFailure' in entry 1 of 'steps'; it belongs to the workflow, beside "
       "`steps`"},
      {step("concurrency: {key: .a}"),
       "p.yaml:5:21: unknown key 'concurrency' in entry 1 of 'steps'; it belongs to the workflow, beside "
       "`steps`"},
      {workflow("retry: {attempts: 2}"),
       "p.yaml:5:5: unknown key 'retry' in the workflow 'w'; it belongs to a step, one of `steps`"},
      {source("paths: {post-rollout: /jira-update}"),
       "p.yaml:2:42: 'post-rollout' is not valid here; expected a path that begins with /: swap them, "
       "/jira-update: post-rollout"},
      {step("retry: {backof: {}}"),
       "p.yaml:5:29: unknown key 'backof' in 'retry'; did you mean 'backoff'? (attempts, backoff, for)"},
      {"workflows:\n  w: {on: {fase: S}, steps: [{uses: t/x}]}",
       "p.yaml:2:12: unknown key 'fase' in 'on'; valid keys are cluster, hook, kind, metadata, name, "
       "namespace, outcome, phase, source, team"},
      {source("accept: {post-rolout: {}}"),
       "p.yaml:2:43: unknown key 'post-rolout' in 'accept'; did you mean 'post-rollout'? (confirm-promotion, "
       "confirm-rollout, confirm-traffic-increase, event, post-rollout, pre-rollout, rollback, rollout)"},
      {source("accept: {event: {outcome: x}}"),
       "p.yaml:2:51: unknown key 'outcome' in 'event'; valid keys are cluster, metadata, name, namespace, "
       "phase"},
      {proof("{bearrer: {env: A}}"),
       "p.yaml:2:30: unknown key 'bearrer' in entry 1 of 'auth'; did you mean 'bearer'? (bearer, basic, "
       "header, query, metadata, hmac, all)"},
      {proof("{frob: {env: A}}"),
       "p.yaml:2:30: unknown key 'frob' in entry 1 of 'auth'; expected one of bearer, basic, header, query, "
       "metadata, hmac, all"},
      {proof("{}"),
       "p.yaml:2:29: entry 1 of 'auth' is empty; expected one of bearer, basic, header, query, metadata, "
       "hmac, all"},
      {proof("{bearer: {env: A}, basic: {username: a, password: {env: B}}}"),
       "p.yaml:2:48: 'basic' cannot stand beside 'bearer' in entry 1 of 'auth'"},
      {proof("{header: X, secrets: {env: A}}"),
       "p.yaml:2:41: unknown key 'secrets' in entry 1 of 'auth'; did you mean 'secret'? (header, secret)\n"
       "p.yaml:2:29: entry 1 of 'auth' needs 'secret': {env: NAME} or {file: path}"},
      {proof("{secret: {env: A}}"),
       "p.yaml:2:30: unknown key 'secret' in entry 1 of 'auth'; expected one of bearer, basic, header, "
       "query, metadata, hmac, all"},
      {target("auth: {bearer: {env: A}, url: {env: B}}"),
       "p.yaml:2:49: 'url' cannot stand beside 'bearer' in 'auth'"},
      {"access: {tokens: [{name: ops, role: admin, secret: {env: A}, rol: x}]}",
       "p.yaml:1:62: unknown key 'rol' in the token 'ops'; did you mean 'role'? (name, role, secret, team)"},
  });
}

TEST(BrokenConfig, secrets_written_out) {
  expect_all({
      {proof("{bearer: hunter2}"),
       "p.yaml:2:38: a secret must not be written here: set 'bearer' to {env: NAME} or {file: path}"},
      {proof("{basic: {username: a, password: hunter2}}"),
       "p.yaml:2:61: a secret must not be written here: set 'password' to {env: NAME} or {file: path}"},
      {proof("{basic: 'a:hunter2'}"), "p.yaml:2:37: 'basic' is text; expected {username: …}"},
      {proof("hunter2"),
       "p.yaml:2:29: entry 1 of 'auth' is text; expected 'none', {bearer: …}, {basic: …}, {header: …}, "
       "{query: …}, {metadata: …}, {hmac: …} or {all: …}"},
      {"sources:\n  f: {type: flagger, auth: hunter2}",
       "p.yaml:2:28: 'auth' is text; expected 'none', {bearer: …}, {basic: …}, {header: …}, {query: …}, "
       "{metadata: …}, {hmac: …}, {all: …} or a list"},
      {proof("{header: X, secret: hunter2}"),
       "p.yaml:2:49: a secret must not be written here: set 'secret' to {env: NAME} or {file: path}"},
      {proof("{hmac: github, secret: [hunter2]}"),
       "p.yaml:2:53: a secret must not be written here: set entry 1 of 'secret' to {env: NAME} or {file: "
       "path}"},
      {target("auth: {bearer: hunter2}"),
       "p.yaml:2:39: a secret must not be written here: set 'bearer' to {env: NAME} or {file: path}"},
      {target("auth: {url: 'https://x/hunter2'}"),
       "p.yaml:2:36: a secret must not be written here: set 'url' to {env: NAME} or {file: path}"},
      {target("auth: hunter2"),
       "p.yaml:2:30: 'auth' is text; expected 'none', {bearer: …}, {basic: …}, {header: …}, {query: …}, "
       "{body: …}, {url: …}, {sign: …}, {inCluster: …} or {kubeconfig: …}"},
      {"access: {tokens: [{name: ops, role: admin, secret: hunter2}]}",
       "p.yaml:1:52: a secret must not be written here: set 'secret' to {env: NAME} or {file: path}"},
      {proof("{bearer: {value: hunter2}}"),
       "p.yaml:2:39: unknown key 'value' in 'bearer'; expected one of env, file"},
      {proof("{bearer: {env: A, file: /b}}"), "p.yaml:2:47: 'file' cannot stand beside 'env' in 'bearer'"},
      {proof("{bearer: []}"), "p.yaml:2:38: 'bearer' has 0 entries; expected at least 1"},
      {proof("{bearer: {env: 1A}}"),
       "p.yaml:2:44: 'env' is text; expected the name of an environment variable"},
      {proof("{bearer: {file: ''}}"), "p.yaml:2:45: 'file' is text; expected the path of a file"},
      {proof("{bearer: }"), "p.yaml:2:30: 'bearer' is empty; expected {env: NAME} or {file: path} or a list"},
  });
}

TEST(BrokenConfig, wrong_types) {
  expect_all({
      {"server: []", "p.yaml:1:9: 'server' is a list; expected a map"},
      {"server: here", "p.yaml:1:9: 'server' is 'here'; expected a map"},
      {"sources:", "p.yaml:1:1: 'sources' is empty; expected a map"},
      {"sources: [a]", "p.yaml:1:10: 'sources' is a list; expected a map"},
      {"server: {hosts: a}", "p.yaml:1:17: 'hosts' is 'a'; expected a list"},
      {"server: {hosts: [{}]}",
       "p.yaml:1:18: entry 1 of 'hosts' is a map; expected a host name such as postlude.flagger.svc"},
      {source("paths: [/a]"), "p.yaml:2:41: 'paths' is a list; expected a map"},
      {source("paths: {/a: evnt}"),
       "p.yaml:2:46: '/a' is 'evnt'; did you mean 'event'? (post-rollout, event, confirm-rollout, "
       "pre-rollout, rollout, confirm-traffic-increase, confirm-promotion, rollback)"},
      {source("paths: {a: event}"), "p.yaml:2:42: 'a' is not valid here; expected a path that begins with /"},
      {source("accept: []"), "p.yaml:2:42: 'accept' is a list; expected a map"},
      {target("limits: {concurrency: many}"),
       "p.yaml:2:46: 'concurrency' is 'many'; expected a whole number"},
      {target("limits: {concurrency: '4'}"),
       "p.yaml:2:46: 'concurrency' is '4' in quotes; expected a whole number"},
      {target("limits: {concurrency: 0}"), "p.yaml:2:46: 'concurrency' is 0; expected at least 1"},
      {target("limits: {concurrency: 9999}"), "p.yaml:2:46: 'concurrency' is 9999; expected at most 1024"},
      {target("limits: {concurrency: 1.5}"), "p.yaml:2:46: 'concurrency' is '1.5'; expected a whole number"},
      {target("headers: {X: [1]}"), "p.yaml:2:37: 'X' is a list; expected text"},
      {target("url: acme.atlassian.net"),
       "p.yaml:2:29: 'url' is 'acme.atlassian.net'; expected a URL such as https://acme.atlassian.net"},
      {target("url: 'https://u:p@x'"),
       "p.yaml:2:29: 'url' is 'https://***@x'; expected a URL without user and password, which belong in "
       "`auth`"},
      {target("proxy: here"),
       "p.yaml:2:31: 'proxy' is 'here'; expected none, or a URL such as http://proxy:3128"},
      {step("with: [a]"), "p.yaml:5:27: 'with' is a list; expected a map"},
      {step("id: 1x"),
       "p.yaml:5:25: 'id' is '1x'; expected a lower-case letter followed by letters, digits or _"},
      {step("id: A-b"),
       "p.yaml:5:25: 'id' is 'A-b'; expected a lower-case letter followed by letters, digits or _"},
      {step("onUnclear: hodl"),
       "p.yaml:5:32: 'onUnclear' is 'hodl'; did you mean 'hold'? (repeat, hold, fail)"},
      {step("if: [a]"), "p.yaml:5:25: 'if' is a list; expected an expression"},
      {step("if: "), "p.yaml:5:21: 'if' is empty; expected an expression"},
      {step("retry: {attempts: -1}"), "p.yaml:5:39: 'attempts' is -1; expected at least 0"},
      {step("retry: {backoff: {factor: 0.5}}"), "p.yaml:5:47: 'factor' is 0.5; expected at least 1"},
      {step("retry: 3"), "p.yaml:5:28: 'retry' is '3'; expected a map"},
      {workflow("mode: liev"), "p.yaml:5:11: 'mode' is 'liev'; did you mean 'live'? (live, shadow, off)"},
      {workflow("mode: on"), "p.yaml:5:11: 'mode' is 'on'; expected 'live', 'shadow' or 'off'"},
      {workflow("vars: [a]"), "p.yaml:5:11: 'vars' is a list; expected a map"},
      {workflow("vars: {a-b: 1}"),
       "p.yaml:5:12: 'a-b' is not valid here; expected a name of letters, digits and _"},
      {"workflows:\n  w: {on: deploy, steps: [{uses: t/x}]}",
       "p.yaml:2:11: 'on' is 'deploy'; expected a map or a list"},
      {"workflows:\n  w: {on: [], steps: [{uses: t/x}]}",
       "p.yaml:2:11: 'on' has 0 entries; expected at least 1"},
      {"workflows:\n  w: {on: {}, steps: []}", "p.yaml:2:22: 'steps' has 0 entries; expected at least 1"},
      {"workflows:\n  w: {on: {}, steps: {uses: t/x}}", "p.yaml:2:22: 'steps' is a map; expected a list"},
      {"workflows:\n  w: {on: {phase: {a: b}}, steps: [{uses: t/x}]}",
       "p.yaml:2:19: 'phase' is a map; expected a glob or a list"},
      {"workflows:\n  w: {on: {phase: ''}, steps: [{uses: t/x}]}",
       "p.yaml:2:19: 'phase': a glob must not be empty; write * for anything"},
      {"workflows:\n  w: {on: {}, steps: [{uses: 'Create a version'}]}",
       "p.yaml:2:30: 'uses' is 'Create a version'; expected TARGET/ACTION such as jira/release-version, or a "
       "built-in such as wait"},
      {"log: {format: xml}", "p.yaml:1:15: 'format' is 'xml'; expected 'logfmt' or 'json'"},
      {"log: {level: wran}",
       "p.yaml:1:14: 'level' is 'wran'; did you mean 'warn'? (debug, info, warn, error)"},
      {"server: {metrics: public}", "p.yaml:1:19: 'metrics' is 'public'; expected 'admin' or 'listen'"},
      {proof("{hmac: githb, secret: {env: A}}"),
       "p.yaml:2:36: 'hmac' is 'githb'; did you mean 'github'? (github, flux, gitlab, standard-webhooks)"},
      {proof("{hmac: {header: X, algorithm: md5}, secret: {env: A}}"),
       "p.yaml:2:59: 'algorithm' is 'md5'; expected 'sha1', 'sha224', 'sha256', 'sha384' or 'sha512'"},
      {proof("{all: [{bearer: {env: A}}]}"), "p.yaml:2:35: 'all' has 1 entry; expected at least 2"},
      {proof("{header: 'X Y', secret: {env: A}}"),
       "p.yaml:2:38: 'header' is 'X Y'; expected the name of a header"},
      {proof("{basic: {username: 'a:b', password: {env: A}}}"),
       "p.yaml:2:48: 'username' is 'a:b'; expected a user name without a colon"},
  });
}

TEST(BrokenConfig, missing_keys) {
  expect_all({
      {"sources:\n  f: {auth: none}", "p.yaml:2:3: the source 'f' needs 'type': 'flagger'"},
      {"sources:\n  f: {type: flagger}",
       "p.yaml:2:3: the source 'f' needs 'auth': a proof, a list of proofs, or none"},
      {"sources:\n  f: {type: argo, auth: none}", "p.yaml:2:13: 'type' is 'argo'; expected 'flagger'"},
      {"targets:\n  t: {url: 'http://x'}",
       "p.yaml:2:3: the target 't' needs 'connector': the name of a connector such as jira, slack or http"},
      {"workflows:\n  w: {}",
       "p.yaml:2:3: the workflow 'w' needs 'on'\n"
       "p.yaml:2:3: the workflow 'w' needs 'steps'"},
      {"workflows:\n  w: {on: {}, steps: [{id: a}]}",
       "p.yaml:2:23: the step 'a' needs 'uses': TARGET/ACTION such as jira/release-version, or a built-in "
       "such as wait"},
      {"access: {tokens: [{name: a}]}",
       "p.yaml:1:19: the token 'a' needs 'role': 'viewer', 'operator' or 'admin'\n"
       "p.yaml:1:19: the token 'a' needs 'secret': {env: NAME} or {file: path}"},
      {proof("{header: X}"), "p.yaml:2:29: entry 1 of 'auth' needs 'secret': {env: NAME} or {file: path}"},
      {proof("{basic: {username: a}}"), "p.yaml:2:30: 'basic' needs 'password': {env: NAME} or {file: path}"},
      {proof("{hmac: {prefix: x}, secret: {env: A}}"),
       "p.yaml:2:30: 'hmac' needs 'header': the name of a header"},
  });
}

TEST(BrokenConfig, units) {
  expect_all({
      {source("dedupe: {window: 60}"),
       "p.yaml:2:51: 'window': '60' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {source("dedupe: {window: soon}"),
       "p.yaml:2:51: 'window': 'soon' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {source("maxBody: 1 MB"),
       "p.yaml:2:43: 'maxBody': '1 MB' is not a size; write 512, 64KiB, 1MiB or 2GiB"},
      {source("maxBody: lots"),
       "p.yaml:2:43: 'maxBody': 'lots' is not a size; write 512, 64KiB, 1MiB or 2GiB"},
      {source("rate: 10"), "p.yaml:2:40: 'rate': '10' is not a rate; write 10/s, 100/m or 5/h"},
      {source("rate: 0/s"), "p.yaml:2:40: 'rate': '0/s' is not a rate; write 10/s, 100/m or 5/h"},
      {target("limits: {rate: 10/day}"),
       "p.yaml:2:39: 'rate': '10/day' is not a rate; write 10/s, 100/m or 5/h"},
      {target("timeout: 10"),
       "p.yaml:2:33: 'timeout': '10' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {step("timeout: 5x"),
       "p.yaml:5:30: 'timeout': '5x' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {workflow("maxAge: yesterday"),
       "p.yaml:5:13: 'maxAge': 'yesterday' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {"store: {retention: {runs: 0s}}", "p.yaml:1:27: 'runs' is '0s'; expected between 1m and 3650d"},
      {"evaluator: {time: 1h}", "p.yaml:1:19: 'time' is '1h'; expected between 1ms and 1m"},
      {"evaluator: {memory: 1MiB}", "p.yaml:1:21: 'memory' is '1MiB'; expected at least 32MiB"},
  });
}

TEST(BrokenConfig, addresses) {
  expect_all({
      {"server: {listen: here}", "p.yaml:1:18: 'listen' is 'here'; expected HOST:PORT such as 0.0.0.0:8080"},
      {"server: {listen: 8080}", "p.yaml:1:18: 'listen' is '8080'; expected HOST:PORT such as 0.0.0.0:8080"},
      {"server: {listen: 127.0.0.1:99999}",
       "p.yaml:1:18: 'listen' is '127.0.0.1:99999'; expected an IP address or host name, and a port up to "
       "65535"},
      {"server: {listen: 300.1.1.1:80}",
       "p.yaml:1:18: 'listen' is '300.1.1.1:80'; expected an IP address or host name, and a port up to "
       "65535"},
      {"server: {listen: '[::g]:80'}",
       "p.yaml:1:18: 'listen' is '[::g]:80'; expected HOST:PORT such as 0.0.0.0:8080"},
      {"server: {listen: '[:::]:80'}",
       "p.yaml:1:18: 'listen' is '[:::]:80'; expected an IP address or host name, and a port up to 65535"},
      {"server: {listen: 0.0.0.0:8081}",
       "p.yaml:1:18: 'listen' is 0.0.0.0:8081 and 'admin' is 127.0.0.1:8081; expected two ports"},
      {"server:\n  listen: 0.0.0.0:8080\n  admin: 0.0.0.0:8081",
       "p.yaml:3:10: 'admin' is '0.0.0.0:8081', which others can reach, and 'access' has no token; add one, "
       "or write 127.0.0.1:8081"},
      {"server:\n  admin: postlude.example.com:8081",
       "p.yaml:2:10: 'admin' is 'postlude.example.com:8081', which others can reach, and 'access' has no "
       "token; add one, or write 127.0.0.1:8081"},
      {"server: {publicUrl: hooks.example.com}",
       "p.yaml:1:21: 'publicUrl' is 'hooks.example.com'; expected a URL such as "
       "https://postlude.example.com"},
      {"server: {publicUrl: 'https://x/?a=b'}",
       "p.yaml:1:21: 'publicUrl' is 'https://x/?***'; expected a URL such as https://postlude.example.com"},
  });
}

TEST(BrokenConfig, not_built_yet) {
  expect_all({
      {"gates: []", "p.yaml:1:1: 'gates' is not built yet in this version of Postlude: remove it"},
      {"audit: {key: 1}", "p.yaml:1:1: 'audit' is not built yet in this version of Postlude: remove it"},
      {"enrich: {deadline: 1h}",
       "p.yaml:1:1: 'enrich' is not built yet in this version of Postlude: remove it"},
      {"reconcile: {grace: 60s}",
       "p.yaml:1:1: 'reconcile' is not built yet in this version of Postlude: remove it"},
      {"server: {tls: {cert: /c}}",
       "p.yaml:1:10: 'tls' is not built yet in this version of Postlude: remove it"},
      {"store: {url: 'postgres://db/postlude'}",
       "p.yaml:1:14: a PostgreSQL store is not built yet in this version of Postlude: write sqlite:PATH"},
      {"store: {url: 'sqlite:x.db?mode=ro'}",
       "p.yaml:1:14: the store's url takes no parameters, and '?' and '#' may not be in its path: write "
       "sqlite:PATH"},
      {"store: {url: 'mysql://db'}", "p.yaml:1:14: 'url' is 'mysql://db'; expected sqlite:PATH"},
      {"clusters: {prod: {inCluster: true}}",
       "p.yaml:1:19: 'inCluster' is not built yet in this version of Postlude: remove it"},
      {"clusters: {eu-1: {kubeconfig: /k}}",
       "p.yaml:1:19: 'kubeconfig' is not built yet in this version of Postlude: remove it"},
      {proof("{mtls: {allow: [a]}}"),
       "p.yaml:2:30: 'mtls' is not built yet in this version of Postlude: remove it"},
      {proof("{forwardedClientCert: {}}"),
       "p.yaml:2:30: 'forwardedClientCert' is not built yet in this version of Postlude: remove it"},
      {proof("{linkerd: {}}"),
       "p.yaml:2:30: 'linkerd' is not built yet in this version of Postlude: remove it"},
      {proof("{kubernetes: verify}"),
       "p.yaml:2:30: 'kubernetes' is not built yet in this version of Postlude: remove it"},
      {target("auth: {oauth2: {}}"),
       "p.yaml:2:31: 'oauth2' is not built yet in this version of Postlude: remove it"},
      {target("auth: {githubApp: {}}"),
       "p.yaml:2:31: 'githubApp' is not built yet in this version of Postlude: remove it"},
      {target("auth: {sigv4: {}}"),
       "p.yaml:2:31: 'sigv4' is not built yet in this version of Postlude: remove it"},
      {workflow("answers: {holdFor: 3s}"),
       "p.yaml:5:5: 'answers' is not built yet in this version of Postlude: remove it"},
  });
}

TEST(BrokenConfig, storms) {
  expect_all({
      {"storm: {events: 1}",
       "p.yaml:1:1: 'storm' cannot stand here: each source has its own, sources.NAME.storm"},
      {"stormy: {}",
       "p.yaml:1:1: unknown key 'stormy' in the configuration; did you mean 'store'? (access, calendars, "
       "clusters, connectors, data, evaluator, log, server, sources, store, targets, teams, workflows)"},
      {source("storm: {events: 0, within: 5m}"), "p.yaml:2:50: 'events' is 0; expected at least 1"},
      {source("storm: {within: 5m}"), "p.yaml:2:34: 'storm' needs 'events'"},
      {source("storm: {events: 50, within: 5 min}"),
       "p.yaml:2:62: 'within': '5 min' is not a duration; write 30s, 5m, 24h, 30d or 1h30m"},
      {source("storm: {events: 50, within: 5m, then: drop}"),
       "p.yaml:2:72: 'then' is 'drop'; expected 'hold'"},
  });
}

TEST(BrokenConfig, tables_and_calendars) {
  expect_all({
      {"data: {services: services.yaml}",
       "p.yaml:1:18: the table 'services' is 'services.yaml'; expected {file: …}"},
      {"data: {my-services: {file: a.yaml}}",
       "p.yaml:1:8: 'my-services' is not valid here; expected a name of letters, digits and _ that begins "
       "with no digit"},
      {"data: {services: {fiel: a.yaml}}",
       "p.yaml:1:19: unknown key 'fiel' in the table 'services'; did you mean 'file'? (file)\n"
       "p.yaml:1:8: the table 'services' needs 'file': a path"},
      {"calendars: {freeze: {timezone: Asia/Shanghai}}",
       "p.yaml:1:13: the calendar 'freeze' needs 'windows'"},
      {"calendars: {freeze: {windows: [{days: friday}]}}",
       "p.yaml:1:39: 'days' is 'friday'; expected a day such as fri, or days such as mon-fri"},
      {"calendars: {freeze: {windows: [{form: '18:00'}]}}",
       "p.yaml:1:33: unknown key 'form' in entry 1 of 'windows'; did you mean 'from'? (days, from, to)"},
      {"calendars: {freeze: {windows: [{from: evening}]}}",
       "p.yaml:1:39: 'from' is 'evening'; expected a time such as 18:00, or a date such as 2027-02-05"},
  });
}

TEST(BrokenConfig, teams) {
  const auto team = [](const std::string& keys) {
    return "teams:\n  pay: {" + keys + "}\ntargets: {jira: {connector: jira}}";
  };
  expect_all({
      {team("folder: x"), "p.yaml:2:3: the team 'pay' needs 'match'"},
      {team("match: {namespaces: a}"),
       "p.yaml:2:17: unknown key 'namespaces' in 'match'; did you mean 'namespace'? (cluster, namespace)\n"
       "p.yaml:2:9: 'match' needs 'namespace'"},
      {team("match: {namespace: a}, targets: [jria]"),
       "p.yaml:2:42: the team 'pay' names the target 'jria', which 'targets' does not have; did you mean "
       "'jira'?"},
      {team("match: {namespace: a}, targets: [pager]"),
       "p.yaml:2:42: the team 'pay' names the target 'pager', which 'targets' does not have; there is http, "
       "jira"},
      {team("match: {namespace: a}, notify: {with: {a: 1}}"),
       "p.yaml:2:32: 'notify' needs 'uses': TARGET/ACTION such as jira/release-version, or a built-in such "
       "as wait"},
      {team("match: {namespace: a}") + "\naccess: {tokens: [{name: t, role: viewer, team: pya, secret: {env: "
                                       "T}}]}",
       "p.yaml:4:19: the token 't' is for the team 'pya', which does not exist; did you mean 'pay'?"},
      {"access: {tokens: [{name: t, role: viewer, team: pay, secret: {env: T}}]}",
       "p.yaml:1:19: the token 't' is for the team 'pay', which does not exist; 'teams' has none"},
      {team("match: {namespace: a}") + "\nworkflows:\n  w: {on: [{team: 'p*'}, {team: [shop]}], steps: "
                                       "[{uses: t/x}]}",
       "p.yaml:5:34: no team matches 'shop'; there is pay"},
  });
}

TEST(BrokenConfig, workflow_keys) {
  expect_all({
      {workflow("mode: shadwo"),
       "p.yaml:5:11: 'mode' is 'shadwo'; did you mean 'shadow'? (live, shadow, off)"},
      {workflow("concurrency: {policy: replcae}"),
       "p.yaml:5:27: 'policy' is 'replcae'; did you mean 'replace'? (queue, replace, parallel)"},
      {workflow("concurrency: {keys: .a}"),
       "p.yaml:5:19: unknown key 'keys' in 'concurrency'; did you mean 'key'? (key, policy)"},
      {workflow("onFailure: []"), "p.yaml:5:16: 'onFailure' has 0 entries; expected at least 1"},
      {workflow("finally: {uses: a/b}"), "p.yaml:5:14: 'finally' is a map; expected a list"},
      {workflow("finally: [{use: a/b}]"),
       "p.yaml:5:16: unknown key 'use' in entry 1 of 'finally'; did you mean 'uses'? (announce, "
       "continueOnError, expect, forEach, id, if, key, name, needs, onUnclear, retry, timeout, uses, wait, "
       "with)\n"
       "p.yaml:5:15: entry 1 of 'finally' needs 'uses': TARGET/ACTION such as jira/release-version, or a "
       "built-in such as wait"},
      {step("needs: Version"),
       "p.yaml:5:28: 'needs' is 'Version'; expected a lower-case letter followed by letters, digits or _"},
      {step("needs: [a, 1]"),
       "p.yaml:5:32: entry 2 of 'needs' is '1'; expected a lower-case letter followed by letters, digits or "
       "_"},
      {step("continueOnError: yes"), "p.yaml:5:38: 'continueOnError' is 'yes'; expected true or false"},
      {step("forEach: {a: 1}"), "p.yaml:5:30: 'forEach' is a map; expected an expression or a list"},
      {step("key: ''"), "p.yaml:5:26: 'key' is ''; expected text that is not empty"},
      {step("announce: {with: {a: 1}}"),
       "p.yaml:5:21: 'announce' needs 'uses': TARGET/ACTION such as jira/release-version, or a built-in such "
       "as wait"},
      {step("announce: {uses: a/b, if: .a}"),
       "p.yaml:5:43: unknown key 'if' in 'announce'; valid keys are name, onUnclear, retry, timeout, uses, "
       "with"},
      {"workflows:\n  w: {on: {kind: {a: b}}, steps: [{uses: t/x}]}",
       "p.yaml:2:18: 'kind' is a map; expected a glob or a list"},
      {"workflows:\n  w: {on: {team: []}, steps: [{uses: t/x}]}",
       "p.yaml:2:18: 'team' has 0 entries; expected at least 1"},
  });
}

TEST(BrokenConfig, names) {
  expect_all({
      {"sources:\n  a b: {type: flagger, auth: none}",
       "p.yaml:2:3: 'a b' is not valid here; expected a name of at most 63 letters, digits, '-', '_' and '.' "
       "that begins with a letter or digit"},
      {"targets:\n  a/b: {connector: http}",
       "p.yaml:2:3: 'a/b' is not valid here; expected a name of at most 63 letters, digits, '-', '_' and '.' "
       "that begins with a letter or digit"},
      {"sources:\n  f: {type: flagger, auth: none, cluster: prdo}\nclusters: {prod: {}}",
       "p.yaml:2:43: the source 'f' names the cluster 'prdo', which 'clusters' does not have; did you mean "
       "'prod'?"},
      {"sources:\n  f: {type: flagger, auth: none, cluster: eu}",
       "p.yaml:2:43: the source 'f' names the cluster 'eu', which 'clusters' does not have; add it there: "
       "eu: {}"},
      {"sources:\n  f: {type: flagger, auth: none, clusters: {eu: {}}}",
       "p.yaml:2:45: the source 'f' names the cluster 'eu', which 'clusters' does not have; add it there: "
       "eu: {}"},
      {"sources:\n  f: {type: flagger, cluster: a, clusters: {a: {auth: none}}}\nclusters: {a: {}}",
       "p.yaml:2:31: the source 'f' has both 'cluster' and 'clusters': keep one"},
      {"sources:\n  f: {type: flagger, clusters: {a: {auth: none}, b: {}}}\nclusters: {a: {}, b: {}}",
       "p.yaml:2:3: the source 'f' needs 'auth': a proof, a list of proofs, or none"},
      {"access:\n  tokens:\n    - {name: a, role: admin, secret: {env: A}}\n    - {name: a, role: viewer, "
       "secret: {env: B}}",
       "p.yaml:4:14: two tokens are named 'a'; the first is in p.yaml:3:7"},
      {"access:\n  tokens: [{name: a b, role: root, secret: {env: A}}]",
       "p.yaml:2:19: 'name' is 'a b'; expected a name without spaces and colons\n"
       "p.yaml:2:30: 'role' is 'root'; expected 'viewer', 'operator' or 'admin'"},
  });
}

TEST(BrokenConfig, several_at_once) {
  expect_all({
      {"server: {lisen: x}\nsources: {f: {type: flagger, auth: none, rate: fast}}\ntargets: {t: {url: x}}",
       "p.yaml:1:10: unknown key 'lisen' in 'server'; did you mean 'listen'? (admin, adminUrl, hosts, "
       "idleTimeout, listen, metrics, publicUrl)\n"
       "p.yaml:2:48: 'rate': 'fast' is not a rate; write 10/s, 100/m or 5/h\n"
       "p.yaml:3:20: 'url' is 'x'; expected a URL such as https://acme.atlassian.net\n"
       "p.yaml:3:11: the target 't' needs 'connector': the name of a connector such as jira, slack or http"},
  });
}

}  // namespace
}  // namespace postlude::app
