#include "connector/mail_form.h"

#include <algorithm>

#include "base/hash.h"
#include "base/text.h"
#include "connector/mail_kind.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kRecipientsMax = 100;
constexpr std::size_t kSubjectBytesMax = 500;
constexpr std::size_t kTextBytesMax = 1U << 20U;

bool control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

struct Address {
  std::string name;   // "": it has none
  std::string plain;  // somebody@example.com
};

// `somebody@example.com`, or `Some Body <somebody@example.com>`.
Result<Address> read_address(std::string_view text, std::string_view key) {
  Address out;
  const std::string_view whole = trim(text);
  std::string_view plain = whole;
  if (const std::size_t open = whole.rfind('<'); open != std::string_view::npos && whole.ends_with('>')) {
    plain = whole.substr(open + 1, whole.size() - open - 2);
    std::string_view name = trim(whole.substr(0, open));
    if (name.size() > 1 && name.front() == '"' && name.back() == '"') name = name.substr(1, name.size() - 2);
    out.name = name;
  }
  const std::size_t at = plain.rfind('@');
  const bool good =
      at != std::string_view::npos && at > 0 && at + 1 < plain.size() && plain.size() <= 254 &&
      std::none_of(plain.begin(), plain.end(), [](char c) {
        return control(c) || c == ' ' || c == '<' || c == '>' || c == ',' || c == ';' || c == '"';
      });
  const bool one_line = std::none_of(out.name.begin(), out.name.end(), control);
  if (!good || !one_line || out.name.size() > 200) {
    return Error(Code::kInvalid, "mail." + std::string(key) + ": `" + cut(std::string(whole), 80) +
                                     "` is not an address such as somebody@example.com");
  }
  out.plain = plain;
  return out;
}

std::string header_text(const Address& address) {
  if (address.name.empty()) return address.plain;
  if (!ascii(address.name)) return encoded_words(address.name) + " <" + address.plain + ">";
  std::string quoted;
  for (const char c : address.name) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return "\"" + quoted + "\" <" + address.plain + ">";
}

// Text, a list of texts, or nothing.
Result<std::vector<Address>> read_addresses(const json::value& mail, std::string_view key) {
  std::vector<Address> out;
  const json::value* value = find(mail, key);
  if (value == nullptr || value->is_null()) return out;
  const auto add = [&](const json::value& one) -> Status {
    if (!one.is_string())
      return Error(Code::kInvalid, "mail." + std::string(key) + ": expected an address, not " + to_text(one));
    TRY(Address address, read_address(view(one.get_string()), key));
    out.push_back(std::move(address));
    return ok();
  };
  if (!value->is_array()) {
    TRY_DONE(add(*value));
    return out;
  }
  for (const json::value& one : value->get_array())
    TRY_DONE(add(one));
  return out;
}

Result<std::string> read_text(const json::value& mail, std::string_view key, std::size_t bytes_max) {
  const json::value* value = find(mail, key);
  if (value == nullptr || value->is_null()) return std::string();
  const std::string name = "mail." + std::string(key);
  if (!value->is_string()) return Error(Code::kInvalid, name + ": expected text, not " + to_text(*value));
  if (value->get_string().size() > bytes_max)
    return Error(Code::kInvalid, name + " is longer than " + std::to_string(bytes_max) + " bytes");
  return std::string(view(value->get_string()));
}

std::string list_of(const std::vector<Address>& addresses) {
  std::vector<std::string> texts;
  for (const Address& address : addresses)
    texts.push_back(header_text(address));
  return join(texts, ", ");
}

// As people wrote it, without what they left out.
json::object written(const json::value& mail) {
  json::object out;
  for (const auto& member : mail.get_object()) {
    if (!member.value().is_null()) out[member.key()] = member.value();
  }
  return out;
}

}  // namespace

std::string encoded_words(std::string_view text) {
  if (ascii(text)) return std::string(text);
  constexpr std::size_t kBytesOfWord = 45;  // 60 characters in base64, and a word has at most 75
  std::string out;
  while (!text.empty()) {
    const std::string part(whole_characters(text, kBytesOfWord));
    if (part.empty()) break;  // not UTF-8
    out += (out.empty() ? "" : " ") + ("=?UTF-8?B?" + to_base64(part) + "?=");
    text.remove_prefix(part.size());
  }
  return out;
}

const Kind& MailForm::kind() const {
  return mail_kind();
}

Result<Ask> MailForm::build(const Target& target, const Values& values) const {
  TRY(const json::value content, mail.assemble(values));
  TRY(const std::string key_text, key.assemble_text(values));
  if (!content.is_object()) return Error(Code::kInvalid, "`mail` must be a map");
  TRY(const std::vector<Address> from, read_addresses(content, "from"));
  if (from.size() != 1) return Error(Code::kInvalid, "mail.from: a mail has one sender");
  Mail out;
  out.server = target.url;
  out.sender = from.front().plain;
  out.headers.add("From", header_text(from.front()));
  for (const auto& [name, header] : {std::pair{"to", "To"}, std::pair{"cc", "Cc"}, std::pair{"bcc", ""}}) {
    TRY(const std::vector<Address> addresses, read_addresses(content, name));
    for (const Address& address : addresses) {
      if (std::find(out.recipients.begin(), out.recipients.end(), address.plain) == out.recipients.end())
        out.recipients.push_back(address.plain);
    }
    if (*header != '\0' && !addresses.empty()) out.headers.add(header, list_of(addresses));
  }
  if (out.recipients.empty()) return Error(Code::kInvalid, "mail.to: nobody to send it to");
  if (out.recipients.size() > kRecipientsMax)
    return Error(Code::kInvalid, "a mail has at most " + std::to_string(kRecipientsMax) + " recipients");
  TRY(const std::vector<Address> reply_to, read_addresses(content, "replyTo"));
  if (!reply_to.empty()) out.headers.add("Reply-To", list_of(reply_to));
  TRY(const std::string subject, read_text(content, "subject", kSubjectBytesMax));
  if (trim(subject).empty()) return Error(Code::kInvalid, "mail.subject: a mail needs a subject");
  if (std::any_of(subject.begin(), subject.end(), control))
    return Error(Code::kInvalid, "mail.subject must be one line");
  out.headers.add("Subject", encoded_words(subject));
  TRY(out.text, read_text(content, "text", kTextBytesMax));
  TRY(out.html, read_text(content, "html", kTextBytesMax));
  if (out.text.empty() && out.html.empty())
    return Error(Code::kInvalid, "a mail needs `text`, `html`, or both");
  const std::string domain = out.sender.substr(out.sender.rfind('@') + 1);
  // The same at each repetition, so that a receiver can see that it has the mail already.
  out.headers.add("Message-ID", "<" + key_text + "@" + domain + ">");
  TRY(const std::string thread, read_text(content, "thread", kSubjectBytesMax));
  if (!thread.empty()) {
    const std::string root = "<" + to_hex(sha256(thread)).substr(0, 32) + "@" + domain + ">";
    out.headers.add("In-Reply-To", root);
    out.headers.add("References", root);
  }
  out.headers.add("Auto-Submitted", "auto-generated");
  out.written = to_text(written(content));
  return Ask(std::move(out));
}

}  // namespace postlude::connector
