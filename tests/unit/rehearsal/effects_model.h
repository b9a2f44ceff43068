#pragma once
// Effects model: what contract 9 and protocol 4 say becomes of one step with one request, written from their
// words and not from the code: how often it is sent, what the receiver then holds, and how the step ends.

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace postlude::rehearsal::effects {

enum class Kind { kRead, kState, kUpsert, kKey, kLookup, kNone };
enum class Policy { kRepeat, kHold, kFail };

// A row of the table: what a request says of itself.
struct Rule {
  std::string_view name;    // "lookup"
  std::string_view action;  // of the connector in the test
  Kind kind;
  Policy policy = Policy::kHold;  // for none, and for a key whose window is over
  bool window_over = false;       // the system has forgotten the key when people come back to it
  bool can_look = false;
  bool step_policy = false;  // `policy` is written in the step
};

// What becomes of a send.
enum class Send {
  kSucceeded,
  kExists,  // somebody else's effect is there already, now and later
  kRefused,
  kLater,        // 429
  kUnreached,    // the connection was refused
  kTimeout,      // no answer; it acted
  kTimeoutIdle,  // no answer; it did not act
  kReset,        // cut after it acted
  kResetIdle,
  kError,  // 500, and it acted
  kErrorIdle,
};

// When the process dies, once.
enum class Crash { kNone, kBeforeCommit, kAfterCommit, kAfterSend, kBeforeRecord, kAfterRecord };

enum class Verb { kRetry, kReplay, kAgain, kNewer, kDone, kRepeat, kFail };

enum class State { kSucceeded, kFailed, kHeld, kSkipped };

struct Observed {
  State state = State::kFailed;  // of the newest run's step
  int effects = 0;               // that the receiver holds and did not before
  int sends = 0;
  int lookups = 0;
  int keys = 0;          // distinct ones that were sent
  bool outputs = false;  // of that step: known
  bool operator==(const Observed&) const = default;
};

class Model {
 public:
  Model(const Rule& rule, std::deque<Send> first_sends, Crash crash)
      : rule_(rule), coming_(std::move(first_sends)), crash_(crash) {
    runs_.push_back({});
    carry_out(false);
  }

  // Whether somebody could do this now.
  bool may(Verb verb) const {
    const State state = runs_.back().state;
    switch (verb) {
      case Verb::kRetry:
        return state == State::kFailed;
      case Verb::kReplay:
      case Verb::kAgain:
      case Verb::kNewer:
        return state != State::kHeld;  // the runs of a canary wait for each other
      case Verb::kDone:
      case Verb::kRepeat:
      case Verb::kFail:
        return state == State::kHeld;
    }
    return false;
  }

  void act(Verb verb) {
    Run& run = runs_.back();
    switch (verb) {
      case Verb::kRetry:
        return carry_out(true);
      case Verb::kReplay:
      case Verb::kAgain: {
        const std::string key = verb == Verb::kAgain ? "another" : run.key;
        runs_.push_back({});
        runs_.back().key = key;
        return carry_out(false);
      }
      case Verb::kNewer:
        newer_ = true;
        return;
      case Verb::kDone:
        run.state = State::kSucceeded;
        for (Past& past : run.past)
          past.done = true;
        for (const Run& other : runs_)
          run.outputs = run.outputs || (&other != &run && other.key == run.key && other.outputs);
        return;
      case Verb::kRepeat:
        run.past.clear();
        run.freed = true;
        return carry_out(false);
      case Verb::kFail:
        run.state = State::kFailed;
        return;
    }
  }
  void time_passes() {  // longer than any key's window that can be over
    if (!rule_.window_over) return;
    remembered_.clear();
    for (Run& run : runs_) {
      for (Past& past : run.past)
        past.old = true;
    }
  }

  Observed seen() const {
    Observed out;
    out.state = runs_.back().state;
    out.outputs = runs_.back().outputs;
    for (const auto& [key, count] : made_)
      out.effects += count;
    out.sends = sends_;
    out.lookups = lookups_;
    out.keys = static_cast<int>(keys_.size());
    return out;
  }

 private:
  struct Past {  // a request that had, or may have had, its effect
    bool done = false;
    bool old = false;
  };
  struct Run {
    std::string key = "the key";
    State state = State::kFailed;
    bool outputs = false;
    bool freed = false;     // a person has settled what others did
    bool in_doubt = false;  // it failed because nobody knows
    std::vector<Past> past;
  };

  void end(State state) {
    runs_.back().state = state;
    runs_.back().outputs = state == State::kSucceeded;
  }

  // "after unclear, or when a replay meets an effect made before": what is known of the effect.
  bool meets_something(bool& old) const {
    bool met = false;
    for (const Run& run : runs_) {
      const bool own = &run == &runs_.back();
      if (run.key != runs_.back().key || (!own && runs_.back().freed)) continue;
      for (const Past& past : run.past) {
        met = true;
        old = old || past.old;
      }
    }
    return met;
  }

  // What the table of contract 9 says of it; nullopt: send.
  std::optional<State> by_rule(bool old, bool person_may_know) {
    const bool by_policy = rule_.kind == Kind::kNone || (rule_.kind == Kind::kKey && old && !rule_.can_look);
    const bool by_lookup = rule_.kind == Kind::kLookup || (rule_.kind == Kind::kKey && old && rule_.can_look);
    if (by_lookup) {
      ++lookups_;
      return made_.contains(runs_.back().key) ? std::optional(State::kSucceeded) : std::nullopt;
    }
    if (!by_policy || rule_.policy == Policy::kRepeat) return std::nullopt;
    // Whoever retries a step that failed in doubt can say what became of it.
    return rule_.policy == Policy::kHold || person_may_know ? State::kHeld : State::kFailed;
  }

  void carry_out(bool person_may_know) {
    const bool writes = rule_.kind != Kind::kRead;
    Run& run = runs_.back();
    const bool in_doubt = run.in_doubt;
    while (true) {
      bool old = false;
      for (const Past& past : run.past) {
        if (past.done) return end(State::kSucceeded);
      }
      if (writes && meets_something(old)) {
        const auto ended = by_rule(old, person_may_know && in_doubt);
        if (ended) {
          run.in_doubt = *ended == State::kFailed;
          return end(*ended);
        }
      }
      if (newer_ && (rule_.kind == Kind::kState || rule_.kind == Kind::kUpsert)) return end(State::kSkipped);
      if (dies(Crash::kBeforeCommit)) continue;
      if (writes) run.past.push_back({});
      if (dies(Crash::kAfterCommit)) continue;
      const Send send = sent();
      person_may_know = false;
      if (dies(Crash::kAfterSend) || dies(Crash::kBeforeRecord)) continue;
      switch (send) {
        case Send::kSucceeded:
        case Send::kExists:
          if (writes) run.past.back().done = true;
          return end(State::kSucceeded);
        case Send::kRefused:
          if (writes) run.past.pop_back();
          run.in_doubt = !run.past.empty();
          return end(State::kFailed);
        case Send::kLater:
        case Send::kUnreached:
          if (writes) run.past.pop_back();
          continue;
        case Send::kTimeout:
        case Send::kTimeoutIdle:
        case Send::kReset:
        case Send::kResetIdle:
        case Send::kError:
        case Send::kErrorIdle:
          run.in_doubt = rule_.kind == Kind::kNone && rule_.policy == Policy::kFail;
          if (rule_.kind == Kind::kNone && rule_.policy != Policy::kRepeat)
            return end(rule_.policy == Policy::kHold ? State::kHeld : State::kFailed);
          continue;
      }
    }
  }

  Send sent() {
    Send send = taken_ ? Send::kExists : Send::kSucceeded;
    if (!coming_.empty()) {
      send = coming_.front();
      coming_.pop_front();
    }
    taken_ = taken_ || send == Send::kExists;
    ++sends_;
    if (rule_.kind != Kind::kRead && send != Send::kUnreached) keys_.insert(runs_.back().key);
    const bool acts =
        send == Send::kSucceeded || send == Send::kTimeout || send == Send::kReset || send == Send::kError;
    if (acts) receiver_acts(runs_.back().key);
    return send;
  }

  void receiver_acts(const std::string& key) {
    switch (rule_.kind) {
      case Kind::kRead:
        return;
      case Kind::kState:
      case Kind::kUpsert:  // it is one thing, whoever asks for it
        made_["the thing"] = 1;
        return;
      case Kind::kKey:
        if (remembered_.insert(key).second) ++made_[key];
        return;
      case Kind::kLookup:
      case Kind::kNone:
        ++made_[key];
        return;
    }
  }

  bool dies(Crash at) {
    if (crash_ != at) return false;
    crash_ = Crash::kNone;
    return true;
  }

  const Rule rule_;
  std::deque<Send> coming_;
  Crash crash_;
  bool newer_ = false;
  bool taken_ = false;  // somebody else's effect is there
  int sends_ = 0;
  int lookups_ = 0;
  std::vector<Run> runs_;
  std::map<std::string, int> made_;   // by the receiver, for a key
  std::set<std::string> remembered_;  // keys, by the receiver
  std::set<std::string> keys_;        // that were sent
};

}  // namespace postlude::rehearsal::effects
