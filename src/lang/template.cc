#include "lang/template.h"

#include <algorithm>
#include <array>

#include "base/escape.h"
#include "base/text.h"
#include "lang/expression_tokens.h"
#include "lang/schema.h"

namespace postlude::lang {

namespace {

// A language that texts are written in.
struct Escape {
  std::string name;
  std::string (*text)(std::string_view);  // what stands for a text of others
  bool quotes = false;                    // only within quotes; elsewhere it has to be put into some
};

const std::vector<Escape>& escapes() {
  static const std::vector<Escape> kEscapes{{"slack", escape_slack},
                                            {"jql", escape_jql, true},
                                            {"wiki", escape_wiki},
                                            {"markdown", escape_markdown}};
  return kEscapes;
}

const Escape* escape_named(std::string_view name) {
  for (const Escape& escape : escapes()) {
    if (escape.name == name) return &escape;
  }
  return nullptr;
}

// Whether the expression escapes its value itself.
bool says_itself(const Expression& expression) {
  constexpr std::array<std::string_view, 5> kOwn{"raw", "slack_escape", "jira_escape", "jira_wiki_escape",
                                                 "markdown_escape"};
  return std::any_of(kOwn.begin(), kOwn.end(),
                     [&](std::string_view function) { return calls(expression, function); });
}

// `"project = " + .event.name`: a text made of parts, some of which come from the context.
bool puts_together(const Expression& expression) {
  if (says_itself(expression) || paths_of(expression).empty()) return false;
  const Tokens tokens = tokenize(expression.text, 0, false);
  return std::any_of(tokens.list.begin(), tokens.list.end(), [](const Token& token) {
    return token.symbol("+") || token.kind == Token::Kind::kQuote || token.ident("join") ||
           token.ident("add") || token.ident("sub") || token.ident("gsub");
  });
}

// Whether a text that goes on there is within quotes: the sign, or none. `bare`: a backslash stood outside
// them.
char quote_after(std::string_view text, char within, bool* bare = nullptr) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\') {
      if (within == 0 && bare != nullptr) *bare = true;
      ++i;
    } else if (within != 0 ? c == within : c == '"' || c == '\'') {
      within = within != 0 ? '\0' : c;
    }
  }
  return within;
}

// Whether a quote after it opens a text is for the other system to say, so nobody here knows what is quoted.
bool backslash_outside_quotes(const std::vector<Piece>& pieces) {
  char quote = 0;
  bool bare = false;
  for (const Piece& piece : pieces)
    quote = quote_after(piece.literal, quote, &bare);
  return bare;
}

}  // namespace

struct Template::Part {
  enum class Kind : std::uint8_t { kLiteral, kWhole, kText, kList, kMap };
  Kind kind = Kind::kLiteral;
  json::value literal;
  std::vector<Piece> pieces;  // kWhole: one expression
  std::vector<Part> items;    // kList, and kMap's values
  std::vector<std::string> keys;
  std::size_t expressions = 0;           // here and below
  const Escape* escape = nullptr;        // of the text that this is
  const Escape* escape_below = nullptr;  // where this is a list or a map: of its members named `text`
};

namespace {

constexpr std::size_t kShownMax = 160;  // bytes of an expression in a message

bool has_expression(std::string_view text) {
  return text.find("${{") != std::string_view::npos;
}

Place leaf_place(const Node& scalar) {
  Place place = scalar.place;
  if (scalar.plain || place.line == 0) return place;
  if (scalar.scalar.find('\n') != std::string::npos) {  // a block: its text begins on the next line
    ++place.line;
    place.column = 1;
  } else {
    ++place.column;
  }
  return place;
}

}  // namespace

// The functions on Part, kept out of the header.
struct TemplateReader {
  using Part = Template::Part;

  static Part text_part(const Node& scalar, Problems& problems) {
    Part part;
    part.pieces = split_pieces(scalar.scalar, leaf_place(scalar), problems);
    part.expressions = static_cast<std::size_t>(std::count_if(
        part.pieces.begin(), part.pieces.end(), [](const Piece& p) { return p.expression.has_value(); }));
    if (part.expressions == 0) {
      part.kind = Part::Kind::kLiteral;
      std::string text;
      for (const Piece& piece : part.pieces)
        text += piece.literal;
      part.literal = json::string(text);
      part.pieces.clear();
    } else {
      part.kind = part.pieces.size() == 1 ? Part::Kind::kWhole : Part::Kind::kText;
    }
    return part;
  }

  // `typed`: the same tree with each scalar typed, for what is literal.
  // `escape`: of the texts here; below a list or a map, of its members named `text`: only there is `itself`
  // true.
  static Part read(const Node& node, const json::value* typed, const json::value* schema, Problems& problems,
                   const Escape* escape = nullptr, bool itself = true) {
    Part part;
    if (const Escape* own = schema == nullptr ? nullptr : escape_named(find_text(*schema, "escape"))) {
      escape = own;
      itself = true;
    }
    switch (node.kind) {
      case Node::Kind::kNull:
        break;
      case Node::Kind::kScalar:
        if (has_expression(node.scalar)) {
          part = text_part(node, problems);
          part.escape = itself ? escape : nullptr;
          part.escape_below = escape;
          if (part.escape != nullptr && escape->quotes && backslash_outside_quotes(part.pieces)) {
            problems.push_back({node.place,
                                "a \\ outside quotes: beside an expression it hides where quotes "
                                "begin; put the text that needs it inside quotes"});
          }
          if (part.kind == Part::Kind::kWhole && part.escape != nullptr && part.escape->quotes &&
              puts_together(*part.pieces[0].expression)) {
            problems.push_back(
                {node.place,
                 "this expression puts a query together, and nothing in it is escaped, so that a value could "
                 "change what is asked: write the query as text with expressions inside, as in 'project = "
                 "${{ .event.metadata.project }}', which are escaped; or use `jira_escape`; add `| raw` if "
                 "the value is meant as it is",
                 true});
          }
          return part;
        }
        part.literal = typed != nullptr ? *typed : to_json(node);
        break;
      case Node::Kind::kList:
        part.kind = Part::Kind::kList;
        for (std::size_t i = 0; i < node.items.size(); ++i) {
          const auto* list = typed != nullptr ? typed->if_array() : nullptr;
          part.items.push_back(read(node.items[i],
                                    list != nullptr && i < list->size() ? &(*list)[i] : nullptr,
                                    below(schema, "items"), problems, escape, false));
        }
        break;
      case Node::Kind::kMap:
        part.kind = Part::Kind::kMap;
        for (const auto& [key, value] : node.members) {
          if (has_expression(key.scalar)) {
            problems.push_back(
                {key.place, "a key cannot be an expression; `${{ {(.key): .value} }}` makes such a map"});
            continue;
          }
          part.keys.push_back(key.scalar);
          part.items.push_back(read(value, typed != nullptr ? find(*typed, key.scalar) : nullptr,
                                    below(below(schema, "properties"), key.scalar), problems, escape,
                                    key.scalar == "text"));
        }
        break;
    }
    for (const Part& item : part.items)
      part.expressions += item.expressions;
    if (part.expressions == 0 && part.kind != Part::Kind::kLiteral) return folded(part);
    return part;
  }

  static const json::value* below(const json::value* schema, std::string_view key) {
    return schema == nullptr ? nullptr : find(*schema, key);
  }

  // A tree without expressions is one literal.
  static Part folded(const Part& tree) {
    Part part;
    if (tree.kind == Part::Kind::kList) {
      json::array list;
      for (const Part& item : tree.items)
        list.push_back(item.literal);
      part.literal = std::move(list);
    } else {
      json::object map;
      for (std::size_t i = 0; i < tree.items.size(); ++i)
        map[tree.keys[i]] = tree.items[i].literal;
      part.literal = std::move(map);
    }
    return part;
  }

  static void collect(const Part& part, std::vector<Expression>& into) {
    for (const Piece& piece : part.pieces) {
      if (piece.expression) into.push_back(*piece.expression);
    }
    for (const Part& item : part.items)
      collect(item, into);
  }

  // Takes its expressions' values from `values[next]` on.
  static Result<json::value> assemble(const Part& part, const std::vector<Evaluated>& values,
                                      std::size_t& next) {
    switch (part.kind) {
      case Part::Kind::kLiteral:
        return part.literal;
      case Part::Kind::kWhole:
        return whole(part, values, next);
      case Part::Kind::kText: {
        TRY(std::string text, joined(part, values, next));
        return json::value(json::string(text));
      }
      case Part::Kind::kList: {
        json::array list;
        list.reserve(part.items.size());
        for (const Part& item : part.items) {
          TRY(json::value value, assemble(item, values, next));
          list.push_back(std::move(value));
        }
        return json::value(std::move(list));
      }
      case Part::Kind::kMap: {
        json::object map;
        map.reserve(part.items.size());
        for (std::size_t i = 0; i < part.items.size(); ++i) {
          TRY(json::value value, assemble(part.items[i], values, next));
          map[part.keys[i]] = std::move(value);
        }
        return json::value(std::move(map));
      }
    }
    return Error(Code::kInvalid, "a template of an unknown kind");
  }

  static Result<std::string> take(const Expression& expression, const std::vector<Evaluated>& values,
                                  std::size_t& next) {
    if (next >= values.size()) return Error(Code::kInvalid, blame(expression, "was not evaluated"));
    const Evaluated& value = values[next++];
    if (!value) return Error(value.error().code, failure(expression, value.error().message));
    return *value;
  }

  static Result<json::value> whole(const Part& part, const std::vector<Evaluated>& values,
                                   std::size_t& next) {
    const Expression& expression = *part.pieces[0].expression;
    TRY(std::string text, take(expression, values, next));
    auto parsed = parse_json(text);
    if (!parsed)
      return Error(Code::kInvalid, blame(expression, "its value cannot be used: " + parsed.error().message));
    // A whole text of JQL cannot be escaped: its expression has to.
    const Escape* escape = parsed->is_string() ? part.escape : part.escape_below;
    if (escape != nullptr && !escape->quotes && !says_itself(expression))
      escape_texts(*parsed, *escape, parsed->is_string());
    return parsed;
  }

  // As read() tells where: `itself`, or its members named `text`.
  static void escape_texts(json::value& value, const Escape& escape, bool itself) {
    if (value.is_string() && itself) {
      value = json::string(escape.text(view(value.get_string())));
    } else if (value.is_array()) {
      for (json::value& item : value.get_array())
        escape_texts(item, escape, false);
    } else if (value.is_object()) {
      for (auto& member : value.get_object())
        escape_texts(member.value(), escape, member.key() == "text");
    }
  }

  static Result<std::string> joined(const Part& part, const std::vector<Evaluated>& values,
                                    std::size_t& next) {
    if (part.kind == Part::Kind::kLiteral) {
      if (part.literal.is_string()) return std::string(view(part.literal.get_string()));
      return part.literal.is_null() ? std::string() : postlude::to_text(part.literal);
    }
    std::string out;
    char quote = 0;  // that a piece stands within
    for (const Piece& piece : part.pieces) {
      if (!piece.expression) {
        out += piece.literal;
        quote = quote_after(piece.literal, quote);
        continue;
      }
      TRY(std::string text, take(*piece.expression, values, next));
      if (text == "null") {
        return Error(Code::kInvalid, blame(*piece.expression,
                                           "is null, which cannot stand inside text; "
                                           "write `// \"-\"` after it where nothing is meant"));
      }
      const bool is_text = text.starts_with('"');
      auto parsed = is_text ? parse_json(text) : Result<json::value>(json::value());
      if (!parsed || (is_text && !parsed->is_string()))
        return Error(Code::kInvalid, blame(*piece.expression, "yielded broken JSON"));
      if (is_text) text = view(parsed->get_string());
      const Escape* escape = says_itself(*piece.expression) ? nullptr : part.escape;
      const bool bare = escape != nullptr && escape->quotes && quote == 0;
      // Numbers mean themselves; lists and maps are text as well.
      const bool harmless = !is_text && text.find_first_of("[{") != 0;
      if (escape != nullptr && !harmless) text = escape->text(text);
      out += bare && !harmless ? '"' + text + '"' : text;
    }
    return out;
  }
};

Template Template::read(const Node& node, const json::value* schema, Problems& problems) {
  const json::value types = schema != nullptr ? typed(node, *schema) : to_json(node);
  Template made;
  made.root_ = std::make_shared<const Part>(TemplateReader::read(node, &types, schema, problems));
  return made;
}

Template Template::of(Expression expression) {
  Part part;
  part.kind = Part::Kind::kWhole;
  part.pieces.push_back({"", std::move(expression)});
  part.expressions = 1;
  Template out;
  out.root_ = std::make_shared<const Part>(std::move(part));
  return out;
}

Template Template::read_text(const Node& scalar, Problems& problems) {
  Part part;
  if (scalar.is_scalar()) {
    part = TemplateReader::text_part(scalar, problems);
  } else {
    problems.push_back(
        {scalar.place, scalar.is_null() ? "text is missing" : "this must be text, not a list or a map"});
    part.literal = "";
  }
  Template made;
  made.root_ = std::make_shared<const Part>(std::move(part));
  return made;
}

const std::vector<std::string>& escape_names() {
  static const std::vector<std::string> kNames = [] {
    std::vector<std::string> names;
    for (const Escape& escape : escapes())
      names.push_back(escape.name);
    return names;
  }();
  return kNames;
}

bool Template::literal() const {
  return root_ == nullptr || root_->expressions == 0;
}

void Template::collect(std::vector<Expression>& into) const {
  if (root_ != nullptr) TemplateReader::collect(*root_, into);
}

Result<json::value> Template::assemble(const std::vector<Evaluated>& values) const {
  if (root_ == nullptr) return json::value();
  std::size_t next = 0;
  return TemplateReader::assemble(*root_, values, next);
}

Result<std::string> Template::assemble_text(const std::vector<Evaluated>& values) const {
  if (root_ == nullptr) return std::string();
  std::size_t next = 0;
  return TemplateReader::joined(*root_, values, next);
}

namespace {

std::string on_one_line(const Expression& expression) {
  std::string text;
  bool blank = false;
  for (const char c : expression.text) {
    const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
    if (space && blank) continue;
    blank = space;
    text += space ? ' ' : c;
  }
  return shortened(text, kShownMax);
}

// Last, since lists cut what is long: " (w.yaml:4:5)".
std::string place_of(const Expression& expression) {
  const std::string place = expression.place.text();
  return place.empty() ? "" : " (" + place + ")";
}

}  // namespace

std::string failure(const Expression& expression, std::string_view why) {
  const bool plain = why.starts_with("cannot ");  // plain_failure
  const bool said = calls(expression, "error") && !plain && !why.starts_with("Cannot ") &&
                    !why.starts_with("needed more") && !why.starts_with("yielded more");
  if (!said && !plain) return blame(expression, why);
  const std::string text = "`" + on_one_line(expression) + "`";
  const bool shown = said || why.find(text) != std::string_view::npos;
  return std::string(why) + (shown ? "" : ", in " + text) + place_of(expression);
}

std::string blame(const Expression& expression, std::string_view why) {
  return on_one_line(expression) + ": " + std::string(why) + place_of(expression);
}

}  // namespace postlude::lang
