#include "intake/source.h"

#include <algorithm>

#include "base/check.h"
#include "base/text.h"
#include "intake/paths.h"

namespace postlude::intake {

const std::vector<std::string>& flagger_phases() {
  static const std::vector<std::string> kPhases{
      "Initializing", "Initialized", "Waiting", "Progressing", "WaitingPromotion", "Promoting",
      "Finalising",   "Succeeded",   "Failed",  "Terminating", "Terminated"};
  return kPhases;
}

const SourceType& flagger_type() {
  static const SourceType kType{
      .name = "flagger",
      .hooks = {"confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion",
                "post-rollout", "rollback", "event"},
      .bare_hook = "",
      .paces_itself = true};
  return kType;
}

const std::vector<std::string>& outcomes_told() {
  static const std::vector<std::string> kTold{"promoted", "failed"};
  return kTold;
}

std::string why_no_other_outcome() {
  return " (this version does not look at the cluster: phase Succeeded is promoted, phase Failed is failed)";
}

std::string Route::path_of(std::string_view other_hook) const {
  std::string path = "/hooks/" + source->name() + "/";
  if (source->clusters().size() > 1) path += percent_encode(cluster) + "/";
  return path.append(other_hook);
}

bool is_gate(std::string_view hook) {
  return hook.starts_with("confirm-") || hook == "rollback";
}

Source::Source(Settings settings) : settings_(std::move(settings)) {
  for (const auto& [cluster, proofs] : settings_.proofs) {
    for (const Proof& proof : proofs)
      proof.carriers(carriers_);
  }
}

const std::vector<Proof>& Source::proofs_of(std::string_view cluster) const {
  const auto proofs = settings_.proofs.find(cluster);
  CHECK(proofs != settings_.proofs.end());  // routes are made from the same list
  return proofs->second;
}

bool Source::reads_body(std::string_view cluster) const {
  const auto& proofs = proofs_of(cluster);
  return std::any_of(proofs.begin(), proofs.end(), [](const Proof& p) { return p.reads_body(); });
}

namespace {

void challenges(const std::vector<Proof>& proofs, std::vector<std::string>& into) {
  for (const Proof& proof : proofs) {
    challenges(proof.all, into);
    std::string scheme;
    if (proof.kind == Proof::Kind::kBasic) scheme = "Basic realm=\"postlude\"";
    if (proof.kind == Proof::Kind::kBearer) scheme = "Bearer realm=\"postlude\"";
    if (!scheme.empty() && std::find(into.begin(), into.end(), scheme) == into.end())
      into.push_back(std::move(scheme));
  }
}

}  // namespace

std::vector<std::string> Source::clusters() const {
  std::vector<std::string> out;
  for (const auto& [cluster, proofs] : settings_.proofs)
    out.push_back(cluster);
  return out;
}

std::vector<SecretRef> Source::secrets() const {
  std::vector<SecretRef> all;
  std::vector<const Proof*> left;
  for (const auto& [cluster, proofs] : settings_.proofs) {
    for (const Proof& proof : proofs)
      left.push_back(&proof);
  }
  while (!left.empty()) {
    const Proof* proof = left.back();
    left.pop_back();
    all.insert(all.end(), proof->secrets.begin(), proof->secrets.end());
    for (const Proof& part : proof->all)
      left.push_back(&part);
  }
  return all;
}

std::string Source::challenge(std::string_view cluster) const {
  std::vector<std::string> schemes;
  challenges(proofs_of(cluster), schemes);
  // RFC 9110 wants one in each 401; a proof by signature or token has no registered name.
  if (schemes.empty()) schemes.emplace_back("Webhook realm=\"postlude\"");
  return join(schemes, ", ");
}

std::string Source::unwanted(const Event& event) const {
  const auto patterns = settings_.accept.find(event.hook);
  if (patterns == settings_.accept.end()) return {};
  const Facts facts = facts_of(event);
  std::vector<std::string> reasons;
  for (const Pattern& pattern : patterns->second) {
    reasons.push_back(mismatch(pattern, facts));
    if (reasons.back().empty()) return {};
  }
  return join(reasons, "; ");
}

Source::Verified Source::verify(std::string_view cluster, const Evidence& evidence) const {
  Verified result;
  for (const Proof& proof : proofs_of(cluster)) {
    const Shown one = proof.check(evidence);
    result.shown |= one.shown;
    result.undecided |= one.undecided;
    if (one.matched && !result.proof) result.proof = Authentic(proof.text(), one.covers);
    if (one.matched) result.proof->covers_ = std::max(result.proof->covers_, one.covers);
    if (result.why.empty() && !one.why.empty()) result.why = proof.text() + ": " + one.why;
  }
  // With nothing to compare with, nobody can say of any call that it is wrong.
  const auto& state = evidence.secrets.state();
  result.undecided |= !state.empty() && std::all_of(state.begin(), state.end(), [](const auto& one) {
    return !one.second.problem.empty();
  });
  return result;
}

bool Source::usable(const SecretLookup& lookup) const {
  const std::vector<SecretRef> all = secrets();
  return all.empty() || std::any_of(all.begin(), all.end(), [&](const SecretRef& ref) {
           const auto text = lookup(ref);
           return text && !text->empty();
         });
}

std::optional<Authentic> Source::proved(const Delivery& stored) const {
  if (stored.source != settings_.name || stored.proof.empty()) return std::nullopt;
  return Authentic(stored.proof, Covers::kCall);  // the person who has it taken in again vouches for it
}

// Names no gate unless it is really near: following a wrong hint would open or close a gate.
std::optional<std::string> Sources::nearest_name(std::string_view path) const {
  const std::size_t near = nearest_path(path, names_);
  if (near < names_.size()) return names_[near];
  std::vector<std::string> others;
  for (const std::string& name : names_) {
    if (!is_gate(entries_.find(name)->second.hook)) others.push_back(name);
  }
  if (others.empty()) return std::nullopt;
  return others[likest_path(path, others)];
}

std::optional<Route> Sources::at(const std::string& canonical) const {
  const auto found = entries_.find(canonical);
  if (found == entries_.end()) return std::nullopt;
  const Entry& entry = found->second;
  return Route{list_[entry.source], entry.cluster, entry.hook, is_gate(entry.hook)};
}

std::optional<Route> Sources::find(std::string_view target) const {
  const auto path = canonical_path(path_of(target));
  return path ? at(*path) : std::nullopt;
}

Result<Route> Sources::route(std::string_view target) const {
  const auto path = canonical_path(path_of(target));
  if (!path) return Error(Code::kNotFound, "no such path: " + path.error().message);
  if (auto found = at(*path)) return *std::move(found);
  if (names_.empty()) return Error(Code::kNotFound, "no such path: no source is configured");
  const std::optional<std::string> near = nearest_name(*path);
  if (!near) return Error(Code::kNotFound, "no such path");
  const Entry& entry = entries_.find(*near)->second;
  std::string message = "no such path; the nearest configured one is " + *near + " (" + entry.hook + " of " +
                        list_[entry.source]->name() + ")";
  if (path->starts_with("/cluster.local/")) {
    message += "; the host seems to have been cut: write svc.cluster.local, not svc/cluster.local";
  }
  return Error(Code::kNotFound, std::move(message));
}

}  // namespace postlude::intake
