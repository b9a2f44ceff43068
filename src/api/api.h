#pragma once
// Api: what operators ask and tell, as JSON over the admin listener (contract 12), with /healthz, /readyz,
// /metrics and the page at /. Loop thread only.

#include <map>
#include <string>
#include <vector>

#include "api/config_state.h"
#include "http/server.h"
#include "metrics/metrics.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace postlude::api {

enum class Role : std::uint8_t { kNone = 0, kViewer, kOperator, kAdmin };

struct Token {
  std::string name;  // who acts: stands in the audit
  Role role = Role::kViewer;
  std::vector<SecretRef> secrets;
  std::string team;  // "": all; else what belongs to this team only
};

struct Options {
  std::vector<Token>
      tokens;  // none: whoever reaches the listener, which then is on loopback, may do everything
  SecretLookup secrets;
  bool metrics_need_token = false;
};

class Api {
 public:
  Api(Options options, store::Store& store, pipeline::Pipeline& pipeline, metrics::Metrics& metrics)
      : options_(std::move(options)), store_(store), pipeline_(pipeline), metrics_(metrics) {}

  http::HeadVerdict head(const HttpRequest& request, bool headers_too_large) const;
  rt::Task<HttpResponse> handle(HttpRequest request);

  // Those of them that need no proof and are on the hooks' listener as well. kNotFound: not one of them.
  rt::Task<Result<HttpResponse>> health(HttpRequest request);
  // Tells /readyz; set when the configuration is loaded, and at the end.
  bool ready = false;
  // What GET /api/v1/config shows.
  ConfigState config;
  // Other tokens from now on.
  void use(Options options) { options_ = std::move(options); }

  static HttpResponse problem(int status, std::string_view title, std::string_view detail);

 private:
  struct Caller {
    std::string name;
    Role role = Role::kNone;
  };
  using Query = std::map<std::string, std::string, std::less<>>;

  Result<Caller> caller(const HttpRequest& request) const;
  rt::Task<HttpResponse> read(std::vector<std::string> path, Query query);
  rt::Task<HttpResponse> list(std::string kind, Query query);
  rt::Task<HttpResponse> show(std::string kind, std::string id);
  rt::Task<HttpResponse> act(std::vector<std::string> path, std::string body, Caller caller);
  rt::Task<HttpResponse> exposition();

  Options options_;
  store::Store& store_;
  pipeline::Pipeline& pipeline_;
  metrics::Metrics& metrics_;
};

}  // namespace postlude::api
