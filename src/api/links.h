#pragma once
// Links: receives answers for waiting runs: `POST /callbacks/{token}`, and the pages at `/links/{token}` with
// a button that approves or rejects (contract 2, 7, 9). On the hooks' listener. Loop thread only.
//
// GET and HEAD change nothing, because scanners of chat and mail open links.

#include <string>
#include <string_view>

#include "api/access.h"
#include "http/server.h"
#include "pipeline/links.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace postlude::api {

class Links {
 public:
  Links(const Access& access, store::Store& store, const pipeline::Pipeline& pipeline)
      : access_(access), store_(store), pipeline_(pipeline) {}

  static bool owns(const HttpRequest& request);  // whether the path is one of these
  http::HeadVerdict head(const HttpRequest& request, bool headers_too_large) const;
  HttpResponse too_large(const HttpRequest& request) const;
  rt::Task<HttpResponse> handle(HttpRequest request);

  bool stopping = false;  // answers 503 once this is set

 private:
  rt::Task<HttpResponse> call_back(pipeline::Link link, HttpRequest request);
  rt::Task<HttpResponse> page(pipeline::Link link, HttpRequest request);
  rt::Task<HttpResponse> press(pipeline::Link link, HttpRequest request);
  std::optional<pipeline::Link> link_of(const HttpRequest& request) const;
  bool same_page(const HttpRequest& request) const;

  const Access& access_;
  store::Store& store_;
  const pipeline::Pipeline& pipeline_;
};

}  // namespace postlude::api
