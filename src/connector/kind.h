#pragma once
// Kind: one kind of call: how what is asked and what comes back are written down, shown and read again, whose
// credentials it takes, and what a reply means by itself. The kinds are listed in kinds.cc.

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "connector/target.h"
#include "model/ask.h"
#include "model/run.h"

namespace postlude::connector {

// What is asked, as the store, explain and tests have it. Nothing is masked yet.
struct AskText {
  std::string verb;                  // GET
  std::string place;                 // the URL, without its query
  std::optional<std::string> query;  // as it is sent
  Headers headers;
  std::string body;
  bool json = false;      // the body says that it is JSON
  std::string statement;  // SQL, in one line: what is asked, where `place` does not tell

  std::string whole_place() const { return query ? place + "?" + *query : place; }
};

// A reply as a test file writes it.
struct ReplyText {
  int status = 200;
  Headers headers;
  std::optional<json::value> body;
};

// What a reply means where no rule of the action says otherwise (contract 9).
struct PlainEnd {
  RequestResult result = RequestResult::kUnclear;
  bool well = false;        // the system says that it worked
  bool rate_limit = false;  // that is no failure of the system
  int status = 0;           // 0: this kind has none
  std::string label;        // in reasons: "404"
};

class Kind {
 public:
  virtual ~Kind() = default;

  // Whether a target's `url` begins as one of this kind does.
  virtual bool has_scheme(std::string_view url) const = 0;
  // Reads a target's `url`, as far as that is possible. kInvalid: it is wrong; the message names the key.
  virtual Status read_url(std::string_view written, std::string& url) const = 0;

  // -- what is asked
  virtual bool has_verb(std::string_view verb) const = 0;
  virtual AskText text_of(const Ask& ask) const = 0;
  // In reasons: "POST /rest/api/2/issue".
  virtual std::string name_of(const Ask& ask) const = 0;
  // `.requests.<id>.request`; the same of a stored row.
  virtual json::object context_of(const Ask& ask, const json::storage_ptr& room) const = 0;
  virtual json::object context_of(const Request& stored) const = 0;
  // Adds the credentials, as late as possible: what comes back must not be stored, shown or evaluated.
  // kNotFound, kInvalid: the secret is missing, or cannot be put where it belongs.
  virtual Result<Ask> authorise(Ask ask, const Target& target, const SecretLookup& lookup) const = 0;
  // An authorised ask as people may see it, where each secret was `secret`, or `secret_url` if it was a URL.
  virtual Ask shown(Ask ask, std::string_view secret, std::string_view secret_url) const = 0;

  // -- what comes back
  // `.response`: {status, headers, body, text}; of a database {rows, count, first, more, error}.
  virtual json::object context_of(const Reply& reply, const json::storage_ptr& room) const = 0;
  // The inverse, of what was stored; nullopt: there was no reply.
  virtual std::optional<Reply> reply_of(const json::value& stored) const = 0;
  virtual Reply reply_of(ReplyText written) const = 0;
  // `.response` of a reply that never came, of what a lookup found.
  virtual json::object context_of_found(json::value found) const = 0;
  // The part that may be long.
  virtual std::string_view body_of(const Reply& reply) const = 0;
  virtual Reply with_body(const Reply& reply, std::string body) const = 0;
  virtual PlainEnd plain_end(const Reply& reply, Instant now) const = 0;
  // Why a reply that says it is well cannot be read; "": it can.
  virtual std::string malformed(const Reply& reply) const = 0;
  // What the system says is wrong, in its own words; masked where that needs the whole.
  virtual std::string said(const Reply& reply, const Masker& masker) const = 0;
  // How long the system asks to be left alone.
  virtual std::optional<Duration> retry_after(const Reply& reply, Instant now) const = 0;
};

const Kind& kind_of(const Ask& ask);
const Kind& kind_of(const Reply& reply);
const Kind& kind_of_verb(std::string_view verb);  // HTTP if no kind has it
const Kind& kind_of_url(std::string_view url);    // HTTP if no kind has its scheme

}  // namespace postlude::connector
