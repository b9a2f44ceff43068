// Commands that ask a daemon through its API.

#include <cstdio>

#include "base/text.h"
#include "cli/people.h"

namespace postlude::cli {

int list(const Remote& remote, const ListChoice& choice) {
  std::string path = "/api/v1/" + choice.kind;
  char between = '?';
  for (const auto& [name, value] : choice.filters) {
    path += between + name + "=" + percent_encode(value);
    between = '&';
  }
  const auto page = get(remote.server, path, page_shape());
  if (!page) return failed(remote, page.error());
  return print_answer(remote, *page, list_of(choice.kind, *page));
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
