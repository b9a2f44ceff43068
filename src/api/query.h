#pragma once
// query: what a list may be narrowed by, from the words of a URL.

#include <map>
#include <string>
#include <string_view>

#include "model/http.h"
#include "store/store.h"

namespace postlude::api {

struct Asked {
  store::Filter filter;
  store::Page page;
};

// kInvalid: a parameter that cannot be read, or one that comes twice. None is left out, as a list that is not
// narrowed would be taken for one that is.
Result<std::map<std::string, std::string, std::less<>>> query_of(const HttpRequest& request);

// `kind`: deliveries, events or runs. kInvalid: an unknown parameter or an impossible value.
Result<Asked> asked_of(std::string_view kind, const std::map<std::string, std::string, std::less<>>& query);

std::string_view prefix_of(std::string_view kind);  // of its ids

// "did you mean 'x'?", or all that there is.
std::string instead_of(std::string_view word, const std::vector<std::string>& known);

}  // namespace postlude::api
