#include "connector/sql_kind.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace postlude::connector {
namespace {

constexpr std::size_t kNameBytesMax = 80;

const SqlAsk& sql(const Ask& ask) {
  return std::get<SqlAsk>(ask);
}

const SqlReply& sql(const Reply& reply) {
  return std::get<SqlReply>(reply);
}

template <std::size_t N>
bool among(std::string_view code, const std::array<std::string_view, N>& codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// Others were in the way; that is no failure of the database.
bool contended(std::string_view code) {
  // PostgreSQL: serialization, deadlock, lock timeout. MySQL: lock timeout, deadlock, NOWAIT, changed row.
  constexpr std::array<std::string_view, 9> kCodes = {"40001", "40P01", "55P03",       "1205",         "1213",
                                                      "3572",  "1020",  "SQLITE_BUSY", "SQLITE_LOCKED"};
  return among(code, kCodes);
}

// It may well go otherwise the next time.
bool retryable(std::string_view code) {
  // Statement timeout, shutting down or starting, too many connections, no resources.
  constexpr std::array<std::string_view, 20> kCodes = {"57014",
                                                       "57P01",
                                                       "57P02",
                                                       "57P03",
                                                       "25P03",
                                                       "1040",
                                                       "1041",
                                                       "1203",
                                                       "1226",
                                                       "1317",
                                                       "1969",
                                                       "3024",
                                                       "1053",
                                                       "1021",
                                                       "1037",
                                                       "1114",
                                                       "SQLITE_FULL",
                                                       "SQLITE_NOMEM",
                                                       "SQLITE_INTERRUPT",
                                                       "1927"};
  return contended(code) || (code.size() == 5 && code.starts_with("53")) || among(code, kCodes);
}

// The database does not know either.
bool unclear(std::string_view code) {
  constexpr std::array<std::string_view, 2> kCodes = {"08007", "40003"};
  return among(code, kCodes);
}

json::value parsed(std::string_view text, const json::storage_ptr& room) {
  Result<json::value> value = parse_json(text, room);
  return value ? *std::move(value) : json::value(text, room);
}

class SqlKind final : public Kind {
 public:
  bool has_scheme(std::string_view url) const override {
    constexpr std::array<std::string_view, 5> kSchemes = {"postgres://", "postgresql://", "mysql://",
                                                          "mariadb://", "sqlite://"};
    return std::any_of(kSchemes.begin(), kSchemes.end(),
                       [&](std::string_view scheme) { return url.starts_with(scheme); });
  }

  Status read_url(std::string_view written, std::string& url) const override {
    const Result<SqlPlace> place = parse_sql_url(written);
    if (!place) return Error(Code::kInvalid, "`url`: " + place.error().message);
    url = written;
    return ok();
  }

  bool has_verb(std::string_view verb) const override { return verb == "QUERY" || verb == "EXECUTE"; }

  AskText text_of(const Ask& ask) const override {
    const SqlAsk& asked = sql(ask);
    AskText text;
    text.verb = asked.execute ? "EXECUTE" : "QUERY";
    text.place = asked.url;
    text.statement = statement_line(asked.statement);
    text.body = to_text(json::object{{"statement", asked.statement}, {"params", parsed(asked.params, {})}});
    text.json = true;
    return text;
  }

  std::string name_of(const Ask& ask) const override {
    const SqlAsk& asked = sql(ask);
    return std::string(asked.execute ? "EXECUTE" : "QUERY") + " " +
           shortened(statement_line(asked.statement), kNameBytesMax);
  }

  json::object context_of(const Ask& ask, const json::storage_ptr& room) const override {
    const SqlAsk& asked = sql(ask);
    json::object context(room);
    context["statement"] = asked.statement;
    context["params"] = parsed(asked.params, room);
    return context;
  }

  json::object context_of(const Request& stored) const override {
    const Result<json::value> body = parse_json(stored.body);
    return body && body->is_object() ? body->get_object()
                                     : json::object{{"statement", nullptr}, {"params", nullptr}};
  }

  Result<Ask> authorise(Ask ask, const Target& target, const SecretLookup& lookup) const override {
    auto& asked = std::get<SqlAsk>(ask);
    if (target.auth.kind == Auth::Kind::kNone) return ask;
    if (target.auth.secrets.empty())
      return Error(Code::kInvalid, "target " + target.name + " names no secret");
    const Result<std::string> found = lookup(target.auth.secrets.front());
    if (!found) return Error(found.error().code, "target '" + target.name + "': " + found.error().message);
    if (found->empty() || found->find('\0') != std::string::npos) {
      return Error(Code::kInvalid,
                   "the secret of target " + target.name + " is empty: " + target.auth.secrets.front().name);
    }
    asked.user = target.auth.name;
    asked.password = *found;
    return ask;
  }

  Ask shown(Ask ask, std::string_view secret, std::string_view /*secret_url*/) const override {
    auto& asked = std::get<SqlAsk>(ask);
    if (!asked.password.empty()) asked.password = secret;
    return ask;
  }

  json::object context_of(const Reply& reply, const json::storage_ptr& room) const override {
    const SqlReply& answer = sql(reply);
    json::object context(room);
    context.reserve(5);  // the members stay where they are
    json::value& rows = context["rows"];
    rows = parsed(answer.rows, room);
    context["count"] = answer.count;
    const json::array* list = rows.if_array();
    json::value& first = context["first"];
    if (list != nullptr && !list->empty()) first = list->front();
    context["more"] = answer.more;
    json::value& error = context["error"];
    if (answer.error) error = {{"code", answer.error->code}, {"message", answer.error->message}};
    return context;
  }

  std::optional<Reply> reply_of(const json::value& stored) const override {
    const json::value* rows = find(stored, "rows");
    const json::value* count = find(stored, "count");
    if (rows == nullptr || count == nullptr || !count->is_number()) return std::nullopt;
    SqlReply answer;
    answer.rows = rows->is_string() ? std::string(view(rows->get_string())) : to_text(*rows);
    answer.count = count->is_int64() ? count->get_int64() : 0;
    const json::value* more = find(stored, "more");
    answer.more = more != nullptr && more->is_bool() && more->get_bool();
    if (const json::value* error = find(stored, "error"); error != nullptr && error->is_object())
      answer.error =
          SqlError{std::string(find_text(*error, "code")), std::string(find_text(*error, "message"))};
    return Reply(std::move(answer));
  }

  // The body: {rows, count, error}.
  Reply reply_of(ReplyText written) const override {
    SqlReply answer;
    if (!written.body) return Reply(std::move(answer));
    if (const json::value* rows = find(*written.body, "rows"); rows != nullptr && rows->is_array()) {
      answer.rows = to_text(*rows);
      answer.count = static_cast<std::int64_t>(rows->get_array().size());
    }
    if (const json::value* count = find(*written.body, "count"); count != nullptr && count->is_int64())
      answer.count = count->get_int64();
    if (const json::value* error = find(*written.body, "error"); error != nullptr && error->is_object())
      answer.error =
          SqlError{std::string(find_text(*error, "code")), std::string(find_text(*error, "message"))};
    return Reply(std::move(answer));
  }

  json::object context_of_found(json::value found) const override {
    return json::object{{"rows", json::array()},
                        {"count", 0},
                        {"first", std::move(found)},
                        {"more", false},
                        {"error", nullptr}};
  }

  std::string_view body_of(const Reply& reply) const override { return sql(reply).rows; }

  Reply with_body(const Reply& reply, std::string body) const override {
    SqlReply other = sql(reply);
    other.rows = std::move(body);
    return Reply(std::move(other));
  }

  PlainEnd plain_end(const Reply& reply, Instant /*now*/) const override {
    const SqlReply& answer = sql(reply);
    PlainEnd end;
    end.well = !answer.error;
    end.label = answer.error ? "error " + answer.error->code : "an answer";
    if (end.well) {
      end.result = RequestResult::kSucceeded;
      return end;
    }
    const std::string_view code = answer.error->code;
    end.rate_limit = contended(code);
    end.result = unclear(code)     ? RequestResult::kUnclear
                 : retryable(code) ? RequestResult::kRetryable
                                   : RequestResult::kRefused;
    return end;
  }

  std::string malformed(const Reply& /*reply*/) const override { return ""; }

  std::string said(const Reply& reply, const Masker& masker) const override {
    const SqlReply& answer = sql(reply);
    return answer.error ? masker.mask(answer.error->message) : "";
  }

  std::optional<Duration> retry_after(const Reply& /*reply*/, Instant /*now*/) const override {
    return std::nullopt;
  }
};

}  // namespace

const Kind& sql_kind() {
  static const SqlKind kKind;
  return kKind;
}

std::string statement_line(std::string_view statement) {
  std::string line;
  for (const char c : statement) {
    const bool space = c == ' ' || c == '\n' || c == '\r' || c == '\t';
    if (!space) {
      line += c;
    } else if (!line.empty() && line.back() != ' ') {
      line += ' ';
    }
  }
  while (line.ends_with(' ') || line.ends_with(';'))
    line.pop_back();
  return line;
}

}  // namespace postlude::connector
