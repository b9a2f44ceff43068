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

void put_steps(std::string& out, const json::value& run) {
  const json::value* steps = find(run, "steps");
  if (steps == nullptr || !steps->is_array()) return;
  for (const json::value& step : steps->get_array()) {
    out += "  " + cell(step, "number") + ". " + cell(step, "name") + ": " + cell(step, "state");
    const std::string reason = cell(step, "reason");
    if (!reason.empty()) out += " - " + shorter(reason, 200);
    const std::string due = cell(step, "dueAt");
    if (!due.empty()) out += " (due " + due + ")";
    out += "\n";
    const json::value* attempts = find(step, "attempts");
    if (attempts != nullptr && attempts->is_array()) {
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
  line(out, "created", cell(run, "createdAt"));
  line(out, "finished", cell(run, "finishedAt"));
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
    const json::value* runs = find(entry, "runs");
    const bool ran = runs != nullptr && runs->is_bool() && runs->get_bool();
    out += std::string(ran ? "  ran      " : "  not run  ") + cell(entry, "workflow") + ": " +
           cell(entry, "why") + "\n";
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

std::string explanation(const json::value& delivery, const json::value& event,
                        const std::vector<json::value>& runs) {
  std::string out;
  if (!delivery.is_null()) out += delivery_text(delivery) + "\n";
  if (event.is_null()) {
    out += "It made no event, so nothing ran.\n";
    return out;
  }
  out += event_text(event);
  const json::value* reports = find(event, "deliveries");
  if (reports != nullptr && reports->is_array() && reports->get_array().size() > 1) {
    out += "reported by " + std::to_string(reports->get_array().size()) + " deliveries:\n";
    for (const json::value& d : reports->get_array()) {
      const std::string reason = cell(d, "reason");
      out += "  " + cell(d, "id") + " " + cell(d, "receivedAt") + " " + cell(d, "verdict") +
             (reason.empty() ? "" : ": " + reason) + "\n";
    }
  }
  out += "\n";
  put_plan(out, event);
  for (const json::value& run : runs)
    out += "\n" + run_text(run);
  return out;
}

}  // namespace postlude::cli
