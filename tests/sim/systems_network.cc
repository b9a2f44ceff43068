// What becomes of a request on its way, and of its answer.

#include <ctime>

#include "base/json.h"
#include "sim/systems.h"
#include "sim/world.h"

namespace postlude::sim {

namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

HttpResponse bare(int status, std::string body = "") {
  HttpResponse out;
  out.status = status;
  out.body = std::move(body);
  if (!out.body.empty()) out.headers.add("Content-Type", "application/json");
  return out;
}

std::string http_date(std::int64_t epoch) {
  const std::time_t at = epoch;
  std::tm parts{};
  gmtime_r(&at, &parts);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return std::string(text, length);
}

rehearsal::ScriptedAnswer lost(Duration delay, const char* how) {
  return {delay, Error(Code::kUnknown, how)};
}

}  // namespace

void Systems::draw() {
  Draw& draw = world_.draw;
  faults_ = static_cast<unsigned>(draw.pick(std::vector<int>{0, 100, 250, 400, 600}));
  slowest_ = draw.pick(std::vector<Duration>{milliseconds(30), milliseconds(400), seconds(8)});
  if (draw.chance(150)) {
    down_ = draw.pick(std::vector<std::string>{"hub", "slow", "sim"});
    down_until_ = world_.steady() + draw.between(minutes(1), minutes(90));
  }
}

Systems::Fate Systems::fate(const Heard& heard) {
  Draw& draw = world_.draw;
  if (world_.calm) return Fate::kAnswered;
  if (!down_.empty() && world_.steady() < down_until_ && heard.arrival.number % 8 != 0)
    return Fate::kRefusedConnection;
  if (!draw.chance(faults_)) return Fate::kAnswered;
  static const std::vector<Fate> fates{Fate::kRefusedConnection,
                                       Fate::kRefusedConnection,
                                       Fate::kLost,
                                       Fate::kLost,
                                       Fate::kLost,
                                       Fate::kLate,
                                       Fate::kLate,
                                       Fate::kLimited,
                                       Fate::kLimited,
                                       Fate::kEarly,
                                       Fate::kBusy,
                                       Fate::kBusy,
                                       Fate::kProxy,
                                       Fate::kProxy,
                                       Fate::kBroken,
                                       Fate::kBroken,
                                       Fate::kInside,
                                       Fate::kGarbled,
                                       Fate::kHuge};
  if (draw.chance(40)) return draw.chance(700) ? Fate::kDenied : Fate::kRedirected;
  return draw.pick(fates);
}

// Within the request's own time: what acts later than that can come twice, and the docs say so.
void Systems::act_sometime(Heard heard) {
  Draw& draw = world_.draw;
  const auto when = draw.below(3);
  if (when == 0) {
    (void)act(heard);
    world_.tally.met("acted, and the answer was lost");
  } else if (when == 1 && world_.jumped_ahead == Duration(0)) {
    world_.tally.met("acts after the answer was lost");
    world_.product->clock().after(draw.between(milliseconds(1), kTimeout - milliseconds(1)),
                                  [this, heard] { (void)act(heard); });
  }
}

rehearsal::ScriptedAnswer Systems::meet(Fate fate, const Heard& heard) {
  static const std::map<Fate, std::string> names{{Fate::kAnswered, "answered"},
                                                 {Fate::kRefusedConnection, "connection refused"},
                                                 {Fate::kLost, "lost"},
                                                 {Fate::kLate, "late"},
                                                 {Fate::kLimited, "429"},
                                                 {Fate::kEarly, "425"},
                                                 {Fate::kBusy, "503 with Retry-After"},
                                                 {Fate::kProxy, "503"},
                                                 {Fate::kBroken, "5xx"},
                                                 {Fate::kDenied, "4xx"},
                                                 {Fate::kRedirected, "3xx"},
                                                 {Fate::kInside, "200 with an error inside"},
                                                 {Fate::kGarbled, "garbled"},
                                                 {Fate::kHuge, "huge"}};
  world_.tally.met("network: " + names.at(fate));
  Draw& draw = world_.draw;
  const Duration delay = draw.between(milliseconds(1), world_.calm ? Duration(milliseconds(20)) : slowest_);
  switch (fate) {
    case Fate::kAnswered: {
      HttpResponse response = act(heard);
      if (heard.path == "/things" && heard.method == "GET")
        world_.check.looked(heard.query_key, world_.steady());
      const auto job = jobs_.find(heard.path);
      if (job != jobs_.end())
        world_.check.saw_job(heard.arrival.attempt, world_.steady() >= job->second.over_at,
                             job->second.green);
      return {delay, std::move(response)};
    }
    case Fate::kRefusedConnection:
      return {delay, Error(Code::kUnavailable, "connection refused")};
    case Fate::kLost:
      act_sometime(heard);
      return lost(delay, "the connection was reset");
    case Fate::kLate:
      act_sometime(heard);
      return {kTimeout + seconds(5), bare(200, R"({"ok":true,"id":1})")};
    case Fate::kLimited:
      return limited(heard);
    case Fate::kEarly:
      return {delay, bare(425)};
    case Fate::kBusy:
      return busy(heard);
    case Fate::kProxy:
      act_sometime(heard);
      return {delay, bare(503)};
    case Fate::kBroken:
      act_sometime(heard);
      return {delay, bare(draw.pick(std::vector<int>{500, 502, 504}))};
    case Fate::kDenied: {
      const int status = draw.pick(std::vector<int>{400, 401, 403, 404, 422});
      if (status == 404 && heard.path.starts_with("/things/")) told_gone(heard);  // as anybody must take it
      return {delay, bare(status, R"({"error":"no"})")};
    }
    case Fate::kRedirected:
      return {delay, bare(302)};
    case Fate::kInside:
      // Who does not look inside takes it for done: only where somebody does.
      if (heard.path != "/plain/repeat" || heard.arrival.name != "talk") return meet(Fate::kAnswered, heard);
      return {delay, bare(200, draw.chance(500) ? R"({"ok":false,"error":"busy"})"
                                                : R"({"ok":false,"error":"no"})")};
    case Fate::kGarbled:
      act_sometime(heard);
      return lost(delay, "the answer is cut");
    case Fate::kHuge:
      (void)act(heard);
      return {delay, bare(200, std::string(70'000, 'x'))};
  }
  return {delay, Error(Code::kUnavailable, "nothing")};
}

// A dialect of "later", and how long it asks for at the least.
rehearsal::ScriptedAnswer Systems::limited(const Heard& heard) {
  Draw& draw = world_.draw;
  const std::int64_t wait = 2 + static_cast<std::int64_t>(draw.below(30));
  const std::string text = std::to_string(wait);
  const Duration delay = milliseconds(5);
  const std::int64_t then = micros(world_.product->clock().now() + delay) / 1'000'000 + wait + 1;
  HttpResponse out = bare(429);
  out.headers.add("Date", http_date(then - wait - 1));  // whatever our clock shows
  switch (draw.below(10)) {
    case 0:
      out.headers.add("Retry-After", text);
      break;
    case 1:
      out.headers.add("Retry-After", text + ".5");
      break;
    case 2:
      out.headers.add("Retry-After", http_date(then));
      break;
    case 3:
      out.headers.add("Retry-After", std::to_string(then));
      break;
    case 4:
      out.headers.add("X-RateLimit-Reset-After", text + ".25");
      break;
    case 5:
      out.headers.add("RateLimit", "limit=1, remaining=0, reset=" + text);
      break;
    case 6:
      out.headers.add("RateLimit", "\"default\";r=0;t=" + text);
      break;
    case 7:
      out.headers.add("X-RateLimit-Remaining", "0");
      out.headers.add("X-RateLimit-Reset", std::to_string(then));
      break;
    case 8:
      out = bare(429, R"({"retry_after":)" + text + ".125}");
      break;
    default:
      out = bare(429, R"({"ok":false,"parameters":{"retry_after":)" + text + "}}");
  }
  wait_wanted(heard, seconds(wait), delay);
  return {delay, std::move(out)};
}

rehearsal::ScriptedAnswer Systems::busy(const Heard& heard) {
  HttpResponse out = bare(503);
  const std::int64_t wait = 1 + static_cast<std::int64_t>(world_.draw.below(60));
  out.headers.add("Retry-After", std::to_string(wait));
  wait_wanted(heard, seconds(wait), milliseconds(5));
  return {milliseconds(5), std::move(out)};
}

void Systems::wait_wanted(const Heard& heard, Duration after, Duration delay) {
  if (heard.arrival.request == 0) return;  // a read
  world_.check.asked_to_wait(heard.arrival.step, world_.steady() + delay + after - milliseconds(1));
}

}  // namespace postlude::sim
