#include "intake/judge.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "intake/answer.h"
#include "intake/flagger.h"
#include "intake/paths.h"
#include "intake/scrub.h"

namespace postlude::intake {

namespace {

constexpr std::size_t kMethodMax = 32;
constexpr std::size_t kTargetMax = 1024;  // of a request that has no route

Delivery record_of(const HttpRequest& request, const Carriers& carriers, const Mask& secrets, PathOf whose) {
  Delivery delivery;
  delivery.received_at = request.received_at;
  delivery.method = secrets.mask(request.method).substr(0, kMethodMax);
  delivery.target = scrub_target(request.target, carriers, secrets, whose);
  delivery.remote = request.remote;
  delivery.headers = scrub_headers(request.headers, carriers, secrets);
  delivery.verdict = Verdict::kRejected;
  return delivery;
}

// `secrets` nullptr: it is only counted.
Delivery record_of(const Route& route, const HttpRequest& request, const Mask* secrets) {
  Delivery delivery;
  if (secrets != nullptr) delivery = record_of(request, route.source->carriers(), *secrets, PathOf::kSource);
  delivery.remote = request.remote;
  delivery.source = route.source->name();
  delivery.cluster = route.cluster;
  delivery.hook = route.hook;
  return delivery;
}

Refusal refuse(int status, std::string detail, Delivery delivery, Keep keep) {
  Refusal refusal;
  refusal.status = status;
  refusal.title = title_of(status);
  refusal.keep = keep;
  refusal.delivery = std::move(delivery);
  refusal.delivery.verdict = Verdict::kRejected;
  refusal.delivery.status = status;
  if (refusal.delivery.reason.empty()) refusal.delivery.reason = detail;
  refusal.detail = std::move(detail);
  return refusal;
}

// "" when the content is JSON in UTF-8 and not compressed.
std::string content_fault(const Headers& headers) {
  if (headers.count("Content-Type") != 1) {
    return headers.count("Content-Type") == 0 ? "Content-Type is missing; send application/json"
                                              : "several Content-Types; send application/json";
  }
  const auto parts = split(headers.get("Content-Type"), ';');
  const std::string type = lower(trim(parts.front()));
  const bool json_type =
      type == "application/json" ||
      (type.ends_with("+json") && type.find('/') != std::string::npos && type.find('/') + 6 < type.size());
  if (!json_type) return "Content-Type is not JSON; send application/json";
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::size_t equals = parts[i].find('=');
    if (equals == std::string_view::npos || !equal_ignoring_case(trim(parts[i].substr(0, equals)), "charset"))
      continue;
    std::string_view charset = trim(parts[i].substr(equals + 1));
    if (charset.size() >= 2 && charset.front() == '"' && charset.back() == '"')
      charset = charset.substr(1, charset.size() - 2);
    if (!equal_ignoring_case(charset, "utf-8")) return "the charset must be utf-8";
  }
  for (const Header& header : headers.list) {
    if (equal_ignoring_case(header.name, "Content-Encoding") &&
        !equal_ignoring_case(trim(header.value), "identity")) {
      return "compressed content is not taken";
    }
  }
  return {};
}

std::optional<std::uint64_t> announced_length(const Headers& headers) {
  const std::string_view text = trim(headers.get("Content-Length"));
  if (text.empty() || text.size() > 18 || text.find_first_not_of("0123456789") != std::string_view::npos) {
    return text.size() > 18 ? std::optional<std::uint64_t>(UINT64_MAX) : std::nullopt;
  }
  return std::stoull(std::string(text));
}

}  // namespace

namespace {

// 404 without naming a path: whoever asks may be anybody. The record says more.
Refusal stray(Delivery delivery, std::string record) {
  delivery.reason = std::move(record);
  return refuse(404, kNoSuchPath, std::move(delivery), Keep::kSample);
}

// The path to call in place of a source's bare path.
std::string instead_of_bare(const Route& route) {
  return "call " + route.path_of("post-rollout") + " when a release ends, " + route.path_of("event") +
         " for what happens before";
}

Refusal stray_on_bare(const Route& route, const HttpRequest& head, const Mask* recording) {
  return stray(record_of(route, head, recording),
               "no such path: it names no hook; " + instead_of_bare(route));
}

}  // namespace

Refusal too_large(const Route& route, const HttpRequest& head, const Mask* recording) {
  if (route.hook.empty()) return stray_on_bare(route, head, recording);
  return refuse(413, "the body is larger than " + std::to_string(route.source->body_bytes_max()) + " bytes",
                record_of(route, head, recording), Keep::kSample);
}

std::optional<Refusal> judge_head(const Sources& sources, const HttpRequest& head, bool headers_too_large,
                                  const Mask* recording) {
  const auto route = sources.find(head.target);
  if (!route && recording == nullptr) return stray({}, kNoSuchPath);
  if (!route) {
    Delivery delivery = record_of(head, sources.carriers(), *recording, PathOf::kNobody);
    if (delivery.target.size() > kTargetMax) delivery.target.resize(kTargetMax);
    return stray(std::move(delivery), sources.route(head.target).error().message);
  }
  const auto refused = [&](int status, std::string detail) {
    if (route->hook.empty()) return stray_on_bare(*route, head, recording);
    return refuse(status, std::move(detail), record_of(*route, head, recording), Keep::kSample);
  };
  if (head.method != "POST") return refused(405, "a hook is called with POST");
  if (headers_too_large) return refused(431, "the headers are larger than the limit");
  std::string fault = content_fault(head.headers);
  if (!fault.empty()) return refused(415, std::move(fault));
  const auto length = announced_length(head.headers);
  if (length && *length > route->source->body_bytes_max()) return too_large(*route, head, recording);
  return std::nullopt;
}

namespace {

// The one way of a judgement, told from top to bottom in `judge`.
class Judgement {
 public:
  Judgement(const Route& route, HttpRequest request, const SecretLookup& lookup, Mask& hidden, Instant now)
      : route_(route), request_(std::move(request)), secrets_(lookup), hidden_(hidden), now_(now) {}

  Judged run(const Asks& asks) {
    prove();
    for (const std::string& secret : secrets_.seen())
      hidden_.add(secret);
    const bool in_time = verified_.proof && asks.within_rate();
    const std::string_view proof = verified_.proof ? verified_.proof->proof() : std::string_view();
    const bool recorded = in_time || asks.is_recorded(proof);
    result_.delivery = record_of(route_, request_, recorded ? &hidden_ : nullptr);
    result_.secrets = secrets_.state();
    if (!verified_.proof && route_.hook.empty()) {
      result_.refusal =
          stray(std::move(result_.delivery), "no such path: it names no hook; " + instead_of_bare(route_));
    } else if (!verified_.proof) {
      refuse_unproved();
    } else {
      result_.delivery.proof = verified_.proof->proof();
      result_.proof = verified_.proof;
      if (!in_time) {
        set(429, "more calls than this source may make", Keep::kSample);
      } else {
        read();
      }
    }
    return std::move(result_);
  }

  Judged run_again(Authentic proof, DeliveryId of) {
    result_.delivery = record_of(route_, request_, &hidden_);
    result_.delivery.proof = proof.proof();
    result_.proof = std::move(proof);
    read();
    if (result_.event) result_.event->origin = Origin::kRedelivery;
    // Taken in again twice it is still one event. A sender's own id says so already.
    Identity& identity = result_.identity;
    if (identity.kind != Identity::Kind::kSenderId && identity.kind != Identity::Kind::kKey) {
      identity.kind = Identity::Kind::kKey;
      identity.key = "redelivery " + of.text();
    }
    return std::move(result_);
  }

 private:
  void set(int status, std::string detail, Keep keep, std::string record = {}) {
    // A sender that is mistaken about what it calls may have its secret anywhere in the body.
    if (!result_.delivery.body.empty()) result_.delivery.body = hidden_.mask_json(result_.delivery.body);
    result_.delivery.reason = record.empty() ? detail : std::move(record);
    result_.refusal = refuse(status, std::move(detail), std::move(result_.delivery), keep);
    result_.refusal->paces_itself = flagger_type().paces_itself;
  }

  void prove() {
    if (route_.source->reads_body(route_.cluster)) parse();
    const json::value* body = parsed_ && *parsed_ ? &**parsed_ : nullptr;
    verified_ = route_.source->verify(route_.cluster, Evidence{request_, body, secrets_, now_});
  }

  void parse() {
    if (!parsed_) parsed_.emplace(parse_json(request_.body));
  }

  void refuse_unproved() {
    // The proof may be in what cannot be read: then nobody can say whether it is missing or wrong.
    const bool object = parsed_ && *parsed_ && (*parsed_)->is_object();
    if (verified_.undecided) {
      set(503, "the secret that this proof is compared with cannot be read just now", Keep::kSample,
          "not decided: " + join(unreadable(), "; "));
    } else if (parsed_ && !object) {
      set(400, *parsed_ ? "the body must be a JSON object" : parsed_->error().message, Keep::kSample);
    } else if (verified_.shown) {
      set(403, "the proof is wrong", Keep::kSample,
          verified_.why.empty() ? "" : "the proof is wrong: " + verified_.why);
    } else {
      set(401, "no proof came with this call", Keep::kSample);
      result_.refusal->challenge = route_.source->challenge(route_.cluster);
    }
  }

  std::vector<std::string> unreadable() const {
    std::vector<std::string> out;
    for (const auto& [secret, state] : secrets_.state()) {
      const std::string& problem = state.problem;
      if (problem.empty()) continue;
      // The problem may name the secret already.
      const std::size_t named = problem.find("the secret in " + secret);
      out.push_back(named == std::string::npos ? "the secret in " + secret + " " + problem
                                               : problem.substr(named));
    }
    return out;
  }

  // Authentic, and of a hook that nobody can know: the body of an idle canary's confirm-rollout is that of a
  // post-rollout.
  void refuse_bare() {
    result_.alarm =
        "a call was refused: a webhook entry of this Canary points at the source's bare path, which names no "
        "hook; " +
        instead_of_bare(route_);
    set(404, "this path names no hook: " + instead_of_bare(route_), Keep::kStore);
  }

  // An authentic call: what does it say?
  void read() {
    parse();
    const auto& token_names = route_.source->carriers().metadata;
    std::string& body = result_.delivery.body;
    if (!*parsed_) {
      body = scrub_broken_body(request_.body, token_names, hidden_);
      if (route_.hook.empty()) return refuse_bare();
      refuse_unreadable({parsed_->error().message, parsed_->error().message});
      return;
    }
    body = without_metadata(request_.body, token_names);
    json::value tree = **std::move(parsed_);
    if (body.size() != request_.body.size()) {
      auto again = parse_json(body);
      if (json::object* metadata = metadata_of(tree)) {
        for (const std::string& name : token_names)
          metadata->erase(json::string_view(name));
      }
      // Cutting must leave the same tree as erasing. If it ever does not, hiding the secret is more important
      // than keeping the bytes.
      if (!again || *again != tree) body = to_text(tree);
    }
    const auto fault = read_flagger(route_.hook, body, tree, event_);
    const bool bare = route_.hook.empty();
    if ((!fault || bare) && event_.name.size() + event_.name_space.size() < 320)
      result_.identity.named = event_.name_space + "/" + event_.name;
    if (bare) return refuse_bare();
    if (fault) {
      refuse_unreadable(*fault);
      return;
    }
    decide();
  }

  static json::object* metadata_of(json::value& tree) {
    json::object* object = tree.if_object();
    json::value* metadata = object == nullptr ? nullptr : object->if_contains("metadata");
    return metadata == nullptr ? nullptr : metadata->if_object();
  }

  void refuse_unreadable(const BodyProblem& fault) {
    const std::string record = hidden_.mask(fault.record);
    if (route_.gate) {
      set(403, kClosed, Keep::kStore, std::string(kClosed) + "; and its body cannot be read: " + record);
    } else {
      set(400, fault.answer, Keep::kStore, record);
    }
  }

  // A hook of another type that is pointed at post-rollout by mistake would read an acceptance as "go on", or
  // as "roll back"; or it would count as a release.
  bool is_misdirected() {
    if (route_.hook != "post-rollout") return false;
    if (tells_an_event(event_)) {
      set(403, "this is an event hook's body: point that entry at " + route_.path_of("event"), Keep::kStore);
    } else if (event_.outcome.empty()) {
      const std::string only = "this path takes the phases Succeeded and Failed only";
      const auto& known = flagger_phases();
      const bool unknown = std::find(known.begin(), known.end(), event_.phase) == known.end();
      const std::string near = unknown ? nearest(event_.phase, known) : "";
      set(403,
          near == "Succeeded" || near == "Failed"
              ? only + "; did you mean '" + near + "'?"
              : only + ": point an entry of another type at its own path, say " + route_.path_of("event") +
                    " or " + route_.path_of("pre-rollout"),
          Keep::kStore);
    }
    return result_.refusal.has_value();
  }

  void decide() {
    if (is_misdirected()) return;
    event_.source = route_.source->name();
    event_.cluster = route_.cluster;
    event_.received_at = request_.received_at;
    result_.identity =
        identity_of(event_, request_.headers, result_.proof->covers(), route_.source->dedupe_window());
    if (route_.gate) {
      set(403, kClosed, Keep::kStore);
      return;
    }
    const std::string unwanted = route_.source->unwanted(event_);
    result_.delivery.status = 202;
    if (!unwanted.empty()) {
      result_.filtered = true;
      result_.delivery.verdict = Verdict::kFiltered;
      result_.delivery.reason = "not accepted by the source: " + unwanted;
      return;
    }
    result_.delivery.verdict = Verdict::kAccepted;
    result_.event = std::move(event_);
  }

  static constexpr const char* kClosed = "gates are not built yet: closed";

  const Route& route_;
  HttpRequest request_;
  Secrets secrets_;
  Mask& hidden_;
  Instant now_;
  std::optional<Result<json::value>> parsed_;
  Source::Verified verified_;
  Event event_;
  Judged result_;
};

}  // namespace

Judged judge(const Route& route, HttpRequest request, const SecretLookup& lookup, const Asks& asks,
             Mask& hidden, Instant now) {
  return Judgement(route, std::move(request), lookup, hidden, now).run(asks);
}

Judged judge_again(const Route& route, const Delivery& stored, Authentic proof, Instant now) {
  HttpRequest request;
  request.method = stored.method;
  request.target = stored.target;
  request.body = stored.body;
  request.remote = stored.remote;
  request.received_at = now;
  if (const auto headers = parse_json(stored.headers); headers && headers->is_object()) {
    for (const auto& member : headers->get_object()) {
      if (member.value().is_string())
        request.headers.add(std::string_view(member.key().data(), member.key().size()),
                            std::string(view(member.value().get_string())));
    }
  }
  const SecretLookup none = [](const SecretRef&) { return Error(Code::kNotFound, "not asked for"); };
  Mask hidden;  // it was scrubbed before it was stored
  return Judgement(route, std::move(request), none, hidden, now).run_again(std::move(proof), stored.id);
}

}  // namespace postlude::intake
