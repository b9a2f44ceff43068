#pragma once
// MailForm: a request of a connector file that has `mail`: a mail, with expressions in place of what is not
// known yet. Only for this folder.

#include "connector/form.h"

namespace postlude::connector {

struct MailForm final : Form {
  const Kind& kind() const override;
  // kInvalid also: an address is none, a line break in a header, nobody to send to, or more than the limits.
  Result<Ask> build(const Target& target, const Values& values) const override;

  Slice mail;  // {from, to, cc, bcc, replyTo, subject, thread, text, html}
  Slice key;
};

// Text of a header in RFC 2047's words where it is not ASCII.
std::string encoded_words(std::string_view text);

}  // namespace postlude::connector
