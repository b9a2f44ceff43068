#pragma once
// Ask: what an action asks of a system, and Reply: what comes back; one alternative for each kind of call.
// connector/kind.h knows what they mean, pipeline/edge.h carries them out.

#include <variant>

#include "model/http.h"
#include "model/mail.h"
#include "model/sql.h"

namespace postlude {

using Ask = std::variant<HttpRequest, Mail, SqlAsk>;
using Reply = std::variant<HttpResponse, MailReply, SqlReply>;

}  // namespace postlude
