#pragma once
// Judge: all that is decided between a request's head and the store (contract 2 to 4). Pure: the same
// request, the same secrets, the same answer.
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

// All that a caller is told of a path that is not configured.
constexpr const char* kNoSuchPath = "no such path";

// Whether a refused delivery is stored for itself, or only counted and now and then one of them stored.
enum class Keep : std::uint8_t { kStore = 1, kSample };

struct Refusal {
  int status = 0;     // 400 and above
  std::string title;  // of the problem, with `detail`: no secret, no echo of the body
  std::string detail;
  std::string challenge;      // WWW-Authenticate of a 401
  bool paces_itself = false;  // the sender: it is not asked to wait
  Keep keep = Keep::kSample;
  Delivery delivery;  // kRejected; with the reason, which may say more than the answer
};

// By the head alone; nullopt: read the body, at most route's source->body_bytes_max(). `headers_too_large`:
// the headers broke the server's limit, `head` holds what the request line said. `recording`: what is hidden
// in the refusal's record; nullptr: it is only counted, and the record says no more than that takes. Whoever
// likes can be refused as often as they like, and a record costs as much as taking a call in.
std::optional<Refusal> judge_head(const Sources& sources, const HttpRequest& head, bool headers_too_large,
                                  const Mask* recording);

// 413 for a body that turned out longer than its source allows.
Refusal too_large(const Route& route, const HttpRequest& head, const Mask* recording);

struct Judged {
  // What was decided: refused (as a Refusal; status >= 400), filtered (store it with append_rejected and
  // answer filtered_answer), or to be appended, which answers 202, or 200 where the store finds a duplicate.
  std::optional<Refusal> refusal;
  bool filtered = false;

  Delivery delivery;               // filtered or to be appended; a refusal has its own
  std::optional<Authentic> proof;  // whenever the sender proved itself
  std::optional<Event> event;      // to be appended
  Identity identity;               // to be appended, filtered, or a gate's: what it tells of its canary
  // Each secret that was looked up, and why it cannot be used ("": it can).
  std::map<std::string, std::string> secrets;
  std::string alarm;  // a caller is configured wrongly and loses calls: for the log, as an error
};

// What is asked on the way; each at most once.
struct Asks {
  std::function<bool()> within_rate;  // of an authentic call
  // Of a refusal that is kept as a sample only: whether this one is among them. What hides secrets in a
  // record costs more than the refusal, and whoever likes can be refused as often as they like.
  std::function<bool(std::string_view proof)> is_recorded;
};

// `now`: by the machine's clock, which the
// senders' signatures are measured against (rt::wall_now). `hidden`: what records hide; the secrets that were
// looked up are added.
Judged judge(const Route& route, HttpRequest request, const SecretLookup& lookup, const Asks& asks,
             Mask& hidden, Instant now);

// A stored delivery that made no event, read anew with today's mapping of its source. Its secrets are gone,
// so what proved it then proves it now. `route` is of its source.
Judged judge_again(const Route& route, const Delivery& stored, Authentic proof, Instant now);

}  // namespace postlude::intake
