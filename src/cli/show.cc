#include "cli/show.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <set>

#include "base/printable.h"
#include "base/text.h"
#include "base/time.h"
#include "cli/answer.h"
#include "cli/terminal.h"
#include "rt/loop.h"

namespace postlude::cli {

namespace {

// As one line for a cell: text bare, nothing for null, other values as JSON.
std::string cell(const json::value* value) {
  if (value == nullptr || value->is_null()) return "";
  return printable(value->is_string() ? std::string(view(value->get_string())) : to_text(*value),
                   Lines::kBlank);
}

std::string cell(const json::value& object, std::string_view key) {
  return cell(find(object, key));
}

std::string shorter(std::string_view text, std::size_t most) {
  return cut_to(printable(text, Lines::kBlank), most);
}

bool plain_yaml(std::string_view text) {
  if (text.empty() || text.size() > 200 || !is_printable(text)) return false;
  const std::string_view first = "-?:,[]{}#&*!|>'\"%@` ";
  if (first.find(text.front()) != std::string_view::npos || text.back() == ' ' || text.back() == ':')
    return false;
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  for (const std::string_view word : {"true", "false", "null", "~", "yes", "no", "on", "off", "y", "n"}) {
    if (equal_ignoring_case(text, word)) return false;
  }
  // Some readers may take a text that begins like a number for a number.
  return std::string_view("0123456789+.").find(text.front()) == std::string_view::npos;
}

std::string scalar_yaml(const json::value& value) {
  if (value.is_string() && plain_yaml(view(value.get_string()))) return std::string(view(value.get_string()));
  return to_text(value);  // JSON is YAML
}

void put_yaml(std::string& out, const json::value& value, std::size_t indent) {
  const auto nested = [](const json::value& v) {
    return (v.is_object() && !v.get_object().empty()) || (v.is_array() && !v.get_array().empty());
  };
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      out.append(indent, ' ');
      out += scalar_yaml(json::string(member.key()));
      out += ':';
      if (nested(member.value())) {
        out += '\n';
        put_yaml(out, member.value(), indent + 2);
      } else {
        out += ' ' + scalar_yaml(member.value()) + '\n';
      }
    }
    return;
  }
  for (const json::value& item : value.get_array()) {
    out.append(indent, ' ');
    if (nested(item)) {
      std::string inner;
      put_yaml(inner, item, indent + 2);
      out += "- " + inner.substr(indent + 2);
    } else {
      out += "- " + scalar_yaml(item) + '\n';
    }
  }
}

void line(std::string& out, std::string_view name, const std::string& value) {
  if (value.empty()) return;
  out += name;
  out.append(name.size() < 12 ? 12 - name.size() : 1, ' ');
  out += value + "\n";
}

// `said`: what stands above it already.
std::string request_line(const json::value& request, const std::string& said) {
  std::string text = cell(request, "method") + " " + shorter(cell(request, "url"), 100) + " -> ";
  const std::string status = cell(request, "status");
  const json::value* response = find(request, "response");
  const bool answered = response != nullptr && !response->is_null();  // a database's answer has no status
  text += status.empty() && !answered ? "no answer, " : status.empty() ? "" : status + " ";
  text += cell(request, "result");
  const std::string why = cell(request, "why");
  if (!why.empty() && said.find(why) == std::string::npos) text += ": " + shorter(why, 160);
  return text;
}

// An expression with the values it saw: "`.event.phase == "Failed"` is false; .event.phase was "Succeeded"".
std::string condition_text(const json::value& condition) {
  std::string out = "`" + cell(condition, "expression") + "`";
  const std::string error = cell(condition, "error");
  const json::value* result = find(condition, "result");
  out += error.empty() ? " is " + (result == nullptr ? "?" : to_text(*result)) : ": " + error;
  const json::value* values = find(condition, "values");
  if (values == nullptr || !values->is_object()) return out;
  std::string between = "; ";
  for (const auto& member : values->get_object()) {
    out += between + std::string(member.key()) + " was " + shorter(to_text(member.value()), 120);
    between = ", ";
  }
  return out;
}

// Which of the list it belongs to, what it needs, and which element it is of: "(after 1, 2; element 7)".
std::string place_of(const json::value& step) {
  std::vector<std::string> parts;
  const std::string list = cell(step, "list");
  if (!list.empty() && list != "steps") parts.push_back(list);
  const json::value* needs = find(step, "needs");
  if (needs != nullptr && needs->is_array() && !needs->get_array().empty()) {
    std::vector<std::string> numbers;
    for (const json::value& one : needs->get_array())
      numbers.push_back(to_text(one));
    parts.push_back("after " + join(numbers, ", "));
  }
  const std::string of = cell(step, "elementOf");
  if (!of.empty()) parts.push_back("element of " + of + ": " + shorter(cell(step, "item"), 80));
  const std::string announces = cell(step, "announces");
  if (!announces.empty()) parts.push_back("announces " + announces);
  return parts.empty() ? "" : " (" + join(parts, "; ") + ")";
}

void put_attempts(std::string& out, const json::value& step, const std::string& reason) {
  const json::value* attempts = find(step, "attempts");
  if (attempts == nullptr || !attempts->is_array()) return;
  const std::string all = cell(step, "attemptsInAll");
  if (!all.empty() && all != std::to_string(attempts->get_array().size()))
    out += "     the newest of " + all + " attempts:\n";
  for (const json::value& attempt : attempts->get_array()) {
    const std::string outcome = cell(attempt, "outcome");
    const std::string began = cell(attempt, "startedAt");  // 2027-02-15T09:00:00.123Z
    const bool whole = began.size() > 19 && began[10] == 'T';
    out += "     attempt " + cell(attempt, "number") + (whole ? " (" + began.substr(11, 8) + "Z)" : "") +
           ": " + (outcome.empty() ? "under way" : outcome);
    const std::string why = cell(attempt, "why");
    if (!why.empty() && why != reason) out += " - " + shorter(why, 160);
    out += "\n";
    for (const json::value& request : list_in(attempt, "requests"))
      out += "       " + request_line(request, why) + "\n";
  }
}

bool ended(std::string_view state) {
  return state == "succeeded" || state == "failed" || state == "cancelled";
}

// How long that is, as two units at most: 4m10s, 3h5m, 12d.
std::string rough(double seconds) {
  const auto whole = static_cast<std::int64_t>(std::max(0.0, seconds));
  const auto both = [](std::int64_t much, const char* unit, std::int64_t rest, const char* smaller) {
    return std::to_string(much) + unit + (rest == 0 ? "" : std::to_string(rest) + smaller);
  };
  if (whole < 60) return std::to_string(whole) + "s";
  if (whole < 3600) return both(whole / 60, "m", whole % 60, "s");
  if (whole < 48 * 3600) return both(whole / 3600, "h", whole / 60 % 60, "m");
  return std::to_string(whole / 86400) + "d";
}

std::optional<double> seconds_since(const std::string& time) {
  const auto at = parse_rfc3339(time);
  if (!at) return std::nullopt;
  return static_cast<double>((rt::now() - *at).count()) / 1e6;
}

std::string canary_of(const json::value& item) {
  const std::string name = cell(item, "name");
  return name.empty() ? "-" : cell(item, "namespace") + "/" + name;
}

std::string version_of(const json::value& run) {
  return cell(run, "version");
}

// From its start to its end, or until now; "-" where it has not begun.
std::string duration_of(const json::value& run) {
  const auto begun = parse_rfc3339(cell(run, "startedAt"));
  const auto over = parse_rfc3339(cell(run, "finishedAt"));
  if (!begun) return "-";
  const double seconds = static_cast<double>(((over ? *over : rt::now()) - *begun).count()) / 1e6;
  return !over || seconds >= 1 ? rough(seconds) : std::to_string(static_cast<int>(seconds * 1000)) + "ms";
}

// Why it ended, or why the attempt before failed of what is tried again.
std::string reason_of(const json::value& run) {
  const std::string reason = cell(run, "reason");
  const json::array& again = list_in(run, "retrying");
  return reason.empty() && !again.empty() ? cell(again.front(), "reason") : reason;
}

// Who is waited for: the steps that are held or ask people, of a list's run or of a whole one.
bool any_step(const json::value& run, std::string_view flag, std::string_view wanted) {
  const json::array& waiting = list_in(run, "waitingSteps");
  const json::array& steps = list_in(run, "steps");
  return std::any_of(waiting.begin(), waiting.end(),
                     [&](const json::value& step) { return cell(step, "for") == wanted; }) ||
         std::any_of(steps.begin(), steps.end(),
                     [&](const json::value& step) { return flag_in(step, flag); });
}

// Adds the pauses that hold a due run.
void put_pauses(std::string& out, const json::value& run) {
  const json::value* pauses = find(run, "pausedBy");
  if (pauses == nullptr || !pauses->is_array()) return;
  for (const json::value& pause : pauses->get_array()) {
    const std::string name = cell(pause, "name");
    const std::string why = cell(pause, "reason");
    line(out, "paused",
         cell(pause, "kind") + (name.empty() ? "" : " " + name) + " is paused by " + cell(pause, "by") +
             " since " + cell(pause, "at") + (why.empty() ? "" : ": " + shorter(why, 160)));
  }
}

// What decided about a step: its state and reason, and its condition.
std::string decision_of(const json::value& step) {
  std::string out =
      "  " + cell(step, "number") + ". " + cell(step, "name") + place_of(step) + ": " + cell(step, "state");
  if (flag_in(step, "held")) out += ", held, answer with runs resume";
  if (flag_in(step, "asks")) out += ", answer with runs approve or runs reject";
  const std::string reason = cell(step, "reason");
  if (!reason.empty()) out += " - " + shorter(reason, 200);
  const std::string due = cell(step, "dueAt");
  return due.empty() ? out : out + " (due " + due + ")";
}

void put_condition(std::string& out, const json::value& step) {
  const json::value* trace = find(step, "trace");
  const json::value* condition = trace == nullptr ? nullptr : find(*trace, "if");
  if (condition != nullptr) out += "     if " + condition_text(*condition) + "\n";
}

void put_steps(std::string& out, const json::value& run) {
  const json::value* steps = find(run, "steps");
  if (steps == nullptr || !steps->is_array()) return;
  for (const json::value& step : steps->get_array()) {
    const std::string reason = cell(step, "reason");
    out += decision_of(step) + "\n";
    if (flag_in(step, "held")) {
      out += "     to answer: postlude runs resume " + cell(run, "id") + " --step " + cell(step, "number") +
             " --as done (it had its effect; --outputs says what it yielded), "
             "repeat (it had none) or fail\n";
    }
    const std::string waits = cell(step, "waitsFor");
    if (!waits.empty()) out += "     waits for " + shorter(waits, 200) + "\n";
    put_condition(out, step);
    const json::value* answer = find(step, "answer");
    if (answer != nullptr && answer->is_object()) {
      out += "     " + cell(*answer, "kind") + " by " + cell(*answer, "by") + " at " + cell(*answer, "at") +
             "\n";
    }
    put_attempts(out, step, reason);
    const std::string outputs = cell(step, "outputs");
    if (!outputs.empty() && outputs != "{}") out += "     outputs " + shorter(outputs, 200) + "\n";
  }
}

std::string run_text(const json::value& run) {
  std::string out;
  line(out, "run", cell(run, "id"));
  line(out, "workflow", cell(run, "workflow"));
  line(out, "event", cell(run, "event"));
  if (!cell(run, "name").empty()) {
    line(out, "canary", canary_of(run));
    line(out, "version", version_of(run));
  }
  line(out, "state", state_of(run));
  line(out, "reason", cell(run, "reason"));
  line(out, "cancel", cell(run, "cancel"));
  line(out, "replay of", cell(run, "replayOf"));
  if (flag_in(run, "dismissed")) line(out, "dismissed", "yes");
  if (flag_in(run, "shadow")) line(out, "shadow", "yes: only reads were sent");
  line(out, "created", cell(run, "createdAt"));
  line(out, "finished", cell(run, "finishedAt"));
  line(out, "duration", duration_of(run));
  line(out, "waits for", shorter(cell(run, "waitsFor"), 300));
  put_pauses(out, run);
  put_steps(out, run);
  return out;
}

// A run with what decided how it goes; what was sent stands in `runs show`.
std::string run_explained(const json::value& run) {
  std::string out = cell(run, "id") + " (" + cell(run, "workflow") + "): " + state_of(run);
  const std::string reason = cell(run, "reason");
  if (!reason.empty()) out += " - " + shorter(reason, 300);
  out += "\n";
  line(out, "replay of", cell(run, "replayOf"));
  line(out, "waits for", shorter(cell(run, "waitsFor"), 300));
  put_pauses(out, run);
  for (const json::value& step : list_in(run, "steps")) {
    out += decision_of(step) + "\n";
    const std::string waits = cell(step, "waitsFor");
    if (!waits.empty()) out += "     waits for " + shorter(waits, 200) + "\n";
    put_condition(out, step);
  }
  return out;
}

std::string delivery_text(const json::value& delivery) {
  std::string out;
  line(out, "delivery", cell(delivery, "id"));
  line(out, "received", cell(delivery, "receivedAt"));
  line(out, "source",
       cell(delivery, "source") +
           (cell(delivery, "cluster").empty() ? "" : ", cluster " + cell(delivery, "cluster")));
  line(out, "hook", cell(delivery, "hook"));
  line(out, "canary", cell(delivery, "canary"));
  line(out, "request",
       cell(delivery, "method") + " " + shorter(cell(delivery, "path"), 120) + " from " +
           cell(delivery, "remote"));
  line(out, "verdict", cell(delivery, "verdict"));
  line(out, "reason", cell(delivery, "reason"));
  line(out, "proof", cell(delivery, "proof").empty() ? "none" : cell(delivery, "proof"));
  line(out, "event", cell(delivery, "event"));
  return out;
}

std::string event_text(const json::value& event) {
  std::string out;
  line(out, "event", cell(event, "id"));
  line(out, "received", cell(event, "receivedAt"));
  line(out, "canary", cell(event, "namespace") + "/" + cell(event, "name"));
  line(out, "hook", cell(event, "source") + " " + cell(event, "hook"));
  line(out, "phase", cell(event, "phase"));
  line(out, "outcome", cell(event, "outcome"));
  line(out, "checksum", cell(event, "checksum"));
  const std::string metadata = cell(event, "metadata");
  line(out, "metadata", metadata == "{}" ? "" : metadata);
  return out;
}

// Each pattern's fields, with what they wanted and what they saw; then the condition.
void put_trace(std::string& out, const json::value& trace) {
  const json::value* patterns = find(trace, "on");
  if (patterns != nullptr && patterns->is_array()) {
    for (const json::value& pattern : patterns->get_array()) {
      std::vector<std::string> fields;
      for (const json::value& field : list_in(pattern, "fields")) {
        std::vector<std::string> wanted;
        for (const json::value& glob : list_in(field, "wanted"))
          wanted.push_back(cell(&glob));
        const json::value* value = find(field, "value");
        const std::string was = value == nullptr || value->is_null() ? "unknown" : cell(value);
        fields.push_back(cell(field, "field") + " " + (flag_in(field, "matched") ? "is " : "is not ") +
                         join(wanted, " or ") +
                         (flag_in(field, "matched") && was == join(wanted, "") ? "" : ": " + was));
      }
      out += "             on " + (fields.empty() ? "anything" : join(fields, ", ")) + "\n";
    }
  }
  if (const json::value* condition = find(trace, "if"))
    out += "             if " + condition_text(*condition) + "\n";
}

// The state of a workflow that ran on the event: that of its first run.
std::string fate_of(const json::array& runs, const std::string& workflow) {
  for (const json::value& run : runs) {
    if (cell(run, "workflow") != workflow || !cell(run, "replayOf").empty()) continue;
    const std::string state = cell(run, "state");
    if (state == "failed" && cell(run, "startedAt").empty()) return "  failed   could not start: ";
    if (state == "queued") return "  queued   ";
    return ended(state) ? "  ran      " : "  runs     ";
  }
  return "  ran      ";
}

// `runs`: of the event, as the API lists them.
void put_plan(std::string& out, const json::value& event, const json::array& runs) {
  const json::value* planned = find(event, "planned");
  if (planned != nullptr && planned->is_bool() && !planned->get_bool()) {
    out += "not processed yet: Postlude has still to decide which workflows run\n";
    return;
  }
  const json::value* plan = find(event, "plan");
  if (plan == nullptr || !plan->is_array()) return;
  if (plan->get_array().empty()) out += "no workflow was configured\n";
  for (const json::value& entry : plan->get_array()) {
    const std::string workflow = cell(entry, "workflow");
    out += (flag_in(entry, "runs") ? fate_of(runs, workflow) : "  not run  ") + workflow + ": " +
           cell(entry, "why") + "\n";
    const json::value* trace = find(entry, "trace");
    if (trace != nullptr && trace->is_object()) put_trace(out, *trace);
  }
}

}  // namespace

std::string age_of(const std::string& time) {
  const auto seconds = seconds_since(time);
  if (!seconds) return "";
  const auto whole = static_cast<std::int64_t>(std::max(0.0, *seconds));
  if (whole < 120) return std::to_string(whole) + "s";
  if (whole < 120 * 60) return std::to_string(whole / 60) + "m";
  return whole < 48 * 3600 ? std::to_string(whole / 3600) + "h" : std::to_string(whole / 86400) + "d";
}

std::string state_of(const json::value& run) {
  std::string state = cell(run, "state");
  if (ended(state)) return state;
  std::vector<std::string> parts;
  const json::array& pauses = list_in(run, "pausedBy");
  if (!pauses.empty()) {
    const std::string name = cell(pauses.front(), "name");
    parts.push_back("paused (" + cell(pauses.front(), "kind") + (name.empty() ? "" : " " + name) +
                    (pauses.size() > 1 ? ", …" : "") + ")");
  }
  if (const json::array& again = list_in(run, "retrying"); pauses.empty() && !again.empty()) {
    const std::string target = cell(again.front(), "target");
    parts.push_back("retrying (" +
                    (target.empty() ? "step " + cell(again.front(), "name") : "target " + target) +
                    (again.size() > 1 ? ", …" : "") + ")");
  }
  if (any_step(run, "held", "resume")) parts.emplace_back("held");
  if (any_step(run, "asks", "approval")) parts.emplace_back("waiting for approval");
  return parts.empty() ? state : join(parts, ", ");
}

std::string yaml_of(const json::value& value) {
  if (!value.is_object() && !value.is_array()) return scalar_yaml(value) + "\n";
  std::string out;
  put_yaml(out, value, 0);
  return out.empty() ? to_text(value) + "\n" : out;
}

namespace {

struct Column {
  std::string_view title;
  std::function<std::string(const json::value& item)> cell;
  bool only_wide = false;
  bool first = false;   // others are cut before it
  bool if_any = false;  // left out where no row has it
};

Column of_key(std::string_view title, const char* key, bool only_wide = false) {
  return {title, [key](const json::value& item) { return cell(item, key); }, only_wide, false, false};
}

const std::vector<Column>& columns_of_kind(std::string_view kind) {
  static const Column age{"AGE", [](const json::value& item) {
                            const std::string received = cell(item, "receivedAt");
                            return age_of(received.empty() ? cell(item, "createdAt") : received);
                          }};
  static const Column canary{"CANARY", canary_of};
  static const Column called{"CANARY",
                             [](const json::value& item) {
                               const std::string named = cell(item, "canary");
                               return named.empty() ? std::string("-") : named;
                             },
                             false, true};
  static const auto of_hook = [](const json::value& item) { return cell(item, "hook"); };
  static const auto of_verdict = [](const json::value& item) { return cell(item, "verdict"); };
  static const std::vector<Column> deliveries{of_key("ID", "id"),
                                              called,
                                              {"HOOK", of_hook, false, true},
                                              {"VERDICT", of_verdict, false, true},
                                              age,
                                              of_key("REASON", "reason", true),
                                              of_key("PATH", "path", true),
                                              of_key("SOURCE", "source", true),
                                              of_key("EVENT", "event", true),
                                              of_key("RECEIVED", "receivedAt", true)};
  static const std::vector<Column> events{of_key("ID", "id"),
                                          canary,
                                          of_key("HOOK", "hook"),
                                          of_key("PHASE", "phase"),
                                          of_key("OUTCOME", "outcome"),
                                          age,
                                          of_key("SOURCE", "source", true),
                                          of_key("RECEIVED", "receivedAt", true)};
  static const std::vector<Column> runs{of_key("ID", "id"),
                                        canary,
                                        {"VERSION", version_of, false, false, true},
                                        of_key("WORKFLOW", "workflow"),
                                        {"STATE", state_of, false, true},
                                        {"DURATION", duration_of},
                                        age,
                                        of_key("EVENT", "event", true),
                                        of_key("CREATED", "createdAt", true),
                                        {"REASON", reason_of, true}};
  return kind == "deliveries" ? deliveries : kind == "events" ? events : runs;
}

// Why a delivery made no event, with its path where nothing else says what was called.
std::string reason_below(const json::value& delivery) {
  const std::string reason = cell(delivery, "reason");
  if (reason.empty()) return "";
  const bool told = !cell(delivery, "hook").empty() && cell(delivery, "verdict") != "rejected";
  return (told ? "" : cell(delivery, "method") + " " + shorter(cell(delivery, "path"), 120) + ": ") + reason;
}

}  // namespace

std::string list_of(std::string_view kind, const json::value& page) {
  const json::array& items = list_in(page, "items");
  if (items.empty()) return "no " + std::string(kind) + "\n";
  std::vector<std::string> heading;
  std::set<std::size_t> first;
  std::vector<std::vector<std::string>> rows(items.size());
  for (const Column& column : columns_of_kind(kind)) {
    if (column.only_wide && table_width() > 0) continue;
    std::vector<std::string> cells;
    for (const json::value& item : items)
      cells.push_back(column.cell(item));
    if (column.if_any && std::all_of(cells.begin(), cells.end(), [](const auto& one) { return one.empty(); }))
      continue;
    if (column.first) first.insert(heading.size());
    heading.emplace_back(column.title);
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i].push_back(column.if_any && cells[i].empty() ? "-" : std::move(cells[i]));
  }
  std::vector<std::string> below;
  for (const json::value& item : items)
    below.push_back(kind == "deliveries" && table_width() > 0 ? reason_below(item) : "");
  std::string out = table_of(heading, rows, below, Below::kWrap, first);
  const std::string next = cell(page, "next");
  if (!next.empty()) out += "older ones: --after " + next + "\n";
  return out;
}

std::string one_of(std::string_view kind, const json::value& thing) {
  if (kind == "runs") return run_text(thing);
  if (kind == "events") {
    std::string out = event_text(thing);
    put_plan(out, thing, list_in(thing, "runs"));
    return out;
  }
  std::string out = delivery_text(thing);
  line(out, "body", shorter(cell(thing, "body"), 2000));
  return out;
}

std::string explanation(const json::value& whole) {
  const json::value* delivery = find(whole, "delivery");
  const json::value* event = find(whole, "event");
  std::string out;
  if (delivery != nullptr && !delivery->is_null()) {
    out += delivery_text(*delivery);
    line(out, "repeats", cell(*delivery, "duplicateOf"));
    out += "\n";
  }
  if (event == nullptr || event->is_null()) {
    out += "It made no event, so nothing ran.\n";
    return out;
  }
  out += event_text(*event);
  const json::value* reports = find(*event, "deliveries");
  if (reports != nullptr && reports->is_array() && reports->get_array().size() > 1) {
    out += "reported by " + std::to_string(reports->get_array().size()) + " deliveries:\n";
    for (const json::value& d : reports->get_array()) {
      const std::string reason = cell(d, "reason");
      const std::string proof = cell(d, "proof");
      out += "  " + cell(d, "id") + " " + cell(d, "receivedAt") + " " + cell(d, "verdict") +
             (proof.empty() ? "" : ", proof " + proof) + (reason.empty() ? "" : ": " + reason) + "\n";
    }
  }
  out += "\n";
  put_plan(out, *event, list_in(whole, "runs"));
  if (const json::value* runs = find(whole, "runs"); runs != nullptr && runs->is_array()) {
    for (const json::value& run : runs->get_array())
      out += "\n" + run_explained(run);
    if (!runs->get_array().empty()) out += "\nWhat was sent, and the answers: postlude runs show RUN\n";
  }
  return out;
}

}  // namespace postlude::cli
