#pragma once
// Fixture: what the tests of this folder share: a configuration in YAML, secrets in a table, requests in a
// line.

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "intake/judge.h"
#include "lang/yaml.h"
#include "lib/source_folder.h"

namespace postlude::intake::fixture {

inline const Mask kNothingHidden;
inline const Instant kNow = *parse_rfc3339("2026-11-22T10:11:12Z");

struct Configured {
  Sources sources;
  lang::Problems problems;

  std::string text() const {
    std::string out;
    for (const lang::Problem& problem : problems)
      out += lang::to_text(problem) + "\n";
    return out;
  }
};

// `yaml` is what stands under `sources:`.
inline Configured configure(std::string_view yaml,
                            const std::vector<std::string>& clusters = {"prod", "eu-1", "cn-2"}) {
  Configured result;
  const auto node = lang::read_yaml(yaml, "s.yaml", result.problems);
  EXPECT_TRUE(node) << result.text();
  if (node) result.sources = Sources::read(&*node, clusters, result.problems);
  return result;
}

inline Sources sources_of(std::string_view yaml) {
  Configured configured = configure(yaml);
  EXPECT_FALSE(lang::any_error(configured.problems)) << configured.text();
  return std::move(configured.sources);
}

// env NAME -> its value; other names cannot be read.
inline SecretLookup secrets(std::map<std::string, std::string> values) {
  return [values = std::move(values)](const SecretRef& ref) -> Result<std::string> {
    const auto found = values.find(ref.name);
    if (found == values.end()) return Error(Code::kNotFound, "not set");
    return found->second;
  };
}

inline HttpRequest post(std::string target, std::string body, std::vector<Header> headers = {}) {
  HttpRequest request;
  request.method = "POST";
  request.target = std::move(target);
  request.headers.list = std::move(headers);
  if (request.headers.find("Content-Type") == nullptr)
    request.headers.add("Content-Type", "application/json");
  request.body = std::move(body);
  request.remote = "10.0.0.7";
  request.received_at = kNow;
  return request;
}

inline Route route_of(const Sources& sources, std::string_view target) {
  auto route = sources.route(target);
  EXPECT_TRUE(route) << target;
  return route ? *route : Route{};
}

inline Judged judged(const Sources& sources, HttpRequest request, const SecretLookup& lookup,
                     bool within_rate = true, Instant now = kNow) {
  const Route route = route_of(sources, request.target);
  Mask hidden;
  const Asks asks{[&] { return within_rate; }, [](std::string_view) { return true; }};
  return judge(route, std::move(request), lookup, asks, hidden, now);
}

// 0: to be appended; 202: filtered.
inline int status_of(const Judged& judged) {
  if (judged.refusal) return judged.refusal->status;
  return judged.filtered ? 202 : 0;
}

// All that would be stored of it, in one text.
inline std::string stored(const Judged& judged) {
  const Delivery& d = judged.refusal ? judged.refusal->delivery : judged.delivery;
  std::string out =
      d.method + "\n" + d.target + "\n" + d.headers + "\n" + d.body + "\n" + d.reason + "\n" + d.proof;
  if (judged.refusal) out += "\n" + judged.refusal->title + "\n" + judged.refusal->detail;
  if (judged.event) out += "\n" + document(*judged.event);
  out += "\n" + judged.identity.key + "\n" + judged.identity.named + "\n" + judged.alarm;
  for (const auto& [secret, state] : judged.secrets)
    out += "\n" + secret + " " + state.problem;
  return out;
}

inline std::string testdata(const std::string& name) {
  std::ifstream file(source_path("tests/testdata/sources/" + name), std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Most tests of a call: one source with a bearer token, a call that proves itself, a body that is good.
inline const SecretLookup kSecrets = secrets({{"TOKEN", "s3cret-token"}, {"META", "s3cret-meta"}});
inline const Header kProof{"Authorization", "Bearer s3cret-token"};
inline const std::string kGood =
    R"({"name":"podinfo","namespace":"test","phase":"Succeeded","checksum":"7774c75db4"})";
inline Sources plain() {
  return sources_of("flagger: {type: flagger, auth: [{bearer: {env: TOKEN}}]}");
}

}  // namespace postlude::intake::fixture
