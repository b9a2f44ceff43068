#include "lang/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <cstdio>
#include <istream>
#include <map>
#include <streambuf>

#include "base/text.h"
#include "lang/yaml_source.h"

namespace postlude::lang {

namespace {

constexpr std::string_view kTab = "a tab indents this line; use spaces";

// yaml-cpp reads streams only; this one does not copy.
class ViewBuffer : public std::streambuf {
 public:
  explicit ViewBuffer(std::string_view text) {
    // A get area is never written to.
    char* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

// Why the bracket at `open` has not ended at `at`; without a place if that is not so.
Problem explain_unclosed(const YamlSource& source, std::size_t open, std::size_t at) {
  const std::size_t comment = find_hiding_comment(source, open, at);
  if (comment != kNowhere) {
    return {source.place(comment),
            "'" + excerpt(source.rest_of_line(comment)) +
                "' is a comment here: quote the value, or put the comment on a line of its own"};
  }
  if (at < source.text().size() && source.line_of(at) == source.line_of(open)) return {};
  return {source.place(open), std::string("the '") + source.at(open) + "' that opens here is not closed"};
}

// Thrown through yaml-cpp by our own event handler, to stop at the first thing that makes the rest
// meaningless.
struct Stop {};

class Builder : public YAML::EventHandler {
 public:
  Builder(const YamlSource& source, Problems& problems) : source_(source), problems_(problems) {}

  Node take() { return std::move(root_); }
  // Lines, from 0, whose leading whitespace belongs to a quoted or block scalar.
  bool in_text(std::size_t line) const {
    if (text_since_ != kNowhere && line > text_since_) return true;
    return std::any_of(texts_.begin(), texts_.end(),
                       [&](const auto& range) { return line > range.first && line < range.second; });
  }
  std::size_t last_end() const { return last_end_; }
  // The offset of the outermost [ or { that is still open, or kNowhere.
  std::size_t open_flow() const {
    for (const Frame& frame : frames_) {
      if (frame.flow) return frame.offset;
    }
    return kNowhere;
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ == 0) return;
    const std::size_t at = offset(mark);
    stop(at, source_.rest_of_line(at).starts_with("---") || source_.at(at) == '%'
                 ? "a second document begins here; a file holds one"
                 : "this line does not continue what stands above it; check its indentation");
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::size_t at = seen(mark);
    check_hidden_value(at);
    Node node;
    node.place = source_.place(at);
    const char first = source_.at(source_.skip_properties(at));
    const std::size_t end = source_.skip_blanks(source_.skip_properties(at) + (first == '~' ? 1 : 4));
    const bool is_key = source_.at(end) == ':';
    const bool written = (first == '~' || first == 'n' || first == 'N') && is_key == awaits_key();
    if (awaits_key() && written) {  // keys are text
      node.kind = Node::Kind::kScalar;
      node.plain = true;
      node.scalar = first == '~' ? "~" : std::string(source_.text().substr(at, 4));
    } else if (in_map_value() && !written) {
      node.place =
          frames_.back().key->place;  // an empty value is where its key is: yaml-cpp names the next token
    }
    last_end_ = at;
    add(std::move(node), anchor, at);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const std::size_t at = seen(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) stop(at, "an alias cannot stand inside the value that it repeats");
    Node copy = found->second;
    values_ += size_of(copy);
    check_size(at);
    if (frames_.size() + depth_of(copy) > kYamlDepthMax) too_deep(at);
    last_end_ = at;
    add(std::move(copy), YAML::NullAnchor, at);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    const std::size_t at = seen(mark);
    Node node;
    node.kind = Node::Kind::kScalar;
    node.scalar = value;
    node.plain = tag == "?" || tag.empty();
    node.place = source_.place(at);
    check_tag(tag, at);
    const std::size_t begin = source_.skip_properties(at);
    const char first = source_.at(begin);
    if (node.plain) {
      check_plain(node, begin);
    } else if (first == '\'' || first == '"') {
      last_end_ = source_.end_of_quoted(begin);
      if (last_end_ == kNowhere) stop(begin, "the quote that opens here is never closed");
      text_since_ = source_.line_of(at);
    } else {
      last_end_ = begin;
      if (first == '|' || first == '>') text_since_ = source_.line_of(at);
    }
    add(std::move(node), anchor, at);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value style) override {
    begin(Node::Kind::kList, mark, tag, anchor, style);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value style) override {
    begin(Node::Kind::kMap, mark, tag, anchor, style);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Frame {
    Node node;
    std::optional<Node> key;
    YAML::anchor_t anchor = YAML::NullAnchor;
    std::size_t offset = 0;
    bool flow = false;
    std::map<std::string, Place, std::less<>> keys;
    bool drop = false;  // the value of a key that was refused
  };

  static std::size_t offset(const YAML::Mark& mark) {
    return mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
  }

  std::size_t seen(const YAML::Mark& mark) {
    const std::size_t at = offset(mark);
    if (text_since_ != kNowhere) texts_.emplace_back(text_since_, source_.line_of(at));
    text_since_ = kNowhere;
    ++values_;
    check_size(at);
    return at;
  }

  void problem(std::size_t at, std::string message) {
    problems_.push_back({source_.place(at), std::move(message)});
  }
  [[noreturn]] void stop(std::size_t at, std::string message) {
    problem(at, std::move(message));
    throw Stop{};
  }
  [[noreturn]] void too_deep(std::size_t at) {
    stop(at, "nested deeper than " + std::to_string(kYamlDepthMax) + " levels");
  }
  void check_size(std::size_t at) {
    if (values_ > kYamlValuesMax) stop(at, "more than " + std::to_string(kYamlValuesMax) + " values");
  }
  void check_tag(std::string_view tag, std::size_t at) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:str") return;
    stop(at, "'" +
                 excerpt(source_.rest_of_line(at).substr(0, source_.rest_of_line(at).find_first_of(" \t"))) +
                 "' is a YAML tag, which is not used here; quote the value if it is text");
  }

  bool in_map_value() const {
    return !frames_.empty() && frames_.back().node.is_map() && frames_.back().key.has_value();
  }
  bool awaits_key() const {
    return !frames_.empty() && frames_.back().node.is_map() && !frames_.back().key.has_value();
  }

  void check_plain(const Node& node, std::size_t begin) {
    const std::size_t end = source_.end_of_plain(begin, node.scalar);
    last_end_ = end == kNowhere ? begin : end;
    if (end == kNowhere) return;
    if (node.scalar.ends_with('$') && source_.text().substr(end).starts_with("{{")) {
      const std::string_view rest = source_.rest_of_line(end);
      const std::size_t close = rest.find("}}");
      const std::string whole = close == kNowhere ? "${{ … }}" : "$" + excerpt(rest.substr(0, close + 2));
      stop(begin, "YAML reads the braces of " + whole + " as its own inside { } and [ ]: quote it");
    }
    const bool is_key = awaits_key();
    if (is_key && node.scalar.find("${{") != kNowhere && something_open(node.scalar)) {
      stop(begin, "the ': ' in '" + excerpt(source_.rest_of_line(begin)) + "' makes a key of it: quote it");
    }
    const std::size_t comment = source_.skip_blanks(end);
    if (comment == end || source_.at(comment) != '#') return;
    const std::string_view text = source_.rest_of_line(comment);
    if (!looks_like_value(node.scalar, text)) return;
    problem(comment, "the comment '" + excerpt(text) + "' cuts the value short, to '" + excerpt(node.scalar) +
                         "': quote it, or put the comment on a line of its own");
  }

  // `channel: #releases` and `- #1` have no value at all.
  void check_hidden_value(std::size_t next) {
    std::size_t at = kNowhere;
    if (in_map_value()) {
      at = source_.skip_blanks(last_end_);
      if (source_.at(at) != ':') return;
      at = source_.skip_blanks(at + 1);
    } else if (!frames_.empty() && frames_.back().node.is_list() && !frames_.back().flow) {
      for (std::size_t line = source_.line_of(last_end_); line <= source_.line_of(next) && at == kNowhere;
           ++line) {
        const std::size_t dash = source_.skip_blanks(source_.line_start(line));
        if (dash >= last_end_ && source_.at(dash) == '-' && is_blank(source_.at(dash + 1))) {
          at = source_.skip_blanks(dash + 1);
        }
      }
    }
    if (at == kNowhere || source_.at(at) != '#') return;
    const std::string_view text = source_.rest_of_line(at);
    if (!looks_like_value("", text)) return;
    problem(at, "'" + excerpt(text) + "' is a comment here, and the value is empty: quote it");
  }

  void begin(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
             YAML::EmitterStyle::value style) {
    const std::size_t at = seen(mark);
    if (awaits_key()) {
      // yaml-cpp takes a bracket that is never closed for the beginning of a key.
      const std::size_t flow = open_flow() == kNowhere ? at : open_flow();
      if ((source_.at(flow) == '[' || source_.at(flow) == '{') && !source_.closed(flow)) {
        problems_.push_back(explain_unclosed(source_, flow, source_.text().size()));
        throw Stop{};
      }
      stop(at, source_.rest_of_line(at).starts_with('{')
                   ? "a key must be text; if {{ … }} is meant as an expression, write '${{ … }}', in quotes"
                   : "a key must be text");
    }
    if (frames_.size() >= kYamlDepthMax) too_deep(at);
    check_tag(tag, at);
    Frame frame;
    frame.node.kind = kind;
    frame.node.place = source_.place(at);
    frame.anchor = anchor;
    frame.offset = at;
    frame.flow = style == YAML::EmitterStyle::Flow;
    last_end_ = std::max(last_end_, at);
    frames_.push_back(std::move(frame));
  }

  void end() {
    Frame frame = std::move(frames_.back());
    frames_.pop_back();
    add(std::move(frame.node), frame.anchor, frame.offset);
  }

  void add(Node node, YAML::anchor_t anchor, std::size_t at) {
    if (anchor != YAML::NullAnchor) anchors_[anchor] = node;
    if (frames_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = frames_.back();
    if (frame.node.is_list()) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      add_key(frame, std::move(node), at);
    } else {
      if (!frame.drop) frame.node.members.emplace_back(std::move(*frame.key), std::move(node));
      frame.key.reset();
    }
  }

  void add_key(Frame& frame, Node key, std::size_t at) {
    if (!key.is_scalar()) stop(at, "a key must be text");
    frame.drop = false;
    if (key.plain && key.scalar == "<<") {
      problem(at, "'<<' (merging of maps) is not supported; write the keys out");
      frame.drop = true;
    } else if (const auto [first, is_new] = frame.keys.try_emplace(key.scalar, key.place); !is_new) {
      problem(at, "duplicate key '" + excerpt(key.scalar) + "'; the first is in line " +
                      std::to_string(first->second.line));
      frame.drop = true;
    }
    frame.key = std::move(key);
  }

  static std::size_t size_of(const Node& node) {
    std::size_t size = 1;
    for (const Node& item : node.items)
      size += size_of(item);
    for (const auto& member : node.members)
      size += 1 + size_of(member.second);
    return size;
  }
  static std::size_t depth_of(const Node& node) {
    std::size_t depth = 0;
    for (const Node& item : node.items)
      depth = std::max(depth, depth_of(item));
    for (const auto& member : node.members)
      depth = std::max(depth, depth_of(member.second));
    return depth + (node.is_list() || node.is_map() ? 1 : 0);
  }

  const YamlSource& source_;
  Problems& problems_;
  Node root_;
  std::vector<Frame> frames_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::size_t documents_ = 0;
  std::size_t values_ = 0;
  std::size_t last_end_ = 0;  // behind the last token that is known
  std::size_t text_since_ = kNowhere;
  std::vector<std::pair<std::size_t, std::size_t>>
      texts_;  // lines: first of the scalar, first of what follows
};

// A line that a tab indents, up to `last`; its offset or kNowhere.
std::size_t find_tab(const YamlSource& source, const Builder& builder, std::size_t last) {
  for (std::size_t line = 0; line < source.line_count() && line <= last; ++line) {
    const std::string_view text = source.line(line);
    const std::size_t tab = text.find_first_not_of(' ');
    if (tab == kNowhere || text[tab] != '\t') continue;
    const std::size_t first = text.find_first_not_of(" \t");
    if (first == kNowhere || text[first] == '#' || builder.in_text(line)) continue;
    return source.line_start(line) + tab;
  }
  return kNowhere;
}

Problem explain(const YamlSource& source, const Builder& builder, std::size_t at,
                const std::string& message) {
  const auto says = [&](std::size_t offset, std::string text) {
    return Problem{source.place(offset), std::move(text)};
  };
  const auto is = [&](std::string_view name) { return std::string_view(message).starts_with(name); };
  if (is(YAML::ErrorMsg::TAB_IN_INDENTATION)) return says(at, std::string(kTab));
  if (is(YAML::ErrorMsg::UNKNOWN_ANCHOR) || is(YAML::ErrorMsg::ALIAS_NOT_FOUND) ||
      is(YAML::ErrorMsg::CHAR_IN_ALIAS)) {
    std::size_t star = source.text().rfind('*', at);
    if (star == kNowhere) star = at;
    const std::string_view rest = source.rest_of_line(star);
    return says(star, "'" + excerpt(rest.substr(0, rest.find_first_of(" ,]}"))) +
                          "' is an alias in YAML, and names no anchor: quote it if it is a glob or text");
  }
  if (is(YAML::ErrorMsg::EOF_IN_SCALAR) || is(YAML::ErrorMsg::DOC_IN_SCALAR)) {
    const std::size_t quote = source.text().find_first_of("\"'", builder.last_end());
    return says(quote == kNowhere ? at : quote, "the quote that opens here is never closed");
  }
  if (const std::size_t flow = builder.open_flow(); flow != kNowhere && !is(YAML::ErrorMsg::INVALID_ESCAPE)) {
    const Problem unclosed = explain_unclosed(source, flow, at);
    if (unclosed.place.line != 0) return unclosed;
  }
  if (source.line(source.line_of(at)).find("${{") != kNowhere) {
    return says(at, "YAML reads a part of ${{ … }} on this line as its own: quote the whole value");
  }
  if (is(YAML::ErrorMsg::MAP_VALUE)) {
    return says(
        at,
        "this ':' makes no key here; quote the text if the colon belongs to it, else check the indentation");
  }
  if (is(YAML::ErrorMsg::BLOCK_ENTRY))
    return says(at, "a list cannot begin here; put '-' on a line of its own");
  if (is(YAML::ErrorMsg::FLOW_END)) {
    return says(at, std::string("'") + source.at(at) + "' closes nothing; quote it if it is text");
  }
  if (is("end of map") || is("end of sequence")) {
    const bool first = source.skip_blanks(source.line_start(source.line_of(at))) == at;
    return says(at, first ? "this line is indented like none above it"
                          : "'" + excerpt(source.rest_of_line(at)) +
                                "' does not belong to the value before it: quote the whole value");
  }
  if (is(YAML::ErrorMsg::UNKNOWN_TOKEN)) {
    return says(at, std::string("'") + source.at(at) + "' cannot begin a value: quote it");
  }
  if (is(YAML::ErrorMsg::INVALID_ESCAPE)) {
    at = std::max<std::size_t>(at, 2);
    return says(at - 2,
                "'\\" + std::string(1, source.at(at - 1)) +
                    "' is not an escape in double quotes; use single quotes, or write \\\\ for a backslash");
  }
  return says(at, "not YAML: " + message);
}

// Finds bytes to refuse before yaml-cpp reads them: it would take some of them for the end of the file.
std::optional<Problem> find_bad_bytes(const YamlSource& source) {
  const std::string_view text = source.text();
  const auto says = [&](std::size_t at, std::string message) {
    return Problem{source.place(at), std::move(message)};
  };
  if (text.starts_with("\xEF\xBB\xBF")) {
    return says(0, "the file begins with a byte order mark; save it as UTF-8 without one");
  }
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    return says(0, "the file is UTF-16; save it as UTF-8");
  }
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::size_t size = 1;
    if (c >= 0xF0) {
      size = 4;
    } else if (c >= 0xE0) {
      size = 3;
    } else if (c >= 0xC0) {
      size = 2;
    }
    if (c >= 0x80 && !valid_utf8(text.substr(i, size))) return says(i, "not UTF-8; save the file as UTF-8");
    if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F) {
      char name[8];
      std::snprintf(name, sizeof name, "U+%04X", c);
      return says(i, std::string("the control character ") + name +
                         " cannot stand here; in double quotes write \\x" + (name + 4));
    }
    i += size;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Node> read_yaml(std::string_view text, std::string_view file, Problems& problems) {
  if (text.size() > kYamlBytesMax) {
    problems.push_back({{std::string(file), 1, 1}, "the file is longer than 4 MiB"});
    return std::nullopt;
  }
  const YamlSource source(text, file);
  if (auto bad = find_bad_bytes(source)) {
    problems.push_back(std::move(*bad));
    return std::nullopt;
  }
  Builder builder(source, problems);
  std::optional<Problem> broken;
  std::size_t broken_line = kNowhere;
  bool stopped = false;
  try {
    ViewBuffer buffer(text);
    std::istream stream(&buffer);
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(builder)) {
      Node empty;
      empty.place = source.place(0);
      return empty;
    }
    parser.HandleNextDocument(builder);
  } catch (const Stop&) {
    stopped = true;
  } catch (const YAML::Exception& e) {
    const std::size_t at = e.mark.pos < 0 ? text.size() : static_cast<std::size_t>(e.mark.pos);
    broken_line = source.line_of(std::min(at, text.size()));
    broken = explain(source, builder, at, e.msg);
  }
  const std::size_t tab = find_tab(source, builder, stopped ? 0 : broken_line);
  if (tab != kNowhere) {
    problems.push_back({source.place(tab), std::string(kTab)});
  } else if (broken && (problems.empty() || problems.back().place.text() != broken->place.text())) {
    problems.push_back(std::move(*broken));  // unless the place was found wanting already
  }
  if (broken || stopped) return std::nullopt;
  return builder.take();
}

}  // namespace postlude::lang
