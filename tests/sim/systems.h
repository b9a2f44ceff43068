#pragma once
// Systems: those that the product calls: what they keep, and what the network between makes of it.

#include <map>
#include <set>
#include <string>
#include <vector>

#include "rehearsal/wire.h"
#include "sim/check.h"

namespace postlude::sim {

class World;

class Systems {
 public:
  explicit Systems(World& world) : world_(world) {}

  void draw();  // how bad this seed's network is
  rehearsal::ScriptedAnswer answer(const rehearsal::Sent& sent);
  const std::vector<std::string>& callbacks() const { return callbacks_; }  // URLs that were handed out

 private:
  struct Thing {
    std::string key;
    std::int64_t id = 0;
    Duration shows_at{};  // in the index
  };
  struct Job {
    Duration over_at{};
    bool green = true;
  };
  struct Heard {  // a request, by what the system understands of it
    std::string method, path, query_key, header_key, body_key, name, callback;
    Arrival arrival;
  };
  enum class Fate : std::uint8_t {
    kAnswered = 1,
    kRefusedConnection,  // no byte was handed over
    kLost,               // no answer; it may have acted, now, later or never
    kLate,               // the answer takes longer than anybody waits
    kLimited,            // 429
    kEarly,              // 425
    kBusy,               // 503 with Retry-After
    kProxy,              // 503 without: the one behind may have acted
    kBroken,             // 500, 502, 504
    kDenied,             // 400, 401, 403, 404
    kRedirected,
    kInside,   // 200 with an error inside
    kGarbled,  // 200, and no JSON
    kHuge,     // an answer without end
  };

  Fate fate(const Heard& heard);
  HttpResponse act(const Heard& heard);  // does it, and says so
  void act_sometime(Heard heard);        // now, later, or never
  rehearsal::ScriptedAnswer meet(Fate fate, const Heard& heard);
  rehearsal::ScriptedAnswer limited(const Heard& heard);
  rehearsal::ScriptedAnswer busy(const Heard& heard);
  HttpResponse keyed(const Heard& heard, Duration window);
  HttpResponse make_thing(const Heard& heard);
  HttpResponse make_name(const Heard& heard);
  HttpResponse edit_thing(const Heard& heard);
  /// Somebody was told that the thing of this path is not there any more.
  void told_gone(const Heard& heard);
  HttpResponse look_at_job(const Heard& heard);
  HttpResponse find_things(const Heard& heard);
  HttpResponse made(const Heard& heard, int status);
  void wait_wanted(const Heard& heard, Duration after, Duration delay);

  World& world_;
  unsigned faults_ = 0;  // per mille
  Duration slowest_{};
  std::string down_;  // a host that cannot be reached for a while
  Duration down_until_{};
  std::int64_t ids_ = 0;
  std::map<std::string, std::pair<Duration, std::int64_t>> keys_;  // seen, when and what was made
  std::vector<Thing> things_;
  std::map<std::string, Job> jobs_;  // by their path
  std::map<std::string, std::int64_t> names_;
  std::set<std::string> gone_;  // paths of things that others took down
  std::vector<std::string> callbacks_;
};

}  // namespace postlude::sim
