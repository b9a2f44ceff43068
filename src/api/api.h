#pragma once
// Api: the operators' JSON API on the admin listener (contract 12), with /healthz, /readyz, /metrics and the
// page at /. Loop thread only.

#include <map>
#include <string>
#include <vector>

#include "api/access.h"
#include "api/config_state.h"
#include "http/server.h"
#include "metrics/metrics.h"
#include "pipeline/pipeline.h"
#include "store/store.h"

namespace postlude::api {

struct Options {
  std::vector<Token> tokens;  // none: everybody who reaches the listener, which is then on a loopback
                              // address, may do everything
  SecretLookup secrets;
  std::string admin_url;  // as people reach the listener; "": unknown
  bool metrics_need_token = false;
};

// A query's parameters by name.
using Query = std::map<std::string, std::string, std::less<>>;

// The team whose folder has the workflow, "" if none has: such a workflow runs on that team's events only.
std::string team_of_workflow(const pipeline::Rules& rules, std::string_view name);

class Api {
 public:
  Api(Options options, store::Store& store, pipeline::Pipeline& pipeline, metrics::Metrics& metrics)
      : store_(store), pipeline_(pipeline), metrics_(metrics) {
    use(std::move(options));
  }

  http::HeadVerdict head(const HttpRequest& request, bool headers_too_large) const;
  rt::Task<HttpResponse> handle(HttpRequest request);

  // Answers the paths that need no token and are on the hooks' listener too. kNotFound: not one of them.
  rt::Task<Result<HttpResponse>> health(HttpRequest request);
  // For /readyz; changed when the configuration is loaded, and on shutdown.
  bool ready = false;
  // The content of GET /api/v1/config.
  ConfigState config;
  // Replaces the tokens.
  void use(Options options);
  const Access& access() const { return access_; }

  static HttpResponse problem(int status, std::string_view title, std::string_view detail);

 private:
  using Path = std::vector<std::string>;  // below /api/v1

  // -- reading
  rt::Task<HttpResponse> read(Path path, Query query, Caller who);
  rt::Task<HttpResponse> list(std::string kind, Query query, Caller who);
  rt::Task<HttpResponse> show(std::string kind, std::string id, Caller who);
  rt::Task<HttpResponse> read_config(Path path, Caller who);
  rt::Task<HttpResponse> explain(std::string id, Caller who);
  rt::Task<HttpResponse> failures(Query query, Caller who);
  rt::Task<HttpResponse> pauses(Caller who);
  rt::Task<HttpResponse> held(Query query, Caller who);
  rt::Task<HttpResponse> keys(Query query, Caller who);
  rt::Task<HttpResponse> names(std::string kind, Caller who);  // workflows, targets
  rt::Task<HttpResponse> exposition();
  // Only if it belongs to the caller's team; else kNotFound.
  rt::Task<Result<store::RunBrief>> run_for(RunId id, Caller who);
  rt::Task<Result<store::RunDetail>> detail_for(RunId id, Caller who);
  rt::Task<Result<store::EventDetail>> event_for(EventId id, Caller who);
  rt::Task<Result<Delivery>> delivery_for(DeliveryId id, Caller who);

  // -- acting
  rt::Task<HttpResponse> write(Path path, HttpRequest request, Caller who);
  rt::Task<> keep_late();
  rt::Task<HttpResponse> act(Path path, json::value asked, Caller who);
  rt::Task<HttpResponse> act_and_log(Path path, json::value asked, Caller who);
  rt::Task<HttpResponse> act_on_run(RunId id, std::string verb, json::value asked, Caller who);
  static Status settle_skip(const store::RunBrief& detail, json::value& asked, const Caller& who);
  rt::Task<Result<RunId>> carry_out(RunId id, std::string verb, json::value asked, Caller who);
  rt::Task<Status> answer_approval(store::RunBrief detail, bool approve, json::value asked, Caller who);
  rt::Task<HttpResponse> act_on_failures(std::string verb, json::value asked, Caller who);
  rt::Task<HttpResponse> resume_held(json::value asked, Caller who);
  rt::Task<HttpResponse> forget_key(json::value asked, Caller who);
  rt::Task<HttpResponse> redeliver(std::string id, Caller who);
  rt::Task<HttpResponse> pause(json::value asked, bool on, Caller who);

  Access access_;
  bool metrics_need_token_ = false;
  store::Store& store_;
  pipeline::Pipeline& pipeline_;
  metrics::Metrics& metrics_;
  // Answers to requests with an Idempotency-Key that the disk had no room for. Bounded; lost at a restart.
  struct Late {
    store::Once once;
    int status = 0;
    std::string answer;
  };
  std::vector<Late> late_;
};

}  // namespace postlude::api
