#include "cli/show.h"

#include <algorithm>

#include "base/text.h"

namespace postlude::cli {

namespace {

// As one line for a cell: text bare, nothing for null, other values as JSON.
std::string cell(const json::value* value) {
  if (value == nullptr || value->is_null()) return "";
  if (value->is_string()) return std::string(view(value->get_string()));
  return to_text(*value);
}

std::string cell(const json::value& object, std::string_view key) {
  return cell(find(object, key));
}

std::string shorter(std::string text, std::size_t most) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  if (text.size() > most) {
    text.resize(most);
    while (!text.empty() && !valid_utf8(text))
      text.pop_back();
    text += "…";
  }
  return text;
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool plain_yaml(std::string_view text) {
  if (text.empty() || text.size() > 200) return false;
  const std::string_view first = "-?:,[]{}#&*!|>'\"%@` ";
  if (first.find(text.front()) != std::string_view::npos || text.back() == ' ' || text.back() == ':')
    return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) return false;
  }
  if (text.find(": ") != std::string_view::npos || text.find(" #") != std::string_view::npos) return false;
  for (const std::string_view word : {"true", "false", "null", "~", "yes", "no", "on", "off", "y", "n"}) {
    if (equal_ignoring_case(text, word)) return false;
  }
  // What begins like a number may be one to some reader.
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

std::string request_line(const json::value& request) {
  std::string text = cell(request, "method") + " " + shorter(cell(request, "url"), 100) + " -> ";
  const std::string status = cell(request, "status");
  text += (status.empty() ? "no answer" : status) + " " + cell(request, "result");
  const std::string why = cell(request, "why");
  if (!why.empty()) text += ": " + shorter(why, 160);
  return text;
}

bool yes(const json::value& object, std::string_view key) {
  const json::value* value = find(object, key);
  return value != nullptr && value->is_bool() && value->get_bool();
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
    out += "     attempt " + cell(attempt, "number") + ": " + (outcome.empty() ? "under way" : outcome);
    const std::string why = cell(attempt, "why");
    if (!why.empty() && why != reason) out += " - " + shorter(why, 160);
    out += "\n";
    for (const json::value& request : find(attempt, "requests")->get_array())
      out += "       " + request_line(request) + "\n";
  }
}

// What holds a run back though its time has come.
void put_pauses(std::string& out, const json::value& run) {
  const json::value* pauses = find(run, "pausedBy");
  if (pauses == nullptr || !pauses->is_array()) return;
  for (const json::value& pause : pauses->get_array()) {
    const std::string name = cell(pause, "name");
    const std::string why = cell(pause, "reason");
    line(out, "held",
         cell(pause, "kind") + (name.empty() ? "" : " " + name) + " is paused by " + cell(pause, "by") +
             " since " + cell(pause, "at") + (why.empty() ? "" : ": " + shorter(why, 160)));
  }
}

void put_steps(std::string& out, const json::value& run) {
  const json::value* steps = find(run, "steps");
  if (steps == nullptr || !steps->is_array()) return;
  for (const json::value& step : steps->get_array()) {
    out +=
        "  " + cell(step, "number") + ". " + cell(step, "name") + place_of(step) + ": " + cell(step, "state");
    if (yes(step, "held")) out += ", held for a person: runs resume";
    if (yes(step, "asks")) out += ", asks people: runs approve or reject";
    const std::string reason = cell(step, "reason");
    if (!reason.empty()) out += " - " + shorter(reason, 200);
    const std::string due = cell(step, "dueAt");
    if (!due.empty()) out += " (due " + due + ")";
    out += "\n";
    const json::value* trace = find(step, "trace");
    const json::value* condition = trace == nullptr ? nullptr : find(*trace, "if");
    if (condition != nullptr) out += "     if " + condition_text(*condition) + "\n";
    const json::value* answer = find(step, "answer");
    if (answer != nullptr && answer->is_object())
      out += "     " + cell(*answer, "kind") + " by " + cell(*answer, "by") + " at " + cell(*answer, "at") +
             "\n";
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
  line(out, "state", cell(run, "state"));
  line(out, "reason", cell(run, "reason"));
  line(out, "cancel", cell(run, "cancel"));
  line(out, "replay of", cell(run, "replayOf"));
  if (yes(run, "dismissed")) line(out, "dismissed", "yes");
  if (yes(run, "shadow")) line(out, "shadow", "yes: nothing but reads was sent");
  line(out, "created", cell(run, "createdAt"));
  line(out, "finished", cell(run, "finishedAt"));
  put_pauses(out, run);
  put_steps(out, run);
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
      for (const json::value& field : find(pattern, "fields")->get_array()) {
        std::vector<std::string> wanted;
        for (const json::value& glob : find(field, "wanted")->get_array())
          wanted.push_back(cell(&glob));
        const json::value* value = find(field, "value");
        const std::string was = value == nullptr || value->is_null() ? "unknown" : cell(value);
        fields.push_back(cell(field, "field") + " " + (yes(field, "matched") ? "is " : "is not ") +
                         join(wanted, " or ") +
                         (yes(field, "matched") && was == join(wanted, "") ? "" : ": " + was));
      }
      out += "             on " + (fields.empty() ? "anything" : join(fields, ", ")) + "\n";
    }
  }
  if (const json::value* condition = find(trace, "if"))
    out += "             if " + condition_text(*condition) + "\n";
}

void put_plan(std::string& out, const json::value& event) {
  const json::value* planned = find(event, "planned");
  if (planned != nullptr && planned->is_bool() && !planned->get_bool()) {
    out += "not planned yet: which workflows run on it is decided next\n";
    return;
  }
  const json::value* plan = find(event, "plan");
  if (plan == nullptr || !plan->is_array()) return;
  if (plan->get_array().empty()) out += "no workflow was configured\n";
  for (const json::value& entry : plan->get_array()) {
    out += std::string(yes(entry, "runs") ? "  ran      " : "  not run  ") + cell(entry, "workflow") + ": " +
           cell(entry, "why") + "\n";
    const json::value* trace = find(entry, "trace");
    if (trace != nullptr && trace->is_object()) put_trace(out, *trace);
  }
}

}  // namespace

std::string yaml_of(const json::value& value) {
  if (!value.is_object() && !value.is_array()) return scalar_yaml(value) + "\n";
  std::string out;
  put_yaml(out, value, 0);
  return out.empty() ? to_text(value) + "\n" : out;
}

std::string table_of(const std::vector<std::string>& heading,
                     const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& h : heading)
    widths.push_back(h.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size() && i < widths.size(); ++i)
      widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  const auto put = [&](const std::vector<std::string>& row) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
      text += row[i];
      if (i + 1 < row.size()) text.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    out += text.substr(0, text.find_last_not_of(' ') + 1) + "\n";
  };
  put(heading);
  for (const auto& row : rows)
    put(row);
  return out;
}

std::string list_of(std::string_view kind, const json::value& page) {
  using Columns = std::vector<std::pair<std::string, std::string>>;
  static const Columns deliveries{{"ID", "id"},        {"RECEIVED", "receivedAt"}, {"SOURCE", "source"},
                                  {"HOOK", "hook"},    {"VERDICT", "verdict"},     {"EVENT", "event"},
                                  {"REASON", "reason"}};
  static const Columns events{
      {"ID", "id"},     {"RECEIVED", "receivedAt"}, {"HOOK", "hook"},      {"NAMESPACE", "namespace"},
      {"NAME", "name"}, {"PHASE", "phase"},         {"OUTCOME", "outcome"}};
  static const Columns runs{{"ID", "id"},       {"CREATED", "createdAt"}, {"WORKFLOW", "workflow"},
                            {"STATE", "state"}, {"EVENT", "event"},       {"REASON", "reason"}};
  const Columns& columns = kind == "deliveries" ? deliveries : kind == "events" ? events : runs;
  const json::value* items = find(page, "items");
  if (items == nullptr || !items->is_array()) return to_pretty(page) + "\n";
  if (items->get_array().empty()) return "no " + std::string(kind) + "\n";
  std::vector<std::string> heading;
  for (const auto& [title, key] : columns)
    heading.push_back(title);
  std::vector<std::vector<std::string>> rows;
  for (const json::value& item : items->get_array()) {
    std::vector<std::string> row;
    for (const auto& [title, key] : columns)
      row.push_back(shorter(cell(item, key), 80));
    rows.push_back(std::move(row));
  }
  std::string out = table_of(heading, rows);
  const std::string next = cell(page, "next");
  if (!next.empty()) out += "older ones: --after " + next + "\n";
  return out;
}

std::string one_of(std::string_view kind, const json::value& thing) {
  if (kind == "runs") return run_text(thing);
  if (kind == "events") {
    std::string out = event_text(thing);
    put_plan(out, thing);
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
  put_plan(out, *event);
  if (const json::value* runs = find(whole, "runs"); runs != nullptr && runs->is_array()) {
    for (const json::value& run : runs->get_array())
      out += "\n" + run_text(run);
  }
  return out;
}

}  // namespace postlude::cli
