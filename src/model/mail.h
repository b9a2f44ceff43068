#pragma once
// Mail: an e-mail and its way to a server, and what the server replied.

#include <string>
#include <vector>

#include "model/http.h"

namespace postlude {

struct Mail {
  std::string server;                   // smtp://host:port, or smtps://
  std::string sender;                   // the envelope's: an address alone
  std::vector<std::string> recipients;  // the envelope's: of to, cc and bcc, each once
  Headers headers;                      // From, To, Cc, Subject, Message-ID, …, encoded; without Date
  std::string text;                     // UTF-8; "": there is only html
  std::string html;                     // "": there is only text
  std::string written;                  // as people read it: a JSON object {from, to, subject, text, …}
  // Credentials, added last; "" for none.
  std::string user, password;
  bool needs_tls = false;  // of an smtp:// server: STARTTLS or nothing; else TLS if the server offers it
};

// One recipient that the server did not take.
struct RejectedRecipient {
  std::string address;
  int status = 0;    // 4yz: it might later, 5yz: never
  std::string text;  // the server's words
};

struct MailReply {
  int status = 0;    // of the reply that decided: 250, or the first refusal
  std::string text;  // its words
  std::vector<std::string> accepted;
  std::vector<RejectedRecipient> rejected;
};

}  // namespace postlude
