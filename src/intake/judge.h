#pragma once
// Judge: makes all decisions between a request's head and the store (contract 2 to 4). Pure: the same request
// and secrets give the same answer.
//
//   head:  404  405  431  415  413      then, with the body:  400  401/403  429  400/403 | filtered | append

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mask.h"
#include "intake/source.h"

namespace postlude::intake {

std::string_view title_of(int status);  // the short title of a problem

// The answer's text for a path that is not configured.
constexpr const char* kNoSuchPath = "no such path";

// Whether a refused delivery is stored, or only counted and sometimes sampled.
enum class Keep : std::uint8_t { kStore = 1, kSample };

struct Refusal {
  int status = 0;     // 400 and above
  std::string title;  // of the problem, with `detail`: no secret, no echo of the body
  std::string detail;
  std::string challenge;      // WWW-Authenticate of a 401
  bool paces_itself = false;  // the sender paces itself: the answer has no Retry-After
  Keep keep = Keep::kSample;
  Delivery delivery;  // kRejected; its reason may say more than the answer
};

// Judges the head alone; nullopt: read the body, at most the route's source->body_bytes_max().
// `headers_too_large`: the headers exceeded the server's limit, and `head` has only the content of the
// request line. `recording`: secrets to hide in the refusal's record; nullptr: the refusal is only counted,
// and its record has only what counting needs. Anybody can cause any number of refusals, and a record costs
// as much as accepting a call.
std::optional<Refusal> judge_head(const Sources& sources, const HttpRequest& head, bool headers_too_large,
                                  const Mask* recording);

// 413 for a body that is longer than its source allows.
Refusal too_large(const Route& route, const HttpRequest& head, const Mask* recording);

struct Judged {
  // The decision: refused (a Refusal; status >= 400), filtered (store it with append_rejected and answer
  // filtered_answer), or append, which answers 202, or 200 if the store finds a duplicate.
  std::optional<Refusal> refusal;
  bool filtered = false;

  Delivery delivery;               // filtered, or to append; a refusal has its own
  std::optional<Authentic> proof;  // set if the sender proved itself
  std::optional<Event> event;      // to append
  Identity identity;     // if to append or filtered, and for gates: what the call says about its canary
  SecretStates secrets;  // of those that were looked up
  std::string alarm;     // a caller has a wrong configuration and loses calls: log this as an error
};

// Questions that judge() asks its caller, each at most once.
struct Asks {
  std::function<bool()> within_rate;  // of an authentic call
  // Of a refusal that is kept as a sample only: whether this one is among them. Masking costs more than
  // refusing, and anyone can cause refusals.
  std::function<bool(std::string_view proof)> is_recorded;
};

// `now`: by the machine's clock, against
// which senders' signatures are measured (rt::wall_now). `hidden`: what records hide; the secrets that were
// looked up are added.
Judged judge(const Route& route, HttpRequest request, const SecretLookup& lookup, const Asks& asks,
             Mask& hidden, Instant now);

// Reads a stored delivery without an event again, with the current configuration of its source. The stored
// delivery has no secrets, so its earlier proof counts. `route` is one of its source.
Judged judge_again(const Route& route, const Delivery& stored, Authentic proof, Instant now);

}  // namespace postlude::intake
