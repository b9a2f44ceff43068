#pragma once
// Check: the invariants of the engine (those that need no cluster), as code: after each commit, at each
// request that arrives anywhere, and when all has come to rest. README.md has their numbers.

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/id.h"
#include "rehearsal/wire.h"
#include "sim/settings.h"
#include "sql/sql.h"

namespace postlude::sim {

class World;

// A request that has arrived at a system, with the row that was committed for it.
struct Arrival {
  std::uint64_t number = 0;
  Duration at{};  // by the clock that nobody sets
  bool write = false;
  std::string path, by, rev, items, card;
  std::int64_t request = 0, step = 0, run = 0, event = 0;
  std::int64_t attempt = 0;
  std::string key, name, logical;  // logical: event, salt, workflow and part: one effect of the user's
  std::string time;                // which of the run's failures, and which first use of a key
  std::string workflow, part, canary, salt;
  bool stale = false;
};

class Check {
 public:
  explicit Check(World& world) : world_(world) {}

  void install();                                // once per database
  void committed();                              // after each commit
  Arrival arrived(const rehearsal::Sent& sent);  // before the system does anything
  void acknowledged(std::int64_t event, bool duplicate, const std::string& hook, const std::string& body);
  void looked(const std::string& key, Duration at);           // a lookup was answered, and truly
  void saw_job(std::int64_t attempt, bool over, bool green);  // what a step waits for was looked at
  void asked_to_wait(std::int64_t step, Duration until);
  void settled(std::int64_t step) { settled_.insert(step); }  // a person says that it is done
  void freed(std::int64_t step);                              // a person wants it repeated
  void reopens(std::int64_t run);                             // a person lets a failed run go on
  void answered(std::int64_t step, const std::string& body, bool certain);
  void pruning(bool on) { pruning_ = on; }
  void pruned();
  void now_uses(std::size_t revision);
  void at_rest();

  std::map<std::string, int> effects;     // that a system has made, by the key of their rows
  std::map<std::string, int> effects_by;  // and by what their bodies say they are
  std::map<std::string, int> cards;       // put up, by the key that steps share
  std::map<std::string, int> cards_gone;  // and taken down by others
  std::set<std::string> exists;           // keys to which a system said that it is there already

 private:
  friend class World;
  struct Change {
    std::string what, text;
    std::int64_t id = 0, before = 0, after = 0, of = 0;
  };
  struct Job {  // of a step, as it was seen last
    Duration first_seen{}, seen{};
    bool over = false, green = false;
    bool overdue = false;  // seen when its time was over, with nothing to keep the step from saying so
  };
  struct Given {
    std::string body;
    bool certain = true;
  };

  void apply(const Change& change);
  void step_changed(const Change& change);
  void run_changed(const Change& change);
  void run_begins(std::int64_t run);
  void look_at_run(std::int64_t run);
  void wait_ended(std::int64_t step);
  void job_ended(std::int64_t step, std::int64_t state);
  std::optional<Arrival> row_of(const rehearsal::Sent& sent);
  void keys_agree(const Arrival& a);
  void alone(const Arrival& a);
  void in_order(const Arrival& a, const std::string& effect);
  void may_repeat(const Arrival& a, const std::string& effect);
  bool may_have_acted(std::int64_t request) const;
  bool freed_since(const std::string& logical, Duration at) const;
  void plans_at_rest();
  void effects_at_rest();
  void cards_at_rest();
  void successes_at_rest();
  void answers_at_rest();
  void lists_at_rest();
  void rest_of_rest();

  World& world_;
  std::set<std::int64_t> reopened_, acknowledged_, gone_, runs_gone_, replays_, settled_, waited_;
  std::set<std::int64_t> touched_, begun_;
  std::map<std::pair<std::int64_t, std::string>, int> originals_;
  std::map<std::int64_t, Instant> planned_at_;
  std::map<std::int64_t, std::size_t> revision_of_run_;
  std::map<std::int64_t, std::string> rev_sent_;
  std::map<std::int64_t, Duration> wait_began_;
  std::map<std::int64_t, Job> jobs_;                         // by step; since it last began anew
  std::map<std::int64_t, Duration> not_before_, asked_;      // Retry-After, by step; asked_: not recorded yet
  std::set<std::pair<std::string, std::string>> sent_;       // (attempt, request)
  std::map<std::string, std::string> key_of_, logical_of_;   // logical <-> key
  std::map<std::string, std::set<std::string>> keys_of_by_;  // body's own word -> keys
  std::map<std::string, std::string> by_of_key_;
  std::map<std::pair<std::int64_t, std::string>, std::int64_t> step_of_logical_;  // in one run
  std::map<std::string, std::vector<Arrival>> sends_;                             // by key
  std::map<std::string, std::string> effect_of_, path_of_;                        // by key
  std::map<std::string, std::int64_t> newest_sent_;  // workflow, part, queue key -> event
  std::map<std::string, std::vector<Duration>> looked_, freed_;
  std::map<std::int64_t, std::int64_t> result_of_;  // of requests, as last committed
  std::map<std::int64_t, Given> given_;             // accepted answers, by step
  std::int64_t cards_failed_ = 0;  // how often a step that shares a key ended without success
  std::size_t revision_ = 0;
  std::optional<std::size_t> revision_before_;
  Duration revision_since_{};
  bool pruning_ = false;
};

}  // namespace postlude::sim
