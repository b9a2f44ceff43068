// What the systems keep, and do.

#include "sim/systems.h"

#include "base/json.h"
#include "base/text.h"
#include "sim/world.h"

namespace postlude::sim {

namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

HttpResponse answer_of(int status, const json::value& body) {
  HttpResponse out;
  out.status = status;
  out.headers.add("Content-Type", "application/json");
  out.body = to_text(body);
  return out;
}

std::string text_in(const json::value& body, std::string_view key) {
  return std::string(find_text(body, key));
}

}  // namespace

rehearsal::ScriptedAnswer Systems::answer(const rehearsal::Sent& sent) {
  Heard heard;
  heard.arrival = world_.check.arrived(sent);
  heard.method = sent.http().method;
  heard.path = heard.arrival.path;
  const std::string& url = sent.http().target;
  const std::size_t query = url.find("key=");
  if (query != std::string::npos) heard.query_key = url.substr(query + 4);
  heard.header_key = sent.http().headers.get("Idempotency-Key");
  const auto body = parse_json(sent.http().body);
  if (body && body->is_object()) {
    heard.body_key = text_in(*body, "key");
    heard.name = text_in(*body, "name");
    heard.callback = text_in(*body, "callback");
  }
  const Fate befalls = fate(heard);
  rehearsal::ScriptedAnswer out = meet(befalls, heard);
  world_.note([&] {
    return std::to_string(sent.number) + " " + sent.attempt + " " + sent.request + " (" + sent.effect + ") " +
           sent.http().method + " " + sent.http().target + " by " + heard.arrival.by + " key " +
           heard.arrival.key.substr(0, 8) + ": " +
           (out.result ? std::to_string(out.http().status)
                       : "no answer (" + out.result.error().message + ")") +
           (out.result && out.http().status == 429 && !out.http().headers.list.empty()
                ? " (" + out.http().headers.list.back().name + ": " + out.http().headers.list.back().value +
                      ") " + out.http().body
                : "") +
           " after " + to_text(out.delay);
  });
  return out;
}

HttpResponse Systems::act(const Heard& heard) {
  world_.tally.met("systems acted");
  if (heard.method == "GET") {
    if (heard.path == "/things") return find_things(heard);
    if (heard.path.starts_with("/jobs/")) return look_at_job(heard);
    return answer_of(200, json::object{{"count", things_.size()}});
  }
  if (!heard.callback.empty() && callbacks_.size() < 64) callbacks_.push_back(heard.callback);
  if (heard.path == "/keyed") return keyed(heard, kLongWindow + world_.jumped_back);
  if (heard.path == "/short") return keyed(heard, kShortWindow + world_.jumped_back);
  if (heard.path == "/things" || heard.path == "/jobs") return make_thing(heard);
  if (heard.path == "/names") return make_name(heard);
  if (heard.path.starts_with("/things/")) return edit_thing(heard);
  return made(heard, 200);  // PUT /state, POST /plain: each one counts
}

HttpResponse Systems::made(const Heard& heard, int status) {
  ++world_.check.effects[heard.arrival.key];
  ++world_.check.effects_by[heard.arrival.by];
  if (heard.path == "/jobs" || heard.path == "/plain/job") {
    const Duration longest = world_.draw.pick(std::vector<Duration>{seconds(1), minutes(10), hours(6)});
    const Duration takes = world_.draw.between(Duration(0), longest);
    jobs_["/jobs/" + std::to_string(ids_ + 1)] = {world_.steady() + takes, world_.draw.chance(750)};
  }
  return answer_of(status, json::object{{"ok", true}, {"id", ++ids_}});
}

HttpResponse Systems::keyed(const Heard& heard, Duration window) {
  if (heard.header_key != heard.arrival.key) world_.breaks("15", "the key sent is not the key stored");
  const auto known = keys_.find(heard.header_key);
  if (known != keys_.end() && world_.steady() - known->second.first < window) {
    world_.tally.met("system knew the key");
    return answer_of(200, json::object{{"ok", true}, {"id", known->second.second}});
  }
  HttpResponse out = made(heard, 200);
  keys_[heard.header_key] = {world_.steady(), ids_};
  return out;
}

HttpResponse Systems::make_thing(const Heard& heard) {
  if (heard.body_key != heard.arrival.key) world_.breaks("15", "the key planted is not the key stored");
  HttpResponse out = made(heard, 201);
  if (!heard.arrival.card.empty()) ++world_.check.cards[heard.arrival.card];
  const Duration lag = world_.jumped_ahead > Duration(0)
                           ? Duration(0)  // the product's clock may run ahead of the index's
                           : world_.draw.between(Duration(0), kIndexLag);
  things_.push_back({heard.body_key, ids_, world_.steady() + lag});
  return out;
}

// Somebody else may have taken it down.
HttpResponse Systems::edit_thing(const Heard& heard) {
  if (gone_.contains(heard.path) || world_.draw.chance(40)) {
    told_gone(heard);
    return answer_of(404, json::object{{"ok", false}});
  }
  return made(heard, 200);
}

void Systems::told_gone(const Heard& heard) {
  if (gone_.insert(heard.path).second) ++world_.check.cards_gone[heard.arrival.card];
  world_.tally.met("card gone");
}

HttpResponse Systems::make_name(const Heard& heard) {
  const auto known = names_.find(heard.name);
  if (known != names_.end()) {
    world_.check.exists.insert(heard.arrival.key);
    world_.tally.met("system had the name");
    return answer_of(409, json::object{{"ok", false}, {"error", "exists"}});
  }
  HttpResponse out = made(heard, 201);
  names_[heard.name] = ids_;
  return out;
}

HttpResponse Systems::look_at_job(const Heard& heard) {
  const auto found = jobs_.find(heard.path);
  if (found == jobs_.end()) {
    world_.breaks("waits", "it looks at " + heard.path + ", which nobody started");
    return answer_of(404, json::object());
  }
  const bool over = world_.steady() >= found->second.over_at;
  world_.tally.met(!over ? "job: not over" : found->second.green ? "job: green" : "job: red");
  return answer_of(200, json::object{{"over", over}, {"green", found->second.green}});
}

HttpResponse Systems::find_things(const Heard& heard) {
  json::array found;
  for (const Thing& thing : things_) {
    if (thing.key == heard.query_key && thing.shows_at <= world_.steady())
      found.push_back(json::object{{"id", thing.id}});
  }
  world_.tally.met(found.empty() ? "lookup found nothing" : "lookup found it");
  return answer_of(200, found);
}

}  // namespace postlude::sim
