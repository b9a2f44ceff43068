#pragma once
// Repeats: the answers to writes that came with an Idempotency-Key, so that the same request again does
// nothing and is answered the same. In memory, and bounded: a restart forgets them.

#include <cstddef>
#include <list>
#include <map>
#include <string>
#include <variant>

#include "model/http.h"

namespace postlude::api {

class Repeats {
 public:
  struct Fresh {};     // never seen: carry it out, then keep() or drop()
  struct UnderWay {};  // the first one is not answered yet
  struct Other {};     // the key came with another request before
  using Seen = std::variant<Fresh, UnderWay, Other, HttpResponse>;

  // `caller` and `key` name it; `digest` tells one request from another.
  Seen begin(const std::string& caller, const std::string& key, const std::string& digest, Instant now);
  void keep(const std::string& caller, const std::string& key, const HttpResponse& answer);
  void drop(const std::string& caller, const std::string& key);  // it may be tried again

 private:
  struct Entry {
    std::string name;
    std::string digest;
    Instant at;
    bool answered = false;
    HttpResponse answer;
  };
  void forget(std::list<Entry>::iterator entry);

  std::list<Entry> entries_;  // oldest first
  std::map<std::string, std::list<Entry>::iterator, std::less<>> by_name_;
  std::size_t bytes_ = 0;
};

}  // namespace postlude::api
