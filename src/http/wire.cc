#include "http/wire.h"

#include <charconv>
#include <ctime>

#include "base/text.h"

namespace postlude::http {
namespace {

std::string_view reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

bool is_ours(std::string_view name) {
  return equal_ignoring_case(name, "content-length") || equal_ignoring_case(name, "connection") ||
         equal_ignoring_case(name, "date") || equal_ignoring_case(name, "transfer-encoding");
}

// A line break in a value would begin a header, or an answer, of somebody else's making.
void append_value(std::string& out, std::string_view value) {
  for (const char c : value)
    out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
}

void append_number(std::string& out, std::size_t n) {
  char digits[20];
  const auto end = std::to_chars(digits, digits + sizeof(digits), n).ptr;
  out.append(digits, end);
}

}  // namespace

void append_answer(std::string& out, const HttpResponse& response, const AnswerForm& form) {
  const bool bodiless = response.status == 204 || response.status == 304 || response.status < 200;
  out += "HTTP/1.1 ";
  append_number(out, static_cast<std::size_t>(response.status));
  out += ' ';
  out += reason(response.status);
  out += "\r\n";
  for (const Header& header : response.headers.list) {
    if (is_ours(header.name)) continue;
    append_value(out, header.name);
    out += ": ";
    append_value(out, header.value);
    out += "\r\n";
  }
  if (!form.date.empty()) {
    out += "Date: ";
    out += form.date;
    out += "\r\n";
  }
  if (!form.keep_alive) {
    out += "Connection: close\r\n";
  } else if (form.http_1_0) {
    out += "Connection: keep-alive\r\n";
  }
  if (!bodiless) {
    out += "Content-Length: ";
    append_number(out, response.body.size());
    out += "\r\n";
  }
  out += "\r\n";
  if (!bodiless && !form.head_only) out += response.body;
}

std::string http_date(Instant t) {
  static constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  static constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const std::time_t seconds = micros(t) / 1'000'000;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char digits[32];
  // Not %a and %b: those follow the locale.
  std::string out(kDays.substr(static_cast<std::size_t>(tm.tm_wday) * 3, 3));
  out.append(digits, std::strftime(digits, sizeof(digits), ", %d ", &tm));
  out += kMonths.substr(static_cast<std::size_t>(tm.tm_mon) * 3, 3);
  out.append(digits, std::strftime(digits, sizeof(digits), " %Y %H:%M:%S GMT", &tm));
  return out;
}

Result<Listen> parse_listen(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  const auto wrong = [&] {
    return Error(Code::kInvalid, "not an address to listen on: " + std::string(text) +
                                     "; write host:port, as in 0.0.0.0:8080 or [::]:8080");
  };
  if (colon == std::string_view::npos) return wrong();
  const std::string_view digits = text.substr(colon + 1);
  std::string_view host = text.substr(0, colon);
  Listen out;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
  if (error != std::errc() || end != digits.data() + digits.size()) return wrong();
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return wrong();
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return wrong();
  }
  out.host = host == "*" ? "" : std::string(host);
  return out;
}

}  // namespace postlude::http
