#pragma once
// Http: HTTP messages as values, for the server, the client and the rules that build and read them.

#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace postlude {

struct Header {
  std::string name;
  std::string value;
};

struct Headers {
  std::vector<Header> list;  // in the order of the message; a name may repeat

  const std::string* find(
      std::string_view name) const;  // the first of that name, ASCII case ignored; or nullptr
  std::string_view get(std::string_view name) const;  // its value, "" when missing
  std::size_t count(std::string_view name) const;
  void set(std::string_view name, std::string value);  // replaces all of that name
  void add(std::string_view name, std::string value) {
    list.push_back({std::string(name), std::move(value)});
  }
  void remove(std::string_view name);
};

// A request. A received one has the path and query, as on the wire, in `target`; one to be sent has the URL.
struct HttpRequest {
  std::string method;
  std::string target;
  Headers headers;
  std::string body;
  std::string remote;  // received: the peer's address, without port
  Instant received_at;

  std::string_view path() const;   // without the query; still percent-encoded
  std::string_view query() const;  // without the question mark
};

struct HttpResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

}  // namespace postlude
