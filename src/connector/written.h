#pragma once
// Written: connectors without a file: what their actions ask is written in the step's `with`, with the
// workflow's own expressions (contract 7). Listed in written.cc.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "connector/action.h"

namespace postlude::connector {

// A key of `with`, for people.
struct WrittenInput {
  std::string_view name, type, otherwise, what;  // otherwise: the default; "": none
};

struct WrittenAction {
  std::string_view name;
  std::string_view summary;
  std::vector<std::string> outputs;
  const std::vector<WrittenInput>& inputs;
  std::vector<std::string> effects;  // for people: "GET read"
  // nullptr: `problems` tells why.
  std::shared_ptr<const Action> (*read)(const lang::Node* with, const lang::Place& step,
                                        lang::Problems& problems);
};

struct Written {
  std::string_view name;
  std::string_view summary;
  std::string_view shown;  // by `connectors show`
  std::vector<std::string> auth;
  const Kind& (*kind)();
  bool bare;  // may be used as a target that is not configured: `uses: http/request`
  std::vector<WrittenAction> actions;

  const WrittenAction* find(std::string_view action) const;
  std::vector<std::string> action_names() const;
};

const std::vector<Written>& written_connectors();
const Written* written(std::string_view connector);         // nullptr: it has a file, or does not exist
const Kind& kind_of_connector(std::string_view connector);  // of one that has a file: HTTP

}  // namespace postlude::connector
