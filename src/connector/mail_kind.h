#pragma once
// MailKind: calls that hand a mail to a server (SMTP): their text forms, and what a reply means.
//
//   .requests.<id>.request  {method: MAIL, url, headers, body: {from, to, cc, bcc, replyTo, subject, thread,
//                            text, html}}
//   .response               {status, headers: {}, body: {accepted: [address], rejected: [{address, status,
//   text}]},
//                            text: what the server said}

#include "connector/kind.h"

namespace postlude::connector {

const Kind& mail_kind();

}  // namespace postlude::connector
