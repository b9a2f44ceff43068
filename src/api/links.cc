#include "api/links.h"

#include <charconv>

#include "api/answers.h"
#include "api/approval.h"
#include "api/embedded.h"
#include "base/log.h"
#include "base/text.h"

namespace postlude::api {

namespace {

using pipeline::Link;
using pipeline::LinkKind;

constexpr std::size_t kCallbackMax = 1U << 20U;
constexpr std::size_t kFormMax = 16U << 10U;
constexpr std::size_t kCommentMax = 4'000;

constexpr std::string_view kCallbacks = "/callbacks/";
constexpr std::string_view kLinks = "/links/";

// The same answer for every kind of wrong link.
HttpResponse unknown() {
  return problem(404, "not found", "no such callback or link");
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

HttpResponse html(int status, std::string_view title, const std::string& body) {
  std::string text(embedded("link.html"));
  const auto fill = [&text](std::string_view mark, std::string_view with) {
    const std::size_t at = text.find(mark);
    if (at != std::string::npos) text.replace(at, mark.size(), with);
  };
  fill("{{title}}", escaped(title));
  fill("{{body}}", body);
  HttpResponse page = answer(status, "text/html; charset=utf-8", std::move(text));
  page.headers.add("Content-Security-Policy",
                   "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors "
                   "'none'; base-uri 'none'");
  page.headers.add("X-Robots-Tag", "noindex, nofollow");
  page.headers.add("Referrer-Policy", "same-origin");
  return page;
}

// application/x-www-form-urlencoded; a broken escape, or what is no UTF-8, makes nothing of its field.
std::string field_of(std::string_view body, std::string_view wanted) {
  for (const std::string_view pair : split(body, '&')) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos || pair.substr(0, equals) != wanted) continue;
    std::string value(pair.substr(equals + 1));
    std::replace(value.begin(), value.end(), '+', ' ');
    auto plain = percent_decode(value);
    if (plain && valid_utf8(*plain)) return *std::move(plain);
  }
  return {};
}

std::string media_type(const HttpRequest& request) {
  return lower(trim(split(request.headers.get("Content-Type"), ';').front()));
}

// Deeper than JSON may be here: then it is no text that happens to begin with a bracket.
bool too_deep(std::string_view text) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// The value of a callback as JSON: JSON unchanged, other text as a string, an empty body as null.
Result<std::string> value_of(const HttpRequest& request) {
  const std::string_view body = request.body;
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return std::string("null");
  if (!valid_utf8(body)) return Error(Code::kInvalid, "the body is not valid UTF-8");
  if (auto parsed = parse_json(body)) return std::string(body);
  const std::string type = media_type(request);
  const bool declared = type == "application/json" || type.ends_with("+json");
  if (declared) {
    const auto parsed = parse_json(body);
    return Error(Code::kInvalid, parsed.error().message);
  }
  if ((body.front() == '{' || body.front() == '[') && too_deep(body))
    return Error(Code::kInvalid, "the body is nested deeper than " + std::to_string(kJsonDepthMax));
  return to_text(json::string(body));
}

bool compressed(const HttpRequest& request) {
  const std::string_view coding = trim(request.headers.get("Content-Encoding"));
  return !coding.empty() && !equal_ignoring_case(coding, "identity");
}

std::uint64_t announced_length(const HttpRequest& request) {
  const std::string_view text = trim(request.headers.get("Content-Length"));
  std::uint64_t length = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), length);
  return read.ec == std::errc::result_out_of_range ? UINT64_MAX : length;
}

std::string label_of(const Step& step) {
  return step.name.empty() ? step.title : step.name;
}

// The state of the step that a link is for.
struct Found {
  store::RunBrief run;
  const Step* step = nullptr;
  const Answer* answer = nullptr;

  bool ended() const { return terminal(run.run.state) || terminal(step->state); }
};

std::string state_words(const Found& found) {
  if (found.answer != nullptr) {
    const char* what = found.answer->kind == AnswerKind::kApproved   ? "approved"
                       : found.answer->kind == AnswerKind::kRejected ? "rejected"
                                                                     : "answered";
    return std::string("The step was already ") + what + " by " + found.answer->by + " at " +
           to_rfc3339(found.answer->at) + ".";
  }
  if (terminal(found.run.run.state))
    return "The run has ended: it is " + std::string(to_text(found.run.run.state)) + ".";
  if (terminal(found.step->state))
    return "The step has ended: it is " + std::string(to_text(found.step->state)) + ".";
  return {};
}

std::optional<Found> found_in(store::RunBrief detail, const Link& link) {
  Found found;
  found.run = std::move(detail);
  if (link.step >= found.run.run.steps.size()) return std::nullopt;
  found.step = &found.run.run.steps[link.step];
  const bool callback = link.kind == LinkKind::kCallback;
  if (found.step->uses != (callback ? "callback" : "approval")) return std::nullopt;
  const auto answer = found.run.answers.find(link.step);
  if (answer != found.run.answers.end()) found.answer = &answer->second;
  return found;
}

void term(std::string& out, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  out += "<dt>" + std::string(name) + "</dt><dd>" + escaped(value) + "</dd>\n";
}

std::string facts_of(const Found& found, const Event& event) {
  const Approval asked = approval_of(*found.step);
  std::string out = "<h1>" + escaped(found.step->title) + "</h1>\n<p class=\"asked\">" +
                    escaped(asked.message.empty() ? "Approval required." : asked.message) + "</p>\n<dl>\n";
  term(out, "Workflow", found.run.run.workflow);
  if (!event.name.empty())
    term(out, "Canary", event.name_space.empty() ? event.name : event.name_space + "/" + event.name);
  term(out, "Phase", event.phase);
  term(out, "Run", found.run.run.id.text());
  if (found.run.run.people_since) term(out, "Asked", to_rfc3339(*found.run.run.people_since));
  return out + "</dl>\n";
}

std::string form_of(const Link& link, const Approval& asked) {
  const bool approve = link.kind == LinkKind::kApprove;
  std::string out = "<form method=\"post\">\n";
  if (!asked.approvers.empty()) {
    out += "<p class=\"soft\">May answer: " + escaped(join(asked.approvers, ", ")) +
           "</p>\n<label for=\"token\">Your API token</label>\n<input id=\"token\" name=\"token\" "
           "type=\"password\" autocomplete=\"off\" required>\n";
  }
  out +=
      "<label for=\"comment\">Comment <span class=\"soft\">(optional)</span></label>\n<textarea "
      "id=\"comment\" name=\"comment\" rows=\"3\" maxlength=\"1000\"></textarea>\n";
  return out + "<button class=\"" + (approve ? "approve" : "reject") + "\">" +
         (approve ? "Approve" : "Reject") + "</button>\n</form>\n";
}

std::string told(std::string_view text) {
  return "<p class=\"state\" role=\"status\">" + escaped(text) + "</p>\n";
}

}  // namespace

bool Links::owns(const HttpRequest& request) {
  return request.path().starts_with(kCallbacks) || request.path().starts_with(kLinks);
}

std::optional<Link> Links::link_of(const HttpRequest& request) const {
  std::string_view path = request.path();
  const bool callback = path.starts_with(kCallbacks);
  path.remove_prefix(callback ? kCallbacks.size() : kLinks.size());
  if (path.ends_with('/')) path.remove_suffix(1);
  auto link = pipeline::read_link(store_.secret(), path);
  if (link && (link->kind == LinkKind::kCallback) != callback) return std::nullopt;
  return link;
}

http::HeadVerdict Links::head(const HttpRequest& request, bool headers_too_large) const {
  const auto link = link_of(request);
  if (!link) return unknown();
  const bool callback = link->kind == LinkKind::kCallback;
  const bool reads = !callback && (request.method == "GET" || request.method == "HEAD");
  if (request.method != "POST" && !reads) {
    HttpResponse response =
        problem(405, "method not allowed",
                callback ? "a callback takes POST only" : "a link takes GET, HEAD and POST");
    response.headers.add("Allow", callback ? "POST" : "GET, HEAD, POST");
    return response;
  }
  if (headers_too_large) return problem(431, "headers too large", "the headers are larger than 16 KiB");
  if (reads) return http::ReadBody{0};
  if (compressed(request)) return problem(415, "unsupported media type", "the body must not be compressed");
  if (!callback && media_type(request) != "application/x-www-form-urlencoded")
    return problem(415, "unsupported media type",
                   "the page's button sends application/x-www-form-urlencoded");
  const std::size_t most = callback ? kCallbackMax : kFormMax;
  if (announced_length(request) > most) return too_large(request);
  return http::ReadBody{most};
}

HttpResponse Links::too_large(const HttpRequest& request) const {
  const std::size_t most = request.path().starts_with(kCallbacks) ? kCallbackMax : kFormMax;
  return problem(413, "content too large", "the body is larger than " + std::to_string(most) + " bytes");
}

rt::Task<HttpResponse> Links::handle(HttpRequest request) {
  if (stopping) co_return problem(503, "not available", "shutting down");
  const auto link = link_of(request);
  if (!link) co_return unknown();
  if (link->kind == LinkKind::kCallback) {
    AWAIT(HttpResponse response, call_back(*link, std::move(request)));
    co_return response;
  }
  if (request.method == "POST") {
    AWAIT(HttpResponse response, press(*link, std::move(request)));
    co_return response;
  }
  AWAIT(HttpResponse response, page(*link, std::move(request)));
  co_return response;
}

rt::Task<HttpResponse> Links::call_back(Link link, HttpRequest request) {
  auto value = value_of(request);
  if (!value) co_return problem_of(value.error());
  Answer given;
  given.kind = AnswerKind::kCallback;
  given.by = request.remote;
  given.body = std::move(*value);
  given.at = rt::now();
  AWAIT(const Status kept, store_.answer(link.run, link.step, std::move(given)));
  const bool settled = !kept && (kept.error().code == Code::kConflict);
  if (!kept && !settled)
    co_return kept.error().code == Code::kNotFound ? unknown() : problem_of(kept.error());
  AWAIT(auto detail, store_.brief(link.run));
  const auto found = detail ? found_in(std::move(*detail), link) : std::nullopt;
  if (kept && !found)  // it is taken, whatever cannot be read just now
    co_return json_answer(json::object{{"run", link.run.text()}, {"step", std::to_string(link.step)}}, 202);
  if (!detail) co_return problem_of(detail.error());
  if (!found) co_return unknown();
  if (settled) {
    co_return found->answer != nullptr
        ? problem(409, "used already", "this callback was already used at " + to_rfc3339(found->answer->at))
        : problem(410, "gone", "the step or run has ended");
  }
  log::info("called back",
            {{"run", link.run.text()}, {"step", label_of(*found->step)}, {"by", request.remote}});
  co_return json_answer(json::object{{"run", link.run.text()}, {"step", label_of(*found->step)}}, 202);
}

rt::Task<HttpResponse> Links::page(Link link, HttpRequest request) {
  (void)request;
  AWAIT(auto detail, store_.brief(link.run));
  if (!detail) co_return detail.error().code == Code::kNotFound ? unknown() : problem_of(detail.error());
  const auto found = found_in(std::move(*detail), link);
  if (!found) co_return unknown();
  AWAIT(const auto event, store_.event(found->run.run.event));
  if (!event) co_return problem_of(event.error());
  std::string body = facts_of(*found, event->event);
  const std::string state = state_words(*found);
  if (!state.empty()) {
    body += told(state);
  } else if (found->step->state != StepState::kWaiting) {
    body += told(
        "The step does not wait for an answer yet. Open this link again when you are told that it does.");
  } else {
    body += form_of(link, approval_of(*found->step));
  }
  co_return html(200, found->step->title, body);
}

// A form that some other page made is not ours.
bool Links::same_page(const HttpRequest& request) const {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return false;
  const std::string* origin = request.headers.find("Origin");
  if (origin == nullptr) return true;  // no browser
  const std::size_t scheme = origin->find("://");
  if (scheme == std::string::npos) return false;
  if (origin->substr(scheme + 3) == request.headers.get("Host")) return true;
  const std::string& known = pipeline_.rules().public_url();
  return known.starts_with(*origin) && (known.size() == origin->size() || known[origin->size()] == '/');
}

rt::Task<HttpResponse> Links::press(Link link, HttpRequest request) {
  if (!same_page(request))
    co_return html(403, "not allowed", told("Only the button on this page can answer. Nothing was changed."));
  AWAIT(auto detail, store_.brief(link.run));
  if (!detail) co_return detail.error().code == Code::kNotFound ? unknown() : problem_of(detail.error());
  const auto found = found_in(std::move(*detail), link);
  if (!found) co_return unknown();
  const std::string state = state_words(*found);
  const std::string heading = "<h1>" + escaped(found->step->title) + "</h1>\n";
  if (!state.empty()) {
    co_return html(found->answer != nullptr ? 409 : 410, found->step->title,
                   heading + told(state + " Nothing was changed."));
  }
  if (found->step->state != StepState::kWaiting)
    co_return html(409, found->step->title,
                   heading + told("The step does not wait for an answer yet. Nothing was changed."));

  Answer given;
  given.kind = link.kind == LinkKind::kApprove ? AnswerKind::kApproved : AnswerKind::kRejected;
  given.by = "link";
  const Approval asked = approval_of(*found->step);
  if (!asked.approvers.empty()) {
    const auto who = access_.known(trim(field_of(request.body, "token")));
    const bool may = who && who->role >= Role::kOperator && !not_among(asked.approvers, *who);
    if (!may) {
      co_return html(403, found->step->title,
                     heading +
                         told("This needs the API token of one of: " + join(asked.approvers, ", ") +
                              ", with the role operator. Nothing was changed.") +
                         form_of(link, asked));
    }
    given.by = who->name;
  }
  std::string comment = field_of(request.body, "comment").substr(0, kCommentMax);
  while (!valid_utf8(comment))
    comment.pop_back();
  given.body = to_text(json::object{{"comment", comment}});
  given.at = rt::now();
  const bool approved = given.kind == AnswerKind::kApproved;
  const std::string by = given.by;
  const std::string remote = request.remote;
  AWAIT(const Status kept, store_.answer(link.run, link.step, std::move(given)));
  if (!kept && kept.error().code == Code::kConflict) {
    co_return html(409, found->step->title,
                   heading + told("The step was already answered, or has ended. Nothing was changed."));
  }
  if (!kept) co_return problem_of(kept.error());
  log::info("a person acted", {{"act", approved ? "approve" : "reject"},
                               {"by", by},
                               {"run", link.run.text()},
                               {"step", label_of(*found->step)},
                               {"remote", remote}});
  co_return html(200, found->step->title,
                 heading + told(approved ? "Approved. Thank you." : "Rejected. Thank you."));
}

}  // namespace postlude::api
