#include "api/api.h"

#include "api/answers.h"
#include "api/embedded.h"
#include "api/query.h"
#include "api/views.h"
#include "api/waits.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/text.h"
#include "pipeline/links.h"

namespace postlude::api {

namespace {

constexpr std::size_t kBodyMax = 64U << 10U;
constexpr std::size_t kKeyMax = 255;
constexpr std::size_t kLateMax = 100;

template <class Row, class View>
HttpResponse page_of(const Result<std::vector<Row>>& rows, std::size_t limit, View view) {
  if (!rows) return problem_of(rows.error());
  json::array items;
  for (const Row& row : *rows)
    items.push_back(view(row));
  json::value next = nullptr;
  if (rows->size() == limit) next = rows->back().id.text();
  return json_answer(json::object{{"items", std::move(items)}, {"next", std::move(next)}});
}

}  // namespace

HttpResponse Api::problem(int status, std::string_view title, std::string_view detail) {
  return api::problem(status, title, detail);
}

void Api::use(Options options) {
  access_.use(std::move(options.tokens), std::move(options.secrets), options.admin_url);
  metrics_need_token_ = options.metrics_need_token;
}

http::HeadVerdict Api::head(const HttpRequest& request, bool headers_too_large) const {
  if (headers_too_large) return problem(431, "headers too large", "the headers are larger than 16 KiB");
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    HttpResponse response = problem(405, "method not allowed", "use GET to read, POST to act");
    response.headers.add("Allow", "GET, HEAD, POST");
    return response;
  }
  return http::ReadBody{kBodyMax};
}

rt::Task<Result<HttpResponse>> Api::health(HttpRequest request) {
  const std::string_view path = request.path();
  if (path == "/healthz") co_return answer(200, "text/plain; charset=utf-8", "ok\n");
  if (path == "/readyz") {
    if (!ready) co_return problem(503, "not ready", "Postlude is starting or stopping");
    if (pipeline_.refused_lately())
      co_return problem(503, "not ready",
                        "the store had no room for a hook in the last seconds: free disk space");
    if (!pipeline_.has_usable_source())
      co_return problem(
          503, "not ready",
          "no secret of any source can be read, so that every hook is answered 503: set the environment "
          "variables or files that `sources` names; `postlude check --secrets` lists those missing");
    AWAIT(const Status writable, store_.writable());
    if (!writable)
      co_return problem(503, "not ready", "the store cannot be written: " + writable.error().message);
    co_return answer(200, "text/plain; charset=utf-8", "ready\n");
  }
  if (path == "/metrics" && !metrics_need_token_) {
    AWAIT(HttpResponse text, exposition());
    co_return text;
  }
  co_return Error(Code::kNotFound, "no such path");
}

rt::Task<HttpResponse> Api::handle(HttpRequest request) {
  const std::string_view asked = request.path();
  if (asked != "/healthz" && asked != "/readyz") {
    if (const Status local = access_.local(request); !local)
      co_return problem(403, "not allowed", local.error().message);
  }
  AWAIT(auto health_answer, health(request));
  if (health_answer) co_return std::move(*health_answer);
  const bool get = request.method != "POST";
  if (request.path() == "/" && get) {
    HttpResponse page = answer(200, "text/html; charset=utf-8", std::string(embedded("page.html")));
    page.headers.add("Content-Security-Policy",
                     "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src "
                     "'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    page.headers.add("Referrer-Policy", "no-referrer");
    co_return page;
  }
  const auto who = access_.caller(request);
  if (!who) {
    if (who.error().code != Code::kNotFound) co_return problem_of(who.error());
    HttpResponse response = problem(401, "unauthorized", who.error().message);
    response.headers.add("WWW-Authenticate", "Bearer");
    co_return response;
  }
  Path path;
  for (const std::string_view part : split(request.path(), '/')) {
    if (!part.empty()) path.push_back(percent_decode(part).value_or(""));
  }
  if (path.size() == 1 && path[0] == "metrics") {
    AWAIT(HttpResponse text, exposition());
    co_return text;
  }
  if (path.size() < 3 || path[0] != "api" || path[1] != "v1")
    co_return problem(404, "not found", "the API is at /api/v1");
  path.erase(path.begin(), path.begin() + 2);
  if (get) {
    Result<Query> query = query_of(request);
    if (!query) co_return problem_of(query.error());
    AWAIT(HttpResponse response, read(std::move(path), *std::move(query), *who));
    // A link that answers for people is not for those who may only look.
    if (who->role < Role::kOperator) response.body = pipeline::without_links(std::move(response.body));
    co_return response;
  }
  if (who->role < Role::kOperator)
    co_return problem(403, "not allowed", "this needs a token with the role operator or admin");
  AWAIT(HttpResponse response, write(std::move(path), std::move(request), *who));
  co_return response;
}

// -- reading

rt::Task<HttpResponse> Api::read(Path path, Query query, Caller who) {
  const std::string& kind = path[0];
  const bool listed = kind == "deliveries" || kind == "events" || kind == "runs";
  if (listed && path.size() == 1) {
    AWAIT(HttpResponse response, list(kind, std::move(query), std::move(who)));
    co_return response;
  }
  if (listed && path.size() == 2) {
    AWAIT(HttpResponse response, show(kind, path[1], std::move(who)));
    co_return response;
  }
  if (kind == "config" || kind == "audit") {
    AWAIT(HttpResponse response, read_config(std::move(path), std::move(who)));
    co_return response;
  }
  if (path.size() == 2 && kind == "explain") {
    AWAIT(HttpResponse response, explain(path[1], std::move(who)));
    co_return response;
  }
  if (path.size() == 1 && (kind == "workflows" || kind == "targets")) {
    AWAIT(HttpResponse response, names(kind, std::move(who)));
    co_return response;
  }
  if (path.size() == 1 && kind == "pauses") {
    AWAIT(HttpResponse response, pauses(std::move(who)));
    co_return response;
  }
  if (path.size() == 1 && kind == "failures") {
    AWAIT(HttpResponse response, failures(std::move(query), std::move(who)));
    co_return response;
  }
  if (path.size() == 1 && kind == "held") {
    AWAIT(HttpResponse response, held(std::move(query), std::move(who)));
    co_return response;
  }
  if (path.size() == 1 && kind == "keys") {
    AWAIT(HttpResponse response, keys(std::move(query), std::move(who)));
    co_return response;
  }
  co_return problem(
      404, "not found",
      "no such path; there are deliveries, events, runs, failures, held, keys, pauses, workflows, targets, "
      "explain/{id}, config, audit/verify");
}

rt::Task<HttpResponse> Api::read_config(Path path, Caller who) {
  if (!who.team.empty()) co_return problem(403, "not allowed", "tokens with a team may not do this");
  if (path[0] == "config" && path.size() == 1) co_return json_answer(view_of(config));
  if (path[0] == "audit" && path.size() == 2 && path[1] == "verify") {
    AWAIT(const auto verified, store_.verify_audit());
    if (!verified) co_return problem_of(verified.error());
    co_return json_answer(
        json::object{{"intact", verified->bad.empty()},
                     {"firstBad", verified->bad.empty() ? json::value(nullptr) : json::value(verified->bad)},
                     {"records", verified->records},
                     {"head", verified->head}});
  }
  co_return problem(404, "not found", "no such path; there are config, audit/verify");
}

rt::Task<HttpResponse> Api::list(std::string kind, Query query, Caller who) {
  auto asked = asked_of(kind, query);
  if (!asked) co_return problem_of(asked.error());
  if (!who.team.empty()) {
    if (!asked->filter.team.empty() && asked->filter.team != who.team)
      co_return problem(404, "not found", "no team " + cut(asked->filter.team, 80));
    asked->filter.team = who.team;
  }
  const std::size_t limit = asked->page.limit;
  if (kind == "deliveries") {
    AWAIT(const auto rows, store_.deliveries(asked->filter, asked->page));
    co_return page_of(rows, limit, [](const Delivery& d) { return view_of(d, false); });
  }
  if (kind == "events") {
    AWAIT(const auto rows, store_.events(asked->filter, asked->page));
    co_return page_of(rows, limit, [](const Event& e) { return line_of(e); });
  }
  AWAIT(const auto rows, store_.runs(asked->filter, asked->page));
  co_return page_of(rows, limit, [&](const store::RunLine& r) {
    json::object line = line_of(r);
    line["retrying"] = retrying(r.due, pipeline_);
    return line;
  });
}

rt::Task<Result<store::RunDetail>> Api::detail_for(RunId id, Caller who) {
  AWAIT_TRY(store::RunDetail run, store_.run(id));
  if (!who.sees(run.team)) co_return Error(Code::kNotFound, "no run " + id.text());
  co_return run;
}

rt::Task<Result<store::RunBrief>> Api::run_for(RunId id, Caller who) {
  AWAIT_TRY(store::RunBrief run, store_.brief(id));
  if (!who.sees(run.team)) co_return Error(Code::kNotFound, "no run " + id.text());
  co_return run;
}

rt::Task<Result<store::EventDetail>> Api::event_for(EventId id, Caller who) {
  AWAIT_TRY(store::EventDetail event, store_.event(id));
  if (!who.sees(event.event.team)) co_return Error(Code::kNotFound, "no event " + id.text());
  co_return event;
}

rt::Task<Result<Delivery>> Api::delivery_for(DeliveryId id, Caller who) {
  AWAIT_TRY(Delivery delivery, store_.delivery(id));
  if (who.team.empty()) co_return delivery;
  if (delivery.event) {
    AWAIT(const auto event, store_.event(*delivery.event));
    if (event && who.sees(event->event.team)) co_return delivery;
  }
  co_return Error(Code::kNotFound, "no delivery " + id.text());
}

rt::Task<HttpResponse> Api::show(std::string kind, std::string id, Caller who) {
  const auto value = parse_id(prefix_of(kind), id);
  if (!value) co_return problem_of(value.error());
  if (kind == "deliveries") {
    const DeliveryId delivery{*value};
    AWAIT(const auto row, delivery_for(delivery, std::move(who)));
    co_return row ? json_answer(view_of(*row, true)) : problem_of(row.error());
  }
  if (kind == "events") {
    const EventId event{*value};
    AWAIT(const auto row, event_for(event, std::move(who)));
    if (!row) co_return problem_of(row.error());
    json::object view = view_of(*row);
    add_retrying(view, *row, pipeline_);
    co_return json_answer(view);
  }
  const RunId run{*value};
  AWAIT(const auto row, detail_for(run, std::move(who)));
  if (!row) co_return problem_of(row.error());
  AWAIT(const auto pauses, store_.pauses());
  if (!pauses) co_return problem_of(pauses.error());
  json::object view = view_of(*row);
  add_waits(view, *row, *pauses, pipeline_);
  co_return json_answer(view);
}

// -- acting

namespace {

// To the same request, come again.
HttpResponse answer_again(const store::Before& before) {
  switch (before.what) {
    case store::Before::What::kOther:
      return problem(422, "unprocessable content",
                     "this Idempotency-Key was used for another request: use a new one");
    case store::Before::What::kUnderWay:
      return problem(409, "not possible now",
                     "the request with this Idempotency-Key is still in progress: try again later");
    case store::Before::What::kNobodyKnows:
      return problem(409, "not possible now",
                     "Postlude stopped while it processed this request, and does not know whether it was "
                     "done: check, and "
                     "if it was not, repeat it with a new Idempotency-Key");
    case store::Before::What::kNothing:
    case store::Before::What::kAnswered:
      break;
  }
  return answer(before.status, before.status < 400 ? "application/json" : "application/problem+json",
                before.answer);
}

}  // namespace

// Logs who did what: path and body name the act.
rt::Task<HttpResponse> Api::act_and_log(Path path, json::value asked, Caller who) {
  constexpr std::size_t kAskedShown = 500;
  std::string act;
  std::string on;
  for (const std::string& part : path) {
    const bool id = path.size() > 1 && &part == &path[1] && part.find('_') != std::string::npos;
    if (id) {
      on = part;
    } else {
      act += (act.empty() ? "" : " ") + part;
    }
  }
  std::string words = asked.get_object().empty() ? "" : json::serialize(asked);
  if (words.size() > kAskedShown) words = words.substr(0, kAskedShown);
  const std::string by = who.name;
  AWAIT(HttpResponse response, Api::act(std::move(path), std::move(asked), std::move(who)));
  if (response.status < 300)
    log::info("a person acted", {{"act", act}, {"by", by}, {"on", on}, {"asked", words}});
  co_return response;
}

// Before a key is looked up, it may be that of one of them: without its answer it would be under way for a
// day.
rt::Task<> Api::keep_late() {
  std::vector<Late> late = std::exchange(late_, {});
  for (Late& one : late) {
    AWAIT(const Status kept, store_.end_once(one.once, one.status, one.answer));
    if (!kept) late_.push_back(std::move(one));
  }
}

rt::Task<HttpResponse> Api::write(Path path, HttpRequest request, Caller who) {
  auto asked = parse_json(request.body.empty() ? "{}" : request.body);
  if (!asked || !asked->is_object()) co_return problem(400, "invalid", "the body must be a JSON object");
  const std::string key(trim(request.headers.get("Idempotency-Key")));
  if (key.size() > kKeyMax)
    co_return problem(400, "invalid", "an Idempotency-Key is at most " + std::to_string(kKeyMax) + " bytes");
  if (key.empty()) {
    AWAIT(HttpResponse response, act_and_log(std::move(path), std::move(*asked), std::move(who)));
    co_return response;
  }
  const store::Once once{who.name, key, sha256(request.target + '\n' + request.body)};
  if (!late_.empty()) AWAIT_DONE(keep_late());
  AWAIT(const auto before, store_.begin_once(once, rt::now()));
  if (!before) co_return problem_of(before.error());
  if (before->what != store::Before::What::kNothing) co_return answer_again(*before);
  AWAIT(HttpResponse response, act_and_log(std::move(path), std::move(*asked), std::move(who)));
  AWAIT(const Status kept, store_.end_once(once, response.status, response.body));
  if (!kept) {
    log::warn(
        "the answer for an Idempotency-Key could not be stored; the next request with a key tries again",
        {{"why", kept.error().message}});
    if (late_.size() >= kLateMax) late_.erase(late_.begin());
    late_.push_back({once, response.status, response.body});
  }
  co_return response;
}

}  // namespace postlude::api
