#include "api/config_state.h"

namespace postlude::api {

json::object view_of(const ConfigState& state) {
  const auto list = [](const std::vector<std::string>& texts) {
    return json::array(texts.begin(), texts.end());
  };
  json::object view{{"revision", state.revision},
                    {"loadedAt", to_rfc3339(state.loaded_at)},
                    {"files", list(state.files)},
                    {"warnings", list(state.warnings)},
                    {"needsRestart", list(state.needs_restart)},
                    {"valid", !state.refused},
                    {"refused", nullptr}};
  if (state.refused) {
    view["refused"] =
        json::object{{"at", to_rfc3339(state.refused->at)}, {"problems", list(state.refused->problems)}};
  }
  return view;
}

}  // namespace postlude::api
