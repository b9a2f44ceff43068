#pragma once
// Links: the addresses by which the world answers a run that waits (contract 7, 8): callbacks and approvals.
// Unguessable, since each ends in an HMAC under the store's secret; whether it may still be used, the store
// says.

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

// The last part of its path: `/callbacks/{this}` or `/links/{this}`.
std::string link_text(std::string_view secret, const Link& link);
// nullopt: nobody was given this.
std::optional<Link> read_link(std::string_view secret, std::string_view text);

// A text with what makes links unguessable masked, for those who may only look.
std::string without_links(std::string text);

}  // namespace postlude::pipeline
