#pragma once
// Escape: escapes foreign text, so that it has no special meaning in another system's language.

#include <string>
#include <string_view>

namespace postlude {

std::string escape_slack(std::string_view text);     // mrkdwn: no mention, no link
std::string escape_jql(std::string_view text);       // within a quoted string of JQL
std::string escape_wiki(std::string_view text);      // Jira's wiki markup
std::string escape_markdown(std::string_view text);  // CommonMark

}  // namespace postlude
