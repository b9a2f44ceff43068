#include "api/api.h"

#include <charconv>

#include "api/embedded.h"
#include "api/views.h"
#include "base/hash.h"
#include "base/text.h"

namespace postlude::api {

namespace {

constexpr std::size_t kPageMax = 500;
constexpr std::size_t kBodyMax = 64U << 10U;

HttpResponse answer(int status, std::string type, std::string body) {
  HttpResponse response;
  response.status = status;
  response.headers.add("Content-Type", std::move(type));
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  return response;
}

HttpResponse json_answer(const json::value& value) {
  return answer(200, "application/json", to_text(value) + "\n");
}

HttpResponse problem_of(const Error& error) {
  switch (error.code) {
    case Code::kInvalid:
      return Api::problem(400, "invalid", error.message);
    case Code::kDenied:
      return Api::problem(403, "not allowed", error.message);
    case Code::kNotFound:
      return Api::problem(404, "not found", error.message);
    case Code::kConflict:
      return Api::problem(409, "not possible now", error.message);
    case Code::kOverloaded:
    case Code::kUnavailable:
    case Code::kUnknown:
    case Code::kCorrupt:
    case Code::kCancelled:
      break;
  }
  HttpResponse response = Api::problem(503, "not available", error.message);
  response.headers.add("Retry-After", "2");
  return response;
}

std::map<std::string, std::string, std::less<>> query_of(const HttpRequest& request) {
  std::map<std::string, std::string, std::less<>> query;
  for (const std::string_view pair : split(request.query(), '&')) {
    const std::size_t equals = pair.find('=');
    auto name = percent_decode(pair.substr(0, equals));
    auto value =
        percent_decode(equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1));
    if (name && value && !name->empty()) query[*name] = *value;
  }
  return query;
}

// What a list may be narrowed by, per kind.
const std::vector<std::string>& filters_of(std::string_view kind) {
  static const std::vector<std::string> deliveries{"source", "hook", "verdict", "event", "limit", "after"};
  static const std::vector<std::string> events{"source", "hook",  "namespace", "name",
                                               "phase",  "limit", "after"};
  static const std::vector<std::string> runs{"workflow", "state", "event", "limit", "after"};
  return kind == "deliveries" ? deliveries : kind == "events" ? events : runs;
}

std::string_view prefix_of(std::string_view kind) {
  return kind == "deliveries" ? DeliveryTag::kPrefix : kind == "events" ? EventTag::kPrefix : RunTag::kPrefix;
}

struct Asked {
  store::Filter filter;
  store::Page page;
};

Result<Asked> asked_of(std::string_view kind, const std::map<std::string, std::string, std::less<>>& query) {
  Asked asked;
  const std::vector<std::string>& known = filters_of(kind);
  for (const auto& [name, value] : query) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      const std::string near = nearest(name, known);
      return Error(Code::kInvalid,
                   "unknown parameter '" + name.substr(0, 40) + "'; " +
                       (near.empty() ? "there is " + join(known, ", ") : "did you mean '" + near + "'?"));
    }
    if (name == "limit") {
      std::size_t limit = 0;
      const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), limit);
      if (ec != std::errc() || end != value.data() + value.size() || limit == 0 || limit > kPageMax) {
        return Error(Code::kInvalid, "limit must be a number from 1 to " + std::to_string(kPageMax));
      }
      asked.page.limit = limit;
    } else if (name == "after") {
      TRY(asked.page.after, parse_id(prefix_of(kind), value));
    } else if (name == "event") {
      TRY(asked.filter.event, parse_id(EventTag::kPrefix, value));
    } else if (name == "state" && !run_state_named(value)) {
      return Error(Code::kInvalid, "unknown state '" + value.substr(0, 40) +
                                       "'; there is queued, running, waiting, succeeded, failed, cancelled");
    } else {
      (name == "source"      ? asked.filter.source
       : name == "hook"      ? asked.filter.hook
       : name == "verdict"   ? asked.filter.verdict
       : name == "namespace" ? asked.filter.name_space
       : name == "name"      ? asked.filter.name
       : name == "phase"     ? asked.filter.phase
       : name == "workflow"  ? asked.filter.workflow
                             : asked.filter.state) = value;
    }
  }
  return asked;
}

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
  const json::object body{{"type", "about:blank"}, {"status", status}, {"title", title}, {"detail", detail}};
  return answer(status, "application/problem+json", json::serialize(body) + "\n");
}

http::HeadVerdict Api::head(const HttpRequest& request, bool headers_too_large) const {
  if (headers_too_large) return problem(431, "headers too large", "the headers are larger than 16 KiB");
  if (request.method != "GET" && request.method != "HEAD" && request.method != "POST") {
    HttpResponse response = problem(405, "method not allowed", "use GET, or POST where the API says so");
    response.headers.add("Allow", "GET, HEAD, POST");
    return response;
  }
  return http::ReadBody{kBodyMax};
}

Result<Api::Caller> Api::caller(const HttpRequest& request) const {
  if (options_.tokens.empty()) {
    // The listener is on loopback; a page of another origin that a browser was led to must not act through
    // it.
    const std::string_view host = request.headers.get("Host");
    const std::string_view name =
        host.starts_with("[") ? host.substr(0, host.find(']') + 1) : host.substr(0, host.find(':'));
    if (name != "localhost" && !name.starts_with("127.") && name != "[::1]") {
      return Error(Code::kDenied, "without access.tokens the API answers only calls to localhost");
    }
    const std::string* origin = request.headers.find("Origin");
    if (origin != nullptr && *origin != "http://" + std::string(host))
      return Error(Code::kDenied, "calls from another origin are refused");
    return Caller{"local", Role::kAdmin};
  }
  const std::string_view authorization = request.headers.get("Authorization");
  const bool bearer = authorization.size() > 7 && equal_ignoring_case(authorization.substr(0, 7), "Bearer ");
  const std::string_view given = bearer ? trim(authorization.substr(7)) : std::string_view();
  Caller found;
  for (const Token& token : options_.tokens) {  // all of them, whatever matches: the time tells nothing
    for (const SecretRef& ref : token.secrets) {
      const auto secret = options_.secrets(ref);
      if (secret && equal_in_constant_time(*secret, given)) found = {token.name, token.role};
    }
  }
  if (found.role == Role::kNone)
    return Error(Code::kNotFound,
                 bearer ? "the token is not known" : "a token is needed: Authorization: Bearer …");
  return found;
}

rt::Task<Result<HttpResponse>> Api::health(HttpRequest request) {
  const std::string_view path = request.path();
  if (path == "/healthz") co_return answer(200, "text/plain; charset=utf-8", "ok\n");
  if (path == "/readyz") {
    if (!ready) co_return problem(503, "not ready", "starting, or shutting down");
    if (pipeline_.refused_lately())
      co_return problem(503, "not ready", "the store had no room for a call just now");
    AWAIT(const Status writable, store_.writable());
    if (!writable)
      co_return problem(503, "not ready", "the store cannot be written: " + writable.error().message);
    co_return answer(200, "text/plain; charset=utf-8", "ready\n");
  }
  if (path == "/metrics" && !options_.metrics_need_token) {
    AWAIT(HttpResponse text, exposition());
    co_return text;
  }
  co_return Error(Code::kNotFound, "no such path");
}

rt::Task<HttpResponse> Api::handle(HttpRequest request) {
  AWAIT(auto health_answer, health(request));
  if (health_answer) co_return std::move(*health_answer);
  const bool get = request.method != "POST";
  if (request.path() == "/" && get) {
    HttpResponse page = answer(200, "text/html; charset=utf-8", std::string(embedded("page.html")));
    page.headers.add(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'");
    co_return page;
  }
  const auto who = caller(request);
  if (!who) {
    const bool unknown = who.error().code == Code::kNotFound;
    HttpResponse response =
        problem(unknown ? 401 : 403, unknown ? "who are you" : "not allowed", who.error().message);
    if (unknown) response.headers.add("WWW-Authenticate", "Bearer");
    co_return response;
  }
  std::vector<std::string> path;
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
    Query query = query_of(request);
    AWAIT(HttpResponse response, read(std::move(path), std::move(query)));
    co_return response;
  }
  if (who->role < Role::kOperator) co_return problem(403, "not allowed", "this needs the role operator");
  AWAIT(HttpResponse response, act(std::move(path), std::move(request.body), *who));
  co_return response;
}

rt::Task<HttpResponse> Api::read(std::vector<std::string> path, Query query) {
  const std::string& kind = path[0];
  const bool listed = kind == "deliveries" || kind == "events" || kind == "runs";
  if (listed && path.size() == 1) {
    AWAIT(HttpResponse response, list(kind, std::move(query)));
    co_return response;
  }
  if (listed && path.size() == 2) {
    AWAIT(HttpResponse response, show(kind, path[1]));
    co_return response;
  }
  if (kind == "config" && path.size() == 1) co_return json_answer(view_of(config));
  if (kind == "audit" && path.size() == 2 && path[1] == "verify") {
    AWAIT(const auto verified, store_.verify_audit());
    if (!verified) co_return problem_of(verified.error());
    co_return json_answer(
        json::object{{"intact", verified->empty()},
                     {"firstBad", verified->empty() ? json::value(nullptr) : json::value(*verified)}});
  }
  co_return problem(404, "not found", "there is deliveries, events, runs, config, audit/verify");
}

rt::Task<HttpResponse> Api::list(std::string kind, Query query) {
  const auto asked = asked_of(kind, query);
  if (!asked) co_return problem_of(asked.error());
  const std::size_t limit = asked->page.limit;
  if (kind == "deliveries") {
    AWAIT(const auto rows, store_.deliveries(asked->filter, asked->page));
    co_return page_of(rows, limit, [](const Delivery& d) { return view_of(d, false); });
  }
  if (kind == "events") {
    AWAIT(const auto rows, store_.events(asked->filter, asked->page));
    co_return page_of(rows, limit, [](const Event& e) { return view_of(e); });
  }
  AWAIT(const auto rows, store_.runs(asked->filter, asked->page));
  co_return page_of(rows, limit, [](const Run& r) { return view_of(r); });
}

rt::Task<HttpResponse> Api::show(std::string kind, std::string id) {
  const auto value = parse_id(prefix_of(kind), id);
  if (!value) co_return problem_of(value.error());
  if (kind == "deliveries") {
    AWAIT(const auto row, store_.delivery(DeliveryId{*value}));
    co_return row ? json_answer(view_of(*row, true)) : problem_of(row.error());
  }
  if (kind == "events") {
    AWAIT(const auto row, store_.event(EventId{*value}));
    co_return row ? json_answer(view_of(*row)) : problem_of(row.error());
  }
  AWAIT(const auto row, store_.run(RunId{*value}));
  co_return row ? json_answer(view_of(*row)) : problem_of(row.error());
}

rt::Task<HttpResponse> Api::act(std::vector<std::string> path, std::string body, Caller who) {
  if (path.size() != 3 || path[0] != "runs" || (path[2] != "retry" && path[2] != "resume")) {
    co_return problem(404, "not found", "there is POST runs/{id}/retry and runs/{id}/resume");
  }
  const auto run = RunId::parse(path[1]);
  if (!run) co_return problem_of(run.error());
  const auto asked = parse_json(body.empty() ? "{}" : body);
  if (!asked || !asked->is_object()) co_return problem(400, "invalid", "the body must be a JSON object");

  if (path[2] == "retry") {
    const json::value* stale = find(*asked, "stale");
    if (stale != nullptr && !stale->is_bool())
      co_return problem(400, "invalid", "stale must be true or false");
    AWAIT(const Status done, pipeline_.retry(*run, stale != nullptr && stale->get_bool(), who.name));
    if (!done) co_return problem_of(done.error());
  } else {
    const std::string step(find_text(*asked, "step"));
    const std::string_view as = find_text(*asked, "as");
    if (step.empty()) co_return problem(400, "invalid", "step must name the held step, by its id or number");
    if (as != "done" && as != "repeat" && as != "fail")
      co_return problem(400, "invalid", "as must be done, repeat or fail");
    const store::ResumeAs how = as == "done"     ? store::ResumeAs::kDone
                                : as == "repeat" ? store::ResumeAs::kRepeat
                                                 : store::ResumeAs::kFail;
    AWAIT(const Status done, pipeline_.resume(*run, step, how, who.name));
    if (!done) co_return problem_of(done.error());
  }
  AWAIT(HttpResponse after, show("runs", run->text()));
  co_return after;
}

rt::Task<HttpResponse> Api::exposition() {
  AWAIT(const auto counts, store_.counts());
  if (counts) {
    metrics_.set("postlude_events_waiting", "Accepted events that are not planned yet.", {},
                 static_cast<double>(counts->unplanned));
    for (const auto& [state, count] : counts->runs) {
      metrics_.set("postlude_runs", "Runs by state.", {{"state", state}}, static_cast<double>(count));
    }
    metrics_.set("postlude_store_bytes", "Size of the database and its log.", {},
                 static_cast<double>(counts->bytes));
    metrics_.set("postlude_steps_due", "Steps whose time has come and that nobody works on.", {},
                 static_cast<double>(counts->due));
    const double age =
        counts->oldest_due ? static_cast<double>((rt::now() - *counts->oldest_due).count()) / 1e6 : 0;
    metrics_.set("postlude_queue_age_seconds", "How long the oldest of them has been due.", {},
                 std::max(age, 0.0));
  }
  metrics_.set("postlude_build_info", "What runs here.", {{"version", POSTLUDE_VERSION}}, 1);
  const store::Stats stats = store_.stats();
  metrics_.set("postlude_store_commits", "Commits since the start.", {}, static_cast<double>(stats.commits));
  metrics_.set("postlude_store_commands", "Commands committed since the start.", {},
               static_cast<double>(stats.commands));
  metrics_.set("postlude_store_commit_seconds", "Time spent in commits since the start.", {},
               static_cast<double>(stats.commit_micros) / 1e6);
  co_return answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics_.exposition());
}

}  // namespace postlude::api
