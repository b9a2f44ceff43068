#include "sim/senders.h"

#include "base/json.h"
#include "sim/world.h"

namespace postlude::sim {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void Senders::plan(std::size_t calls, Duration within) {
  Draw& draw = world_.draw;
  std::vector<Canary> canaries;
  const std::size_t count = 1 + draw.below(3);
  for (std::size_t i = 0; i < count; ++i)
    canaries.push_back({std::string(1, static_cast<char>('a' + i)), draw.chance(900) ? "prod-x" : "prod-y"});
  Duration at = world_.steady();
  for (std::size_t i = 0; i < calls; ++i) {
    // Some come together, so that one overtakes the other.
    at += draw.chance(250) ? draw.between(milliseconds(0), seconds(3))
                           : draw.between(Duration(0), within / static_cast<std::int64_t>(calls));
    const Canary canary = draw.pick(canaries);
    Call call = draw.chance(850) ? rollout(canary) : noise(canary);
    world_.product->clock().at(at, [this, call] { send(call); });
  }
}

// A→B→A: few checksums, and what they say follows from them, so that bodies come again.
Senders::Call Senders::rollout(const Canary& canary) {
  Draw& draw = world_.draw;
  const std::uint64_t version = draw.below(3);
  json::object metadata{{"environment", version == 2 ? "staging" : "production"},
                        {"items", version == 0   ? "a,b,a"
                                  : version == 1 ? "c,skip"
                                                 : "d"},
                        {"pause", version == 0 ? "3m" : "40s"}};
  if (version == 1 && draw.chance(300)) metadata["pad"] = std::string(20'000, 'p');
  json::object body{{"name", canary.name},
                    {"namespace", canary.name_space},
                    {"phase", draw.chance(850) ? "Succeeded" : "Failed"},
                    {"checksum", "c" + std::to_string(version)},
                    {"metadata", std::move(metadata)}};
  Call call;
  call.token = kToken;
  call.body = json::serialize(body);
  return call;
}

Senders::Call Senders::noise(const Canary& canary) {
  Draw& draw = world_.draw;
  Call call = rollout(canary);
  switch (draw.below(6)) {
    case 0:
      call.token = "wrong";
      break;
    case 1:
      call.body = "{\"name\":";
      break;
    case 2: {
      const std::string from = "\"" + canary.name_space + "\"";
      call.body.replace(call.body.find(from), from.size(), "\"dev\"");
      break;
    }
    case 3: {
      call.hook = "pre-rollout";
      const std::size_t phase = call.body.find("\"phase\":\"") + 9;
      call.body.replace(phase, call.body.find('"', phase) - phase, "Progressing");
      break;
    }
    case 4:
      call.type = "text/plain";
      break;
    default:
      call.hook = "event";
      call.body = json::serialize(json::object{
          {"name", canary.name},
          {"namespace", canary.name_space},
          {"phase", "Progressing"},
          {"metadata",
           {{"eventMessage", "Halt " + std::to_string(draw.below(3))},
            {"eventType", "Warning"},
            {"timestamp", std::to_string(1'767'225'600'000 + static_cast<std::int64_t>(draw.below(5)))}}}});
  }
  return call;
}

void Senders::send(Call call) {
  HttpRequest request;
  request.method = "POST";
  request.target = "/hooks/flagger/" + call.hook;
  request.headers.add("Content-Type", call.type);
  request.headers.add("Authorization", "Bearer " + call.token);
  request.remote = "10.0.0.1";
  request.body = call.body;
  world_.product->receive(std::move(request), [this, call](const auto& answer) { heard(call, answer); });
}

void Senders::heard(const Call& call, const std::optional<HttpResponse>& answer) {
  Draw& draw = world_.draw;
  world_.note([&] {
    return call.hook + " " + call.body.substr(0, 90) + ": " +
           (answer ? std::to_string(answer->status) + " " + answer->body.substr(0, 120) : "nobody answered");
  });
  world_.tally.met(answer ? "call answered " + std::to_string(answer->status) : "call not answered");
  const bool taken = answer && answer->status < 300;
  if (taken) {
    const auto body = parse_json(answer->body);
    const std::string_view id = body ? find_text(*body, "event") : std::string_view();
    const auto event = EventId::parse(id);
    if (event) {
      ++accepted_;
      world_.check.acknowledged(event->value, answer->status == 200, call.hook, call.body);
    } else {
      world_.tally.met("delivery.filtered");
    }
  }
  // Flagger tries again what did not succeed; what did, a proxy or a watchful sender may send again.
  const bool again = taken ? draw.chance(150) : draw.chance(700);
  if (!again || call.repeats >= 3) return;
  Call repeat = call;
  ++repeat.repeats;
  world_.product->clock().after(draw.between(milliseconds(50), seconds(draw.chance(800) ? 20 : 90)),
                                [this, repeat] { send(repeat); });
}

}  // namespace postlude::sim
