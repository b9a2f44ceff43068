// Connector files that cannot be meant: each is refused with its place and its message.
#include <gtest/gtest.h>

#include "connector/http.h"
#include "connector/testing.h"
#include "lang/yaml.h"

namespace postlude::connector {
namespace {

std::string complaints_about(const std::string& yaml) {
  lang::Problems problems;
  const auto connector = Connector::read(yaml, "c.yaml", problems);
  std::string text;
  for (const lang::Problem& problem : problems)
    text += lang::to_text(problem) + "\n";
  EXPECT_EQ(connector == nullptr, !problems.empty()) << yaml;
  return text;
}

// One action with these lines; they begin at line 7.
std::string action(const std::string& lines) {
  return "connector: c\nsummary: C\nauth: [none]\nactions:\n  a:\n    summary: A\n" + lines;
}
// One action with these requests; they begin at line 9.
std::string requests(const std::string& lines,
                     const std::string& input = "{properties: {name: {type: string}}}") {
  return action("    input: " + input + "\n    requests:\n" + lines);
}

TEST(ReaderTest, TakesWhatIsRight) {
  EXPECT_EQ(complaints_about(requests("      - get: /a\n")), "");
  EXPECT_EQ(complaints_about(requests("      - post: '/a/${{ .with.name | @uri }}'\n        effect: none\n"
                                      "        onUnclear: hold\n        body: {k: '${{ .with.name }}'}\n")),
            "");
  EXPECT_EQ(complaints_about(requests("      - post: /a\n        effect: key\n        keyWindow: 24h\n"
                                      "        headers: {Idempotency-Key: '${{ .key }}'}\n")),
            "");
}

struct Broken {
  const char* name;
  std::string yaml;
  std::string complaint;
};

TEST(ReaderTest, RefusesWhatCannotBeMeant) {
  const std::vector<Broken> rows = {
      {"no method", requests("      - id: x\n"),
       "c.yaml:9:9: a request needs one of: get, head, post, put, patch, delete, mail\n"},
      {"two methods", requests("      - get: /a\n        delete: /a\n"),
       "c.yaml:10:17: a request has one method; this one has `get` and `delete`\n"},
      {"relative path", requests("      - get: a/b\n"),
       "c.yaml:9:14: a path begins with a slash; the host is the target's\n"},
      {"path without @uri", requests("      - get: '/a/${{ .with.name }}'\n"),
       "c.yaml:9:22: an expression in a path must end in `| @uri`\n"},
      {"no effect", requests("      - post: /a\n"),
       "c.yaml:9:9: `effect` is missing: it says whether the request may be repeated; valid: state, "
       "upsert, key, lookup, none\n"},
      {"none without onUnclear", requests("      - post: /a\n        effect: none\n"),
       "c.yaml:9:9: a request of effect none must state `onUnclear`: repeat, hold or fail\n"},
      {"get that writes", requests("      - get: /a\n        effect: state\n"),
       "c.yaml:10:17: `get` is read; its `effect` can only be read\n"},
      {"put that reads", requests("      - put: /a\n        effect: read\n"),
       "c.yaml:10:17: `put` is not read; its effect is state, upsert, key, lookup or none\n"},
      {"key without window",
       requests("      - post: /a\n        effect: key\n        body: {k: '${{ .key }}'}\n"),
       "c.yaml:9:9: a request of effect key must state `keyWindow`: how long the system remembers a key\n"},
      {"key that is not sent",
       requests("      - post: /a\n        effect: key\n        keyWindow: 1h\n        body: {k: '${{ "
                ".with.key }}'}\n",
                "{properties: {key: {type: string}}}"),
       "c.yaml:9:9: a request of effect key must send `.key`, and this one does not\n"},
      {"bad window",
       requests("      - post: /a\n        effect: key\n        keyWindow: soon\n        body: {k: '${{ .key "
                "}}'}\n"),
       "c.yaml:11:20: 'keyWindow': 'soon' is not a duration; write 30s, 5m, 24h, 30d or 1h30m\n"},
      {"lookup without lookup",
       requests("      - post: /a\n        effect: lookup\n        body: {k: '${{ .key }}'}\n"),
       "c.yaml:9:9: a request of effect lookup needs `lookup` in its action\n"},
      {"two writes under one none",
       action("    input: {}\n    effect: none\n    onUnclear: hold\n    requests:\n"
              "      - {id: x, post: /a}\n      - {id: y, post: /b}\n"),
       "c.yaml:12:9: two writes under one effect none: give each its own `effect`\n"},
      {"two writes under one key",
       action("    input: {}\n    effect: key\n    keyWindow: 1h\n    requests:\n"
              "      - {id: x, post: /a, body: '${{ .key }}'}\n      - {id: y, post: /b, body: '${{ .key "
              "}}'}\n"),
       "c.yaml:12:9: two writes under one effect key: give each its own `effect`\n"},
      {"two writes under one lookup",
       requests("      - {id: x, post: /a, effect: lookup, body: '${{ .key }}'}\n"
                "      - {id: y, post: /b, effect: lookup, body: '${{ .key }}'}\n"
                "    lookup: [{id: z, get: /c, query: {q: '${{ .key }}'}, outputs: '${{ null }}'}]\n"),
       "c.yaml:10:9: two writes under one `lookup`: it could not tell which of them it found\n"},
      {"a write after a lookup",
       requests("      - {id: x, post: /a, effect: lookup, body: '${{ .key }}'}\n"
                "      - {id: y, put: /b, effect: state}\n"
                "    lookup: [{id: z, get: /c, query: {q: '${{ .key }}'}, outputs: '${{ null }}'}]\n"),
       "c.yaml:10:9: a write after one of effect lookup would be left out when the lookup finds the "
       "effect\n"},
      {"a lookup without outputs",
       requests("      - {id: x, post: /a, effect: lookup, body: '${{ .key }}'}\n"
                "    lookup: [{id: z, get: /c, query: {q: '${{ .key }}'}}]\n"),
       "c.yaml:10:14: the last request of `lookup` needs `outputs`: one value, or null when nothing is "
       "there\n"},
      {"a lookup that searches nothing",
       requests("      - {id: x, post: /a, effect: lookup, body: '${{ .key }}'}\n"
                "    lookup: [{id: z, get: /c, outputs: '${{ null }}'}]\n"),
       "c.yaml:10:13: `lookup` must search for `.key`, and this one does not\n"},
      {"a lookup for nobody",
       requests("      - get: /a\n    lookup: [{id: z, get: /c, query: {q: '${{ .key }}'}, outputs: '${{ "
                "null }}'}]\n"),
       "c.yaml:10:13: `lookup` is of use only to a request of effect lookup or key\n"},
      {"several without id", requests("      - get: /a\n      - {id: y, get: /b}\n"),
       "c.yaml:9:9: a request among several needs an `id`\n"},
      {"one id twice", requests("      - {id: x, get: /a}\n      - {id: x, get: /b}\n"),
       "c.yaml:10:14: two requests have the id `x`\n"},
      {"a later request",
       requests("      - {id: x, get: /a, if: '.requests.y == null'}\n      - {id: y, get: /b}\n"),
       "c.yaml:9:31: `.requests.y`: there is no request `y` before this one\n"},
      {"not in input", requests("      - {get: /a, query: {n: '${{ .with.nmae }}'}}\n"),
       "c.yaml:9:35: `.with.nmae` is not in `input`; did you mean `.with.name`?\n"},
      {"response too early", requests("      - {get: /a, query: {n: '${{ .response.body }}'}}\n"),
       "c.yaml:9:35: `.response` is the answer that `success`, `retry` and `refuse` judge; what an earlier "
       "step got is `.steps.ID.outputs`\n"},
      {"get with body", requests("      - {get: /a, body: {}}\n"),
       "c.yaml:9:25: a request with `get` has no body\n"},
      {"body and form", requests("      - {post: /a, effect: state, body: {}, form: {}}\n"),
       "c.yaml:9:51: a request has `body` or `form`, not both\n"},
      {"encode without body", requests("      - {get: /a, encode: form}\n"),
       "c.yaml:9:27: `encode` needs `body`\n"},
      {"credentials in headers", requests("      - {get: /a, headers: {Authorization: x}}\n"),
       "c.yaml:9:29: credentials belong in the target's `auth`, not in `headers`\n"},
      {"the connection's header", requests("      - {get: /a, headers: {Content-Length: '1'}}\n"),
       "c.yaml:9:29: the header `Content-Length` is the connection's own\n"},
      {"edition of none", requests("      - {get: /a, edition: cloud}\n"),
       "c.yaml:9:28: there is no edition `cloud`; the connector names no `editions`\n"},
      {"body decides, no success",
       "connector: c\nsummary: C\nauth: [none]\nbodyDecides: true\nactions:\n  a: {summary: A, input: {}, "
       "requests: [{get: /a}]}\n",
       "c.yaml:6:41: where the body decides (`bodyDecides`), a request needs a `success` that looks at it\n"},
      {"body decides, status alone",
       "connector: c\nsummary: C\nauth: [none]\nbodyDecides: true\nactions:\n"
       "  a: {summary: A, input: {}, requests: [{get: /a, success: .response.status == 200}]}\n",
       "c.yaml:6:60: where the body decides (`bodyDecides`), `success` must look at `.response.body`, not at "
       "the status alone\n"},
      {"a list of required names that is none", requests("      - get: /a\n", "{required: v}"),
       "c.yaml:7:12: `input` is not a usable JSON Schema: JSON value is not an array.\n"},
      {"a schema that is none", requests("      - get: /a\n", "{properties: {v: 5}}"),
       "c.yaml:7:12: `input` is not a usable JSON Schema: Expected node at /properties/v to contain schema "
       "object or boolean value; actual node type is: integer\n"},
      {"a pattern that is none", requests("      - get: /a\n", "{properties: {v: {pattern: '(a'}}}"),
       "c.yaml:7:39: this is not a regular expression that RE2 accepts: missing ): (a\n"},
      {"a pattern in one of several schemas",
       requests("      - get: /a\n", "{properties: {v: {anyOf: [{pattern: a}]}}}"),
       "c.yaml:7:39: `pattern` is supported only within `properties` and `items`\n"},
      {"unknown keyword", requests("      - get: /a\n", "{propertys: {}}"),
       "c.yaml:7:13: unknown keyword `propertys` in `input`, which is JSON Schema draft-07; did you mean "
       "`properties`?\n"},
      {"newer keyword", requests("      - get: /a\n", "{properties: {a: {prefixItems: []}}}"),
       "c.yaml:7:30: unknown keyword `prefixItems` in `input`, which is JSON Schema draft-07\n"},
      {"no such type", requests("      - get: /a\n", "{properties: {a: {type: text}}}"),
       "c.yaml:7:36: `text` is not a type of JSON Schema; there are: string, integer, number, boolean, "
       "object, "
       "array, null\n"},
      {"unknown format", requests("      - get: /a\n", "{properties: {a: {type: string, format: uri}}}"),
       "c.yaml:7:52: format `uri` is not checked here; there are: date, time, date-time\n"},
      {"input no map", requests("      - get: /a\n", "{type: string}"),
       "c.yaml:7:12: `input` describes a map: its type is object\n"},
      {"http",
       "connector: http\nsummary: C\nauth: [none]\nactions:\n  a: {summary: A, input: {}, requests: [{get: "
       "/a}]}\n",
       "c.yaml:1:12: `http` is built in and cannot be replaced\n"},
      {"unknown key", requests("      - {get: /a, sucess: 'true'}\n"),
       "c.yaml:9:19: unknown key 'sucess' in entry 1 of 'requests'; did you mean 'success'? (body, "
       "bodyDecides, delete, edition, effect, encode, exists, form, get, head, headers, id, if, keyWindow, "
       "lookupAfter, mail, message, onUnclear, patch, post, put, query, refuse, retry, retryAfter, sign, "
       "success, "
       "unclear)\n"},
      {"not built: paginate", requests("      - {get: /a, paginate: {}}\n"),
       "c.yaml:9:19: 'paginate' of a request is not built yet in this version of Postlude: remove it\n"},
      {"an update of nothing", requests("      - get: /a\n    update: []\n"),
       "c.yaml:10:13: 'update' has 0 entries; expected at least 1\n"},
      {"an update that reads", requests("      - get: /a\n    update: [{get: /b}]\n"),
       "c.yaml:10:13: `update` must change something, but all its requests only read\n"},
      {"an update that is looked for",
       requests("      - {post: /a, effect: lookup, body: '${{ .key }}'}\n"
                "    lookup: [{get: /c, query: {q: '${{ .key }}'}, outputs: '${{ null }}'}]\n"
                "    effect: lookup\n    update: [{put: /b, body: '${{ .key }}'}]\n"),
       "c.yaml:12:14: a request of `update` cannot be of effect lookup, which finds what the first use made: "
       "give it state, upsert, key or none\n"},
      {"an update of other outputs",
       requests("      - get: /a\n    outputs: {ident: 'x'}\n"
                "    update: [{put: '/b/${{ .outputs.idnt | @uri }}', effect: state}]\n"),
       "c.yaml:11:28: `.outputs.idnt` is not in `outputs`; did you mean `.outputs.ident`?\n"},
      {"an update that sees requests",
       requests("      - {id: x, get: /a}\n"
                "    update: [{put: '/b/${{ .requests.x | @uri }}', effect: state}]\n"),
       "c.yaml:10:28: `.requests.x`: there is no request `x` before this one\n"},
      {"outputs of an update too early",
       requests(
           "      - {id: x, get: /a}\n"
           "    update: [{id: x, put: /b, effect: state, outputs: '${{ {} }}'}, {id: y, put: /b, effect: "
           "state}]\n"),
       "c.yaml:10:55: only the last request of `update` has `outputs`\n"},
      {"outputs where nothing is updated", requests("      - {get: '/a/${{ .outputs.x | @uri }}'}\n"),
       "c.yaml:9:23: `.outputs` stands in a connector's `update`; those of an earlier step are "
       "`.steps.ID.outputs`\n"},
      {"no such signature", requests("      - get: /a\n    sign: dingtak\n"),
       "c.yaml:10:11: 'sign' is 'dingtak'; did you mean 'dingtalk'? (standard-webhooks, dingtalk, feishu, "
       "github)\n"},
      {"a signature over nothing",
       requests("      - get: /a\n    sign: {hmac: {header: X-Signature, content: '{timestamp}'}}\n"),
       "c.yaml:10:49: `content` must hold {body}: else the signature does not cover it\n"
       "c.yaml:10:18: `content` holds {timestamp}, so the receiver must be told it: name a "
       "`timestampHeader`, or "
       "write {timestamp} in `prefix`\n"},
      {"a signature of what is not known",
       requests("      - get: /a\n    sign: {hmac: {header: X-Signature, content: '{time}.{body}'}}\n"),
       "c.yaml:10:49: `{time}` is unknown in `content`; valid: {timestamp}, {body}, {method}, {path}\n"},
      {"a time that is not signed",
       requests("      - get: /a\n    sign: {hmac: {header: X-Signature, timestampHeader: X-Time}}\n"),
       "c.yaml:10:18: the timestamp is sent, but not signed: write it into `content`, as in "
       "'{timestamp}.{body}'\n"},
      {"Standard Webhooks without an id",
       requests("      - {post: /a, effect: state, body: {}}\n    sign: standard-webhooks\n"),
       "c.yaml:9:9: Standard Webhooks sign the header `webhook-id`: set it, as in `headers: {webhook-id: "
       "'${{ .key "
       "}}'}`\n"},
      {"Feishu without a body", requests("      - get: /a\n    sign: feishu\n"),
       "c.yaml:10:11: Feishu's signature goes into a JSON body: the request needs `body`\n"},
      {"wait of a request", requests("      - {get: /a, wait: {every: 1s}}\n"),
       "c.yaml:9:19: 'wait' cannot stand here: `wait` belongs to the action, beside `requests`: it is asked "
       "when all of them have ended well\n"},
      {"unknown auth",
       "connector: c\nsummary: C\nauth: [oauth2]\nactions:\n  a: {summary: A, input: {}, requests: [{get: "
       "/a}]}\n",
       "c.yaml:3:8: entry 1 of 'auth' is 'oauth2'; expected 'none', 'bearer', 'basic', 'header', 'query', "
       "'body', 'url', 'inCluster' or 'kubeconfig'\n"},
      {"no requests", action("    input: {}\n"), "c.yaml:5:3: 'a' needs 'requests'\n"},
  };
  for (const Broken& row : rows) {
    const std::string text = complaints_about(row.yaml);
    EXPECT_EQ(text, row.complaint) << row.name;
  }
}

}  // namespace
}  // namespace postlude::connector
