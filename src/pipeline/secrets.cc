// Secrets: those that hide in what is stored, and which of the sources' can be read, said when it changes.

#include "base/log.h"
#include "metrics/catalogue.h"
#include "pipeline/pipeline.h"

namespace postlude::pipeline {

void Pipeline::note_secrets(const std::string& source, const intake::SecretStates& seen) {
  intake::SecretStates& known = secrets_[source];
  bool changed = known.empty();
  for (const auto& [secret, state] : seen) {
    intake::SecretState& before = known[secret];
    if (before == state) continue;
    before = state;
    changed = true;
    // The lookup logs missing secrets itself; this one exists but is unusable.
    if (!state.problem.empty() && state.read) {
      log::warn("a source's secret cannot be used; a call that it may prove is answered 503",
                {{"source", source}, {"secret", secret}, {"why", state.problem}});
    }
  }
  if (!changed) return;
  const auto bad =
      std::count_if(known.begin(), known.end(), [](const auto& one) { return !one.second.problem.empty(); });
  parts_.metrics.set(metrics::kSecretsUnreadable, {source}, static_cast<double>(bad));
}

void Pipeline::look_at_secrets() {
  secrets_.clear();  // a new configuration: each missing one is named again
  parts_.metrics.set_all(metrics::kSecretsUnreadable, {});
  for (const auto& source : rules_->sources().list()) {
    intake::Secrets secrets(parts_.secrets);
    secrets.read(source->secrets());
    note_secrets(source->name(), secrets.state());
    if (!source->usable(parts_.secrets)) {
      log::warn(
          "none of the source's secrets can be read: each of its calls is answered 503 until one can be",
          {{"source", source->name()}});
    }
  }
}

bool Pipeline::has_usable_source() const {
  const auto& sources = rules_->sources().list();
  return sources.empty() || std::any_of(sources.begin(), sources.end(),
                                        [&](const auto& source) { return source->usable(parts_.secrets); });
}

// Secrets are read when they are used; what hides them keeps up.
void Pipeline::renew_masker(Duration after) {
  const Duration now = rt::steady_now();
  if (now - masked_at_ < after) return;
  masked_at_ = now;
  masker_.renew(rules_->targets(), parts_.secrets);
  for (const auto& source : rules_->sources().list()) {
    for (const SecretRef& ref : source->secrets()) {
      const Result<std::string> secret = parts_.secrets(ref);
      if (secret) masker_.add(*secret);
    }
  }
}

Mask& Pipeline::hidden() {
  renew_masker();
  return masker_.known();
}

}  // namespace postlude::pipeline
