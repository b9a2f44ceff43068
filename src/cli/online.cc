// Commands that ask a daemon through its API.

#include <algorithm>
#include <cstdio>

#include "base/text.h"
#include "cli/people.h"

namespace postlude::cli {

std::string unless_misspelt(const Remote& remote, const json::value& page, const std::string& none,
                            const std::map<std::string, std::string>& filters) {
  const json::value* items = find(page, "items");
  if (items == nullptr || !items->is_array() || !items->get_array().empty()) return none;
  for (const std::string kind : {"workflow", "target"}) {
    const auto asked = filters.find(kind);
    if (asked == filters.end() || asked->second.empty()) continue;
    const auto there = get(remote.server, "/api/v1/" + kind + "s", page_shape());
    const json::value* known = there ? find(*there, "items") : nullptr;
    if (known == nullptr || !known->is_array()) continue;
    std::vector<std::string> names;
    for (const json::value& one : known->get_array())
      names.emplace_back(find_text(one, "name"));
    if (std::find(names.begin(), names.end(), asked->second) != names.end()) continue;
    return none + ": no " + kind + " '" + cut(asked->second, 80) + "' is configured" +
           did_you_mean(asked->second, names, "");
  }
  return none;
}

int list(const Remote& remote, const ListChoice& choice) {
  std::string path = "/api/v1/" + choice.kind;
  char between = '?';
  for (const auto& [name, value] : choice.filters) {
    path += between + name + "=" + percent_encode(value);
    between = '&';
  }
  const auto page = get(remote.server, path, page_shape());
  if (!page) return failed(remote, page.error());
  const std::string none = "no " + choice.kind;
  const std::string said = unless_misspelt(remote, *page, none, choice.filters);
  return print_answer(remote, *page, said == none ? list_of(choice.kind, *page) : said + "\n");
}

int show(const Remote& remote, const std::string& kind, const std::string& id) {
  const auto thing = get(remote.server, "/api/v1/" + kind + "/" + percent_encode(id), thing_shape(kind));
  if (!thing) return failed(remote, thing.error());
  return print_answer(remote, *thing, one_of(kind, *thing));
}

int explain(const Remote& remote, const std::string& id) {
  if (!id.starts_with("evt_") && !id.starts_with("dlv_") && !id.starts_with("run_")) {
    std::fprintf(stderr,
                 "explain takes the id of an event, a delivery or a run (evt_…, dlv_…, run_…), not '%s'\n",
                 id.c_str());
    return kUsedWrongly;
  }
  const auto whole = get(remote.server, "/api/v1/explain/" + percent_encode(id), explain_shape());
  if (!whole) return failed(remote, whole.error());
  return print_answer(remote, *whole, explanation(*whole));
}

}  // namespace postlude::cli
