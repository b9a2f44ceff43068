#include "connector/mail_kind.h"

#include "base/text.h"

namespace postlude::connector {
namespace {

constexpr std::string_view kVerb = "MAIL";

const Mail& mail(const Ask& ask) {
  return std::get<Mail>(ask);
}

const MailReply& mail(const Reply& reply) {
  return std::get<MailReply>(reply);
}

json::value json_or(const std::string& text, json::value otherwise) {
  Result<json::value> value = parse_json(text);
  return value ? *std::move(value) : std::move(otherwise);
}

json::object headers_of(const Headers& headers) {
  json::object out;
  for (const Header& header : headers.list)
    out[lower(header.name)] = header.value;
  return out;
}

// What is on the wire beside what people wrote.
Headers own_headers(const Mail& mail) {
  Headers out;
  out.add("Message-ID", std::string(mail.headers.get("message-id")));
  return out;
}

int status_of(const json::value& value) {
  const json::value* status = find(value, "status");
  return status != nullptr && status->is_int64() ? static_cast<int>(status->get_int64()) : 0;
}

MailReply reply_in(const json::value& value, int status, std::string_view text) {
  MailReply reply;
  reply.status = status;
  reply.text = text;
  if (const json::value* accepted = find(value, "accepted"); accepted != nullptr && accepted->is_array()) {
    for (const json::value& one : accepted->get_array())
      reply.accepted.emplace_back(one.is_string() ? view(one.get_string()) : std::string_view());
  }
  if (const json::value* rejected = find(value, "rejected"); rejected != nullptr && rejected->is_array()) {
    for (const json::value& one : rejected->get_array()) {
      reply.rejected.push_back(
          {std::string(find_text(one, "address")), status_of(one), std::string(find_text(one, "text"))});
    }
  }
  return reply;
}

class MailKind final : public Kind {
 public:
  bool has_scheme(std::string_view url) const override {
    return url.starts_with("smtp://") || url.starts_with("smtps://");
  }

  Status read_url(std::string_view written, std::string& url) const override {
    for (const std::string_view scheme : {"smtp://", "smtps://"}) {
      if (!written.starts_with(scheme)) continue;
      const Result<Url> parsed = parse_url("http://" + std::string(written.substr(scheme.size())));
      if (!parsed) return Error(Code::kInvalid, "`url`: " + parsed.error().message);
      if (parsed->path.size() > 1 || written.find('?') != std::string_view::npos)
        return Error(Code::kInvalid, "`url` of a mail server is smtp://HOST:PORT or smtps://HOST:PORT alone");
      url = std::string(scheme) + parsed->host + (parsed->port.empty() ? "" : ":" + parsed->port);
      return ok();
    }
    return Error(
        Code::kInvalid,
        "`url` of a mail server is smtp://HOST:587 (STARTTLS) or smtps://HOST:465 (TLS from the start)");
  }

  bool has_verb(std::string_view verb) const override { return verb == kVerb; }

  AskText text_of(const Ask& ask) const override {
    AskText text;
    text.verb = kVerb;
    text.place = mail(ask).server;
    text.headers = own_headers(mail(ask));
    text.body = mail(ask).written;
    text.json = true;
    return text;
  }

  std::string name_of(const Ask& ask) const override {
    const std::vector<std::string>& to = mail(ask).recipients;
    if (to.empty()) return std::string(kVerb);
    return std::string(kVerb) + " to " + to.front() +
           (to.size() > 1 ? " and " + std::to_string(to.size() - 1) + " more" : "");
  }

  json::object context_of(const Ask& ask, const json::storage_ptr& room) const override {
    json::object out(room);
    out["method"] = kVerb;
    out["url"] = mail(ask).server;
    out["headers"] = headers_of(own_headers(mail(ask)));
    out["body"] = json_or(mail(ask).written, nullptr);
    return out;
  }

  json::object context_of(const Request& stored) const override {
    json::object headers;
    const json::value kept = json_or(stored.headers, json::object());
    if (kept.is_object()) {
      for (const auto& header : kept.get_object())
        headers[lower(std::string_view(header.key()))] = header.value();
    }
    return json::object{{"method", stored.method},
                        {"url", stored.url},
                        {"headers", std::move(headers)},
                        {"body", json_or(stored.body, json::value(stored.body))}};
  }

  Result<Ask> authorise(Ask ask, const Target& target, const SecretLookup& lookup) const override {
    auto& mail = std::get<Mail>(ask);
    const bool own_tls = !target.ca_file.empty() || !target.cert_file.empty();
    mail.needs_tls = own_tls || target.auth.kind != Auth::Kind::kNone;
    if (target.auth.kind == Auth::Kind::kNone) return ask;
    if (target.auth.kind != Auth::Kind::kBasic || target.auth.secrets.empty())
      return Error(Code::kInvalid, "a mail server takes `auth: {basic: {username, password}}`, or none");
    TRY(mail.password, lookup(target.auth.secrets.front()));
    mail.user = target.auth.name;
    return ask;
  }

  Ask shown(Ask ask, std::string_view secret, std::string_view /*secret_url*/) const override {
    auto& mail = std::get<Mail>(ask);
    if (!mail.password.empty()) mail.password = secret;
    return ask;
  }

  json::object context_of(const Reply& reply, const json::storage_ptr& room) const override {
    const MailReply& answer = mail(reply);
    json::object out(room);
    out.reserve(4);  // `body` stays where it is
    out["status"] = answer.status;
    out["headers"].emplace_object();
    json::object& body = out["body"].emplace_object();
    out["text"] = answer.text;
    json::array& accepted = body["accepted"].emplace_array();
    for (const std::string& address : answer.accepted)
      accepted.emplace_back(address);
    json::array& rejected = body["rejected"].emplace_array();
    for (const RejectedRecipient& one : answer.rejected) {
      rejected.push_back(json::object{{"address", one.address}, {"status", one.status}, {"text", one.text}});
    }
    return out;
  }

  std::optional<Reply> reply_of(const json::value& stored) const override {
    const int status = status_of(stored);
    if (status == 0) return std::nullopt;
    const json::value* body = find(stored, "body");
    return Reply(reply_in(body == nullptr ? json::value() : *body, status, find_text(stored, "text")));
  }

  Reply reply_of(ReplyText written) const override {
    constexpr int kTaken = 250;
    const int status = written.status == 200 ? kTaken : written.status;
    const json::value body = written.body.value_or(json::object());
    return Reply(reply_in(body, status, find_text(body, "text")));
  }

  json::object context_of_found(json::value found) const override {
    return json::object{
        {"status", nullptr}, {"headers", json::object()}, {"body", std::move(found)}, {"text", ""}};
  }

  std::string_view body_of(const Reply& reply) const override { return mail(reply).text; }

  Reply with_body(const Reply& reply, std::string body) const override {
    MailReply other = mail(reply);
    other.text = std::move(body);
    return Reply(std::move(other));
  }

  PlainEnd plain_end(const Reply& reply, Instant /*now*/) const override {
    const int status = mail(reply).status;
    PlainEnd end;
    end.status = status;
    end.label = std::to_string(status);
    end.well = status >= 200 && status < 300;
    end.result = end.well                        ? RequestResult::kSucceeded
                 : status >= 400 && status < 500 ? RequestResult::kRetryable
                                                 : RequestResult::kRefused;
    // A mailbox that is full or a sender it does not know yet; 421 says that the server itself is in trouble.
    end.rate_limit = status >= 450 && status < 500;
    return end;
  }

  std::string malformed(const Reply& /*reply*/) const override { return ""; }

  std::string said(const Reply& reply, const Masker& masker) const override {
    return masker.mask(mail(reply).text);
  }

  std::optional<Duration> retry_after(const Reply& /*reply*/, Instant /*now*/) const override {
    return std::nullopt;
  }
};

}  // namespace

const Kind& mail_kind() {
  static const MailKind kKind;
  return kKind;
}

}  // namespace postlude::connector
