#include "intake/scrub.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/quoted.h"
#include "base/text.h"

namespace postlude::intake {

namespace {

constexpr std::string_view kMask = "***";

// Names that carry secrets whoever configured what: a sender that sends one by mistake should not find it
// stored.
bool sounds_secret(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords{
      "authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "api_key", "signature"};
  const std::string lowered = lower(name);
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return lowered.find(word) != std::string::npos; });
}

// Header bytes beyond ASCII are Latin-1 by tradition; what is stored is UTF-8.
std::string as_utf8(std::string bytes) {
  if (valid_utf8(bytes)) return bytes;
  std::string out;
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    if (b < 0x80) {
      out.push_back(c);
    } else {
      out.push_back(static_cast<char>(0xC0U | (b >> 6U)));
      out.push_back(static_cast<char>(0x80U | (b & 0x3FU)));
    }
  }
  return out;
}

// The characters that a request line may hold; all others as %XX.
std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c > ' ' && c < '\x7f') {
      out.push_back(c);
    } else {
      out += percent_encode(std::string_view(&c, 1));
    }
  }
  return out;
}

}  // namespace

namespace {

// A callback or link that went astray (a proxy's prefix, a slip) is still good for its one use.
void mask_link(std::string& path) {
  for (const std::string_view word : {"/callbacks/", "/links/"}) {
    const std::size_t at = path.find(word);
    if (at == std::string::npos) continue;
    const std::size_t from = at + word.size();
    const std::size_t end = std::min(path.find('/', from), path.size());
    const std::size_t dot = path.rfind('.', end);
    if (dot != std::string::npos && dot >= from) path.replace(dot + 1, end - dot - 1, kMask);
  }
}

// More than a word: long, of letters and digits, without what joins words in names.
bool looks_random(std::string_view text) {
  constexpr std::size_t kLong = 20;
  std::size_t letters = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    const bool digit = c >= '0' && c <= '9';
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    digits = digit || letter ? digits + (digit ? 1 : 0) : 0;
    letters = digit || letter ? letters + (letter ? 1 : 0) : 0;
    if (digits > 0 && letters > 0 && digits + letters >= kLong) return true;
  }
  return false;
}

bool carries(const Carriers& carriers, std::string_view name) {
  return carriers.query.contains(name) || carriers.metadata.contains(name) ||
         carriers.headers.contains(lower(name)) || sounds_secret(name);
}

// A segment of a stray path, with its parameters: `token=x`, `a;token=x`.
std::string scrub_segment(std::string_view segment, const Carriers& carriers) {
  std::string out;
  for (const std::string_view part : split(segment, ';')) {
    const std::size_t equals = part.find('=');
    if (!out.empty() || part.data() != segment.data()) out += ';';
    const bool named = equals != std::string_view::npos &&
                       carries(carriers, percent_decode(part.substr(0, equals)).value_or(""));
    if (named) {
      out.append(part.substr(0, equals + 1)).append(kMask);
    } else {
      out += looks_random(part) ? kMask : part;
    }
  }
  return out;
}

// A token pasted into a path follows its name, or is at the place of a hook or a cluster.
std::string scrub_stray_path(std::string_view path, const Carriers& carriers) {
  std::string out;
  bool hide = false;
  for (const std::string_view segment : split(path, '/')) {
    if (!out.empty() || segment.data() != path.data()) out += '/';
    out += hide && !segment.empty() ? std::string(kMask) : scrub_segment(segment, carriers);
    hide = segment.find_first_of("=;") == std::string_view::npos &&
           carries(carriers, percent_decode(segment).value_or(std::string(segment)));
  }
  return out;
}

}  // namespace

std::string scrub_target(std::string_view target, const Carriers& carriers, const Mask& secrets,
                         PathOf whose) {
  const std::size_t mark = target.find('?');
  std::string out(target.substr(0, mark));
  mask_link(out);
  const std::size_t host = out.find("://");
  if (host != std::string::npos) {
    const std::size_t end = std::min(out.find('/', host + 3), out.size());
    const std::size_t at = out.rfind('@', end);
    if (at != std::string::npos && at > host && at < end) out.replace(host + 3, at - host - 3, kMask);
  }
  if (whose == PathOf::kNobody) out = scrub_stray_path(out, carriers);
  if (mark != std::string_view::npos) {
    char before = '?';
    for (const std::string_view pair : split(target.substr(mark + 1), '&')) {
      const std::size_t equals = pair.find('=');
      const std::string name =
          percent_decode(pair.substr(0, equals)).value_or(std::string(pair.substr(0, equals)));
      out.push_back(before);
      out += pair.substr(0, equals);
      before = '&';
      if (equals == std::string_view::npos) continue;
      const bool secret = carriers.query.contains(name) || sounds_secret(name);
      out += "=" + std::string(secret ? kMask : pair.substr(equals + 1));
    }
  }
  return printable(secrets.mask(out));
}

std::string scrub_headers(const Headers& headers, const Carriers& carriers, const Mask& secrets) {
  struct Line {
    std::string name, value;
  };
  std::vector<Line> lines;
  std::map<std::string, std::size_t, std::less<>> by_name;
  lines.reserve(headers.list.size());
  for (const Header& header : headers.list) {
    std::string lowered = lower(header.name);
    const bool secret = carriers.headers.contains(lowered) || sounds_secret(lowered);
    std::string value = as_utf8(secrets.mask(secret ? kMask : std::string_view(header.value)));
    const auto [at, added] = by_name.try_emplace(std::move(lowered), lines.size());
    if (added) {
      lines.push_back({as_utf8(header.name), std::move(value)});
    } else {
      lines[at->second].value.append(", ").append(value);
    }
  }
  std::string out = "{";
  for (const Line& line : lines) {
    if (out.size() > 1) out += ',';
    out += json_quoted(line.name);
    out += ':';
    out += json_quoted(line.value);
  }
  out += '}';
  return out;
}

namespace {

// Walks JSON that is known to be valid.
class Walker {
 public:
  explicit Walker(std::string_view text) : text_(text) {}

  struct Member {
    std::size_t begin, end;  // from the key's quote to the end of the value
    std::size_t value;       // where the value begins
    std::string key;
  };

  // The members of the object that begins at `at`.
  std::vector<Member> members(std::size_t at) {
    std::vector<Member> found;
    at_ = at + 1;
    blanks();
    while (text_[at_] != '}') {
      Member member{.begin = at_, .end = 0, .value = 0, .key = {}};
      skip_string();
      member.key = decoded(text_.substr(member.begin, at_ - member.begin));
      blanks();
      ++at_;  // the colon
      blanks();
      member.value = at_;
      skip_value();
      member.end = at_;
      found.push_back(std::move(member));
      blanks();
      if (text_[at_] == ',') ++at_;
      blanks();
    }
    return found;
  }

  std::size_t first() {
    at_ = 0;
    blanks();
    return at_;
  }

 private:
  void blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size()); }

  void skip_string() {
    for (++at_; text_[at_] != '"'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
  }

  void skip_value() {
    std::size_t depth = 0;
    do {
      const char c = text_[at_];
      if (c == '"') {
        skip_string();
      } else {
        if (c == '{' || c == '[') ++depth;
        if (c == '}' || c == ']') --depth;
        ++at_;
        // A number or a word goes on to what ends it.
        if (depth == 0 && c != '}' && c != ']')
          at_ = std::min(text_.find_first_of(",}] \t\r\n", at_), text_.size());
      }
    } while (depth > 0);
  }

  static std::string decoded(std::string_view literal) {
    const auto value = parse_json(literal);
    return value && value->is_string() ? std::string(view(value->get_string())) : std::string();
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

using Range = std::pair<std::size_t, std::size_t>;

// The ranges to cut, so that the named members and their commas are gone.
void cuts_of(const std::vector<Walker::Member>& members, const std::set<std::string, std::less<>>& names,
             std::vector<Range>& cuts) {
  const auto dropped = [&](const Walker::Member& m) { return names.contains(m.key); };
  std::size_t kept = members.size();  // the last that stays
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (!dropped(members[i])) kept = i;
  }
  if (kept == members.size()) {
    if (!members.empty()) cuts.emplace_back(members.front().begin, members.back().end);
    return;
  }
  for (std::size_t i = 0; i < kept; ++i) {
    if (dropped(members[i])) cuts.emplace_back(members[i].begin, members[i + 1].begin);
  }
  if (kept + 1 < members.size()) cuts.emplace_back(members[kept].end, members.back().end);
}

}  // namespace

std::string without_metadata(std::string_view body, const std::set<std::string, std::less<>>& names) {
  std::string out(body);
  if (names.empty()) return out;
  Walker walker(body);
  const std::size_t first = walker.first();
  if (first >= body.size() || body[first] != '{') return out;
  std::vector<Range> cuts;
  for (const Walker::Member& member : walker.members(first)) {  // `metadata` may stand there twice
    if (member.key != "metadata" || body[member.value] != '{') continue;
    cuts_of(Walker(body).members(member.value), names, cuts);
  }
  std::sort(cuts.rbegin(), cuts.rend());
  for (const auto& [begin, end] : cuts)
    out.erase(begin, end - begin);
  return out;
}

std::string scrub_broken_body(std::string_view body, const std::set<std::string, std::less<>>& names,
                              const Mask& secrets) {
  std::string out(body);
  for (const std::string& name : names) {
    const std::string key = json_quoted(name);
    for (std::size_t at = out.find(key); at != std::string::npos; at = out.find(key, at)) {
      at = out.find_first_not_of(" \t\r\n:", at + key.size());
      if (at == std::string::npos) break;
      if (out[at] != '"') continue;
      std::size_t end = at + 1;
      while (end < out.size() && out[end] != '"')
        end += out[end] == '\\' ? 2 : 1;
      end = std::min(end, out.size());
      out.replace(at + 1, end - at - 1, kMask);
    }
  }
  return secrets.mask(out);
}

}  // namespace postlude::intake
