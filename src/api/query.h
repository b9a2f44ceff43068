#pragma once
// query: reads the filters of a list from a URL's parameters.

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

// kInvalid: a parameter that is invalid or repeated. No parameter is ignored, because the caller would take
// the whole list for a filtered one.
Result<std::map<std::string, std::string, std::less<>>> query_of(const HttpRequest& request);

// `kind`: deliveries, events or runs. kInvalid: an unknown parameter or an impossible value.
Result<Asked> asked_of(std::string_view kind, const std::map<std::string, std::string, std::less<>>& query);

std::string_view prefix_of(std::string_view kind);  // of the ids of that kind

// "did you mean 'x'?", or the list of what there is.
std::string instead_of(std::string_view word, const std::vector<std::string>& known);

}  // namespace postlude::api
