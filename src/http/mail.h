#pragma once
// Mail: hands a mail to its server, by SMTP, once. The engine decides about retries, as of HTTP requests.

#include <functional>

#include "http/client.h"
#include "model/mail.h"

namespace postlude::http {

// Blocks for at most about peer.timeout: libcurl cannot send mails without waiting. Any thread but the
// loop's. Each mail has a connection of its own. Errors tell whether the server may have the mail:
//   kInvalid      the URL, an address or the TLS files are unusable, or the server lacks TLS that is needed
//   kDenied       the server refused the credentials, or us
//   kUnavailable  the server has not seen the text
//   kUnknown      it asked for the text (354), and nobody knows whether it kept it
// What the server refuses, also for all recipients, is a reply. `may_send` is asked before the first command
// that names the sender: false gives kUnavailable.
Result<MailReply> send_mail(Mail mail, Peer peer, std::function<bool()> may_send);

}  // namespace postlude::http
