#pragma once
// Links: creates and reads the URLs of callbacks and approvals (contract 7, 8). Nobody can guess one: it ends
// in an HMAC under the store's secret. Whether a link is still usable is the store's decision.

#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"

namespace postlude::pipeline {

enum class LinkKind : std::uint8_t { kCallback = 1, kApprove, kReject };

struct Link {
  LinkKind kind = LinkKind::kCallback;
  RunId run;
  std::uint32_t step = 0;  // its index
};

// The last segment of the path: `/callbacks/{this}` or `/links/{this}`.
std::string link_text(std::string_view secret, const Link& link);
// nullopt: we did not create this link.
std::optional<Link> read_link(std::string_view secret, std::string_view text);

// Masks the HMAC of links in a text, for tokens of the role viewer.
std::string without_links(std::string text);

}  // namespace postlude::pipeline
