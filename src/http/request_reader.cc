#include "http/request_reader.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include "base/check.h"
#include "base/text.h"

namespace postlude::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;
using beast::string_view;

// Memory reserved for a body before its bytes arrive: an announced length alone must not cost memory.
constexpr std::uint64_t kReserveMax = 4U << 10U;

// Assigning an empty value would keep the memory.
template <class T>
void give_back(T& value) {
  T().swap(value);
}

std::string_view plain(string_view text) {
  return {text.data(), text.size()};
}

// RFC 9112, 3.2.2: a server accepts a whole URL as the target; routes know the path only.
std::string origin_form(std::string_view target) {
  const std::size_t scheme_end = target.find("://");
  if (scheme_end == std::string_view::npos || target.front() == '/') return std::string(target);
  const std::string_view scheme = target.substr(0, scheme_end);
  if (!equal_ignoring_case(scheme, "http") && !equal_ignoring_case(scheme, "https"))
    return std::string(target);
  const std::string_view rest = target.substr(scheme_end + 3);
  const std::size_t path = rest.find_first_of("/?");
  if (path == std::string_view::npos) return "/";
  return (rest[path] == '?' ? "/" : "") + std::string(rest.substr(path));
}

class Parser : public beast::http::basic_parser<true> {
 public:
  Parser(HttpRequest& request, std::size_t header_bytes_max) : request_(request) {
    eager(false);
    body_limit(boost::none);
    // The limit that counts is ours, over all lines; Beast's is for the part it looks at in one call.
    header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(header_bytes_max * 2, 1U << 30U)));
  }

  std::string why;
  std::size_t body_bytes_max = 0;
  std::uint64_t announced = 0;  // of the body; 0: chunked
  std::size_t hosts = 0;
  bool expects_continue = false;
  bool discarding = false;
  bool too_large = false;
  bool encoded = false;  // has a Transfer-Encoding
  bool http_1_0 = false;

 private:
  void on_request_impl(beast::http::verb, string_view method, string_view target, int version,
                       error_code&) override {
    request_.method.assign(method.data(), method.size());
    request_.target = origin_form(plain(target));
    http_1_0 = version == 10;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}

  void on_field_impl(beast::http::field field, string_view name, string_view value,
                     error_code& error) override {
    if (is_header_done()) return;  // a trailer: nobody asked for it
    if (field == beast::http::field::host) {
      ++hosts;
    } else if (field == beast::http::field::transfer_encoding) {
      encoded = true;
      if (!equal_ignoring_case(plain(value), "chunked")) error = beast::http::error::bad_transfer_encoding;
    } else if (field == beast::http::field::expect) {
      expects_continue = equal_ignoring_case(plain(value), "100-continue");
    }
    request_.headers.list.push_back({std::string(plain(name)), std::string(plain(value))});
  }

  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    announced = length ? *length : 0;
    if (!discarding && length) request_.body.reserve(std::min(*length, kReserveMax));
  }
  std::size_t on_body_impl(string_view bytes, error_code&) override { return keep(bytes); }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view bytes, error_code&) override {
    return keep(bytes);
  }
  void on_finish_impl(error_code&) override {}

  std::size_t keep(string_view bytes) {
    if (discarding) return bytes.size();
    if (bytes.size() > body_bytes_max - request_.body.size()) {
      too_large = true;
      discarding = true;
      give_back(request_.body);
    } else {
      // Twice as much each time, but no more than was announced.
      const std::size_t wanted = request_.body.size() + bytes.size();
      if (wanted > request_.body.capacity() && announced >= wanted)
        request_.body.reserve(static_cast<std::size_t>(
            std::min<std::uint64_t>(announced, std::max(wanted, 2 * request_.body.capacity()))));
      request_.body.append(bytes.data(), bytes.size());
    }
    return bytes.size();
  }

  HttpRequest& request_;
};

}  // namespace

struct RequestReader::Impl {
  explicit Impl(std::size_t header_bytes_max_in) : header_bytes_max(header_bytes_max_in) {}

  Step take_head(std::string_view bytes);
  Step take_body(std::string_view bytes);
  bool line_fits() const {
    constexpr std::size_t kRest = sizeof("  HTTP/1.1\r\n") - 1;
    return !request.method.empty() &&
           request.method.size() + request.target.size() + kRest <= header_bytes_max;
  }
  Step broken(std::size_t used, std::string reason) {
    parser->why = std::move(reason);
    return {used, Got::kBroken};
  }

  std::size_t header_bytes_max;
  std::size_t header_bytes = 0;
  bool started = false;
  HttpRequest request;
  std::optional<Parser> parser;
};

RequestReader::RequestReader(std::size_t header_bytes_max) : impl_(std::make_unique<Impl>(header_bytes_max)) {
  reset();
}
RequestReader::~RequestReader() = default;

void RequestReader::reset() {
  Impl& self = *impl_;
  self.header_bytes = 0;
  self.started = false;
  self.request = HttpRequest();
  self.request.headers.list.reserve(12);
  self.parser.emplace(self.request, self.header_bytes_max);
}

RequestReader::Step RequestReader::Impl::take_head(std::string_view bytes) {
  std::size_t used = 0;
  if (!started) {
    // RFC 9112, 2.2: some senders end a body with an empty line too many.
    used = std::min(bytes.find_first_not_of("\r\n"), bytes.size());
    if (used == bytes.size()) return {used, Got::kNeedMore};
    started = true;
  }
  while (!parser->is_header_done()) {
    error_code error;
    const std::size_t n = parser->put({bytes.data() + used, bytes.size() - used}, error);
    used += n;
    header_bytes += n;
    const bool over = header_bytes + (parser->is_header_done() ? 0 : bytes.size() - used) > header_bytes_max;
    if (error == beast::http::error::header_limit ||
        (over && (!error || error == beast::http::error::need_more))) {
      return {used, line_fits() ? Got::kHeadersTooLarge : Got::kLineTooLong};
    }
    if (error == beast::http::error::need_more) return {used, Got::kNeedMore};
    if (error) return broken(used, error.message());
  }
  if (parser->http_1_0 ? parser->hosts > 1 : parser->hosts != 1) {
    return broken(used, parser->hosts == 0 ? "no Host header" : "more than one Host header");
  }
  if (parser->http_1_0 && parser->encoded) return broken(used, "a Transfer-Encoding in HTTP/1.0");
  return {used, Got::kHead};
}

RequestReader::Step RequestReader::Impl::take_body(std::string_view bytes) {
  std::size_t used = 0;
  while (!parser->is_done()) {
    if (used == bytes.size()) return {used, Got::kNeedMore};
    error_code error;
    used += parser->put({bytes.data() + used, bytes.size() - used}, error);
    if (error == beast::http::error::need_more) return {used, Got::kNeedMore};
    if (error) return broken(used, error.message());
    if (parser->too_large) {
      parser->too_large = false;
      return {used, Got::kBodyTooLarge};
    }
  }
  return {used, Got::kWhole};
}

RequestReader::Step RequestReader::take(std::string_view bytes) {
  return impl_->parser->is_header_done() ? impl_->take_body(bytes) : impl_->take_head(bytes);
}

void RequestReader::read_body(std::size_t bytes_max) {
  impl_->parser->body_bytes_max = bytes_max;
}

void RequestReader::discard_body() {
  impl_->parser->discarding = true;
  give_back(impl_->request.body);
}

void RequestReader::drop() {
  discard_body();
  give_back(impl_->request.headers.list);
}

std::size_t RequestReader::bytes() const {
  const HttpRequest& request = impl_->request;
  return request.body.capacity() + request.target.capacity() + impl_->header_bytes +
         request.headers.list.capacity() * sizeof(Header);
}

bool RequestReader::started() const {
  return impl_->started;
}
bool RequestReader::has_body() const {
  return !impl_->parser->is_done();
}
HttpRequest& RequestReader::request() {
  return impl_->request;
}
bool RequestReader::keep_alive() const {
  return impl_->parser->keep_alive();
}
bool RequestReader::http_1_0() const {
  return impl_->parser->http_1_0;
}
bool RequestReader::expects_continue() const {
  return impl_->parser->expects_continue && !impl_->parser->http_1_0;
}
std::optional<std::uint64_t> RequestReader::announced_bytes() const {
  if (impl_->parser->chunked()) return std::nullopt;
  const auto length = impl_->parser->content_length();
  return length ? *length : 0;
}
const std::string& RequestReader::why() const {
  return impl_->parser->why;
}

}  // namespace postlude::http
