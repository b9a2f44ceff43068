// `postlude send`: calls a hook as Flagger does, byte for byte.

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

#include "base/hash.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "intake/source.h"
#include "rt/loop.h"

namespace postlude::cli {

namespace {

// Go's encoding/json: `<`, `>`, `&`, U+2028 and U+2029 are escaped, other control characters as \u00XX but
// for the short forms of \b \f \n \r \t.
std::string go_string(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c < 0x20 || c == '<' || c == '>' || c == '&') {
          out += "\\u00" + to_hex(text.substr(i, 1));
        } else if (text.substr(i, 2) == "\xe2\x80" && i + 2 < text.size() &&
                   (text[i + 2] == '\xa8' || text[i + 2] == '\xa9')) {
          out += text[i + 2] == '\xa8' ? "\\u2028" : "\\u2029";
          i += 2;
        } else {
          out.push_back(text[i]);
        }
    }
  }
  return out + "\"";
}

// Flagger's checksums look like this: the digits of a 32-bit hash in the alphabet of k8s' SafeEncodeString.
std::string fresh_checksum() {
  constexpr std::string_view kAlphabet = "456789bcdf";
  std::string out;
  for (const char digit : std::to_string(static_cast<std::uint32_t>(random_number())))
    out.push_back(kAlphabet[static_cast<std::size_t>(digit - '0')]);
  return out;
}

// The body for people: metadata that proves the caller is not shown again. A terminal's log, or a CI job's,
// is read by others.
std::string shown_body(const std::string& body) {
  constexpr std::array<std::string_view, 7> kWords{"token", "secret",     "passw", "auth",
                                                   "key",   "credential", "sign"};
  std::string out = body;
  const auto parsed = parse_json(body);
  const json::value* metadata = parsed ? find(*parsed, "metadata") : nullptr;
  if (metadata == nullptr || !metadata->is_object()) return out;
  for (const auto& member : metadata->get_object()) {
    if (!member.value().is_string()) continue;
    const std::string name = lower(std::string_view(member.key().data(), member.key().size()));
    const auto in_name = [&](std::string_view word) { return name.find(word) != std::string::npos; };
    const std::string value(view(member.value().get_string()));
    if (value.empty() || std::none_of(kWords.begin(), kWords.end(), in_name)) continue;
    for (const std::string& written : {go_string(value), to_text(member.value())}) {
      for (std::size_t at = out.find(written); at != std::string::npos; at = out.find(written, at + 5))
        out.replace(at, written.size(), "\"***\"");
    }
  }
  return out;
}

Result<std::string> body_of(const std::string& file) {
  if (file == "-") return std::string(std::istreambuf_iterator<char>(std::cin), {});
  std::ifstream in(file, std::ios::binary);
  if (!in) return Error(Code::kNotFound, "the file " + file + " cannot be read");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// The URL with that hook at its end: instead of the one that stands there, or after the source's name.
std::string with_hook(std::string url, const std::string& hook) {
  const auto& hooks = intake::flagger_hooks();
  while (url.ends_with('/'))
    url.pop_back();
  if (hook.empty()) return url;
  const std::size_t slash = url.rfind('/');
  const std::string last = slash == std::string::npos ? "" : url.substr(slash + 1);
  if (std::find(hooks.begin(), hooks.end(), last) != hooks.end()) url.resize(slash);
  return url + "/" + hook;
}

// Adds the metadata of Flagger's event hook to the Canary's own (ctl/webhook.go). Values given by --metadata
// win.
void add_event(const SendChoice& choice, std::map<std::string, std::string>& metadata) {
  const std::string canary = choice.name + "." + choice.name_space;
  const bool failed = choice.phase == "Failed";
  std::string usual = "New revision detected! Scaling up " + canary;
  if (choice.phase == "Succeeded") usual = "Promotion completed! Scaling down " + canary;
  if (failed) usual = "Canary failed! Scaling down " + canary;
  if (!metadata.contains("eventMessage") || !choice.message.empty())
    metadata["eventMessage"] = choice.message.empty() ? usual : choice.message;
  if (!metadata.contains("eventType") || !choice.type.empty())
    metadata["eventType"] = choice.type.empty() ? (failed ? "Warning" : "Normal") : choice.type;
  if (!metadata.contains("timestamp")) metadata["timestamp"] = std::to_string(micros(rt::now()) / 1000);
}

Result<HttpRequest> request_of(const SendChoice& choice) {
  const auto& phases = intake::flagger_phases();
  const bool known = std::find(phases.begin(), phases.end(), choice.phase) != phases.end();
  if (const std::string near = known ? "" : nearest(choice.phase, phases); !near.empty())
    return Error(Code::kInvalid, "--phase: Flagger has no phase '" + choice.phase + "'; did you mean '" +
                                     near + "'? (any other body: --body)");
  HttpRequest request;
  request.method = "POST";
  request.target = with_hook(choice.url, choice.hook);
  request.headers.add("Content-Type", "application/json");
  move_user_info(request);
  for (const std::string& header : choice.headers) {
    const std::size_t colon = header.find(':');
    if (colon == std::string::npos || colon == 0)
      return Error(Code::kInvalid, "--header must be 'Name: value', and one has no name or no colon");
    request.headers.set(header.substr(0, colon), std::string(trim(header.substr(colon + 1))));
  }
  const std::string path = request.target.substr(0, request.target.find_first_of("?#"));
  const bool event = path.ends_with("/event") && choice.body_file.empty();
  if (!event && !(choice.message.empty() && choice.type.empty()))
    return Error(Code::kInvalid,
                 "--message and --type are for the hook event, without --body; --hook event calls it");
  if (!choice.body_file.empty()) {
    TRY(request.body, body_of(choice.body_file));
    return request;
  }
  std::map<std::string, std::string> metadata;
  for (const std::string& pair : choice.metadata) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return Error(Code::kInvalid, "--metadata must be key=value, not '" + pair + "'");
    metadata[pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  if (event) add_event(choice, metadata);
  request.body = flagger_body(choice, metadata, choice.checksum.empty() ? fresh_checksum() : choice.checksum);
  return request;
}

}  // namespace

std::string flagger_body(const SendChoice& choice, const std::map<std::string, std::string>& metadata,
                         const std::string& checksum) {
  std::string body = "{\"name\":" + go_string(choice.name) +
                     ",\"namespace\":" + go_string(choice.name_space) +
                     ",\"phase\":" + go_string(choice.phase) + ",\"checksum\":" + go_string(checksum);
  if (!metadata.empty()) {  // omitempty; the keys of a map sorted
    body += ",\"metadata\":{";
    bool first = true;
    for (const auto& [key, value] : metadata) {
      if (!first) body += ",";
      first = false;
      body += go_string(key) + ":" + go_string(value);
    }
    body += "}";
  }
  return body + "}";
}

int send(const SendChoice& choice) {
  auto request = request_of(choice);
  if (!request) {
    std::fprintf(stderr, "%s\n", request.error().message.c_str());
    return kUsedWrongly;
  }
  if (!choice.quiet) {
    std::fprintf(stderr, "POST %s\n%s\n", shown_url(request->target).c_str(),
                 shown_body(request->body).c_str());
  }
  const auto response = call(std::move(*request));
  if (!response) {
    std::fprintf(stderr, "%s\n", response.error().message.c_str());
    return response.error().code == Code::kInvalid ? kUsedWrongly : kCouldNotReach;
  }
  if (!choice.quiet) std::fprintf(stderr, "-> %d\n", response->status);
  std::printf("%s", response->body.c_str());
  if (!response->body.empty() && response->body.back() != '\n') std::printf("\n");
  // As Flagger sees it: up to 202 is success (facts: webhook.go:90).
  return response->status >= 200 && response->status <= 202 ? kFine : kFoundWrong;
}

}  // namespace postlude::cli
