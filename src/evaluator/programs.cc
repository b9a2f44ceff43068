#include "evaluator/programs.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <set>

extern "C" {
#include <jq.h>
}

#include "base/hash.h"
#include "base/text.h"
#include "evaluator/evaluator.h"
#include "evaluator/natives.h"

namespace postlude::evaluator {
namespace {

constexpr std::size_t kMessageMax = 2000;  // bytes of one error message
constexpr const char* kNone = "yielded no value; write first(…, null) to have null then, or […] for a list";
constexpr const char* kSeveral = "yielded several values; write first(…) for one or […] for a list of all";

std::string text_of(jv string) {  // consumes
  std::string text(jv_string_value(string),
                   static_cast<std::size_t>(jv_string_length_bytes(jv_copy(string))));
  jv_free(string);
  return text;
}

// One jq state, compiled. Errors of the compiler are collected as text.
class Jq {
 public:
  explicit Jq(void (*out_of_memory)(void*)) : state_(jq_init()) {
    jq_set_nomem_handler(state_, out_of_memory, nullptr);
    jq_set_error_cb(state_, on_error, this);
    jq_set_debug_cb(state_, on_debug, this);
    jq_set_input_cb(state_, on_input, this);
  }
  ~Jq() {
    jv_free(answer_);
    jq_teardown(&state_);
  }
  Jq(const Jq&) = delete;
  Jq& operator=(const Jq&) = delete;

  bool compile(const std::string& program) { return jq_compile(state_, program.c_str()) != 0; }
  const std::vector<std::string>& errors() const { return errors_; }

  // The program yields its values, no more than two, as one list, and is then run to its end: jq cannot be
  // started again, or torn down, while a generator waits inside a path.
  EvaluationResult run(jv input, std::size_t output_max) {  // consumes
    jq_start(state_, input, 0);
    jv values = jq_next(state_);
    EvaluationResult result;
    if (jv_get_kind(values) != JV_KIND_ARRAY) {
      result = failure(values);
    } else {
      const int count = jv_array_length(jv_copy(values));
      result = count == 1   ? printed(jv_array_get(jv_copy(values), 0), output_max)
               : count == 0 ? EvaluationResult{ResultKind::kInvalid, kNone}
                            : EvaluationResult{ResultKind::kInvalid, kSeveral};
      jv_free(values);
      jv_free(jq_next(state_));
    }
    jv_free(answer_);
    answer_ = jv_invalid();
    return result;
  }

 private:
  static EvaluationResult printed(jv value, std::size_t output_max) {  // consumes
    jv text = jv_dump_string(value, 0);
    if (static_cast<std::size_t>(jv_string_length_bytes(jv_copy(text))) > output_max) {
      jv_free(text);
      return {ResultKind::kTooMuch, too_much(output_max)};
    }
    return {ResultKind::kValue, text_of(text)};
  }

  EvaluationResult failure(jv invalid) {  // consumes
    if (!jv_invalid_has_msg(jv_copy(invalid))) {
      jv_free(invalid);
      if (jq_halted(state_) != 0) return {ResultKind::kInvalid, "halted"};
      return {ResultKind::kInvalid, kNone};
    }
    jv message = jv_invalid_get_msg(invalid);
    if (jv_get_kind(message) != JV_KIND_STRING) message = jv_dump_string(message, 0);
    std::string text = text_of(message);
    if (text.size() > kMessageMax) text = text.substr(0, kMessageMax) + "…";
    return {ResultKind::kInvalid, std::move(text)};
  }

  static void on_error(void* self, jv message) {
    jv formatted = jq_format_error(message);
    static_cast<Jq*>(self)->errors_.push_back(text_of(formatted));
  }

  // `["\u0001name", …] | debug | input` is how the prelude calls C++: jq 1.6 lets nobody register functions.
  static void on_debug(void* self, jv message) {
    Jq& jq = *static_cast<Jq*>(self);
    jv_free(jq.answer_);
    jq.answer_ = jv_get_kind(message) == JV_KIND_ARRAY ? answer(message) : jv_invalid();
    jv_free(message);
  }

  static jv answer(jv call) {  // does not consume
    const int length = jv_array_length(jv_copy(call));
    jv first = jv_array_get(jv_copy(call), 0);
    const std::string name = jv_get_kind(first) == JV_KIND_STRING ? text_of(first) : (jv_free(first), "");
    if (!name.starts_with('\001')) return jv_invalid();
    std::vector<std::string> words;  // two that are called often need no detour
    for (int i = 1; i < length && (name == "\001sha256" || name == "\001glob"); ++i) {
      jv word = jv_array_get(jv_copy(call), i);
      if (jv_get_kind(word) != JV_KIND_STRING) return jv_free(word), jv_invalid();
      words.push_back(text_of(word));
    }
    if (name == "\001sha256" && words.size() == 1) {
      const std::string hex = to_hex(sha256(words[0]));
      return jv_string_sized(hex.data(), static_cast<int>(hex.size()));
    }
    if (name == "\001glob" && words.size() == 2) return jv_bool(glob_match(words[1], words[0]) ? 1 : 0);
    return native(name.substr(1), call);
  }

  // [value], or text that says what is wrong.
  static jv native(std::string_view name, jv call) {  // does not consume
    const auto parsed = parse_json(text_of(jv_dump_string(jv_copy(call), 0)));
    if (!parsed || !parsed->is_array()) return jv_string("its argument is nested too deeply");
    json::array given = parsed->get_array();
    given.erase(given.begin());
    const Result<json::value> value = call_native(name, given);
    const std::string text =
        to_text(value ? json::value(json::array{*value}) : json::value(value.error().message));
    return jv_parse_sized(text.data(), static_cast<int>(text.size()));
  }

  static jv on_input(jq_state* /*unused*/, void* self) {
    Jq& jq = *static_cast<Jq*>(self);
    jv given = jq.answer_;
    jq.answer_ = jv_invalid();
    return given;
  }

  jq_state* state_;
  jv answer_ = jv_invalid();
  std::vector<std::string> errors_;
};

// `if $__i < 2 then … else … end` over expressions, each in parentheses on lines of its own.
struct ProgramText {
  std::string text;
  int line = 1;
  std::vector<int> first_line;  // of each expression

  void add(std::string_view piece) {
    text += piece;
    line += static_cast<int>(std::count(piece.begin(), piece.end(), '\n'));
  }
  void select(const std::vector<std::string>& texts, const std::vector<std::size_t>& which, std::size_t from,
              std::size_t to) {
    if (to - from == 1) {
      add("(\n");
      first_line.push_back(line);
      add(texts[which[from]]);
      return add("\n)");
    }
    const std::size_t middle = (from + to) / 2;
    add("if $__i < " + std::to_string(middle) + " then ");
    select(texts, which, from, middle);
    add(" else ");
    select(texts, which, middle, to);
    add(" end");
  }
};

struct Complaint {
  std::string message;
  int line = 0;  // in the program; 0: unknown
};

// `jq: error: MESSAGE (Unix shell quoting issues?) at <top-level>, line N:\n…`
Complaint parse_complaint(std::string_view text) {
  Complaint complaint;
  constexpr std::string_view kPrefix = "jq: error: ";
  constexpr std::string_view kAt = " at <top-level>, line ";
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  const std::size_t at = text.find(kAt);
  if (at != std::string_view::npos) {
    const char* digits = text.data() + at + kAt.size();
    std::from_chars(digits, text.data() + text.size(), complaint.line);
    text = text.substr(0, at);
  }
  complaint.message = std::string(text.substr(0, kMessageMax));
  for (const std::string_view noise : {" (Unix shell quoting issues?)", "INVALID_CHARACTER"}) {
    const std::size_t found = complaint.message.find(noise);
    if (found == std::string::npos) continue;
    complaint.message.replace(found, noise.size(), noise[0] == 'I' ? "character" : "");
  }
  return complaint;
}

}  // namespace

struct Programs::Impl {
  struct Place {
    Jq* jq = nullptr;  // nullptr: it does not compile
    std::uint32_t selector = 0;
  };
  struct Chunk {
    std::vector<std::unique_ptr<Jq>> programs;
    std::vector<Place> places;
  };

  Impl(std::string prelude_in, void (*out_of_memory_in)(void*))
      : prelude(std::move(prelude_in)), out_of_memory(out_of_memory_in) {}
  ~Impl() { jv_free(context); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  ProgramText source(const std::vector<std::string>& texts, const std::vector<std::size_t>& which) const {
    ProgramText s;
    s.add(". as [$__i, $__now, $__c] | def now: $__now;\n");
    s.add(prelude);
    for (const std::string_view name : kBoundNames) {
      const bool used = std::any_of(which.begin(), which.end(), [&](std::size_t i) {
        return texts[i].find('$') != std::string::npos && texts[i].find(name) != std::string::npos;
      });
      if (used) s.add("$__c." + std::string(name) + " as $" + std::string(name) + " | ");
    }
    s.add("$__c | [limit(2;\n");
    s.select(texts, which, 0, which.size());
    s.add(")]");
    return s;
  }

  // The program of these, or nullptr and its complaints.
  std::unique_ptr<Jq> compile(const ProgramText& s, std::vector<Complaint>& complaints) const {
    (*begin)();
    auto jq = std::make_unique<Jq>(out_of_memory);
    if (jq->compile(s.text)) return jq;
    for (const std::string& error : jq->errors()) {
      Complaint complaint = parse_complaint(error);
      if (complaint.line > 0) complaints.push_back(std::move(complaint));
    }
    if (complaints.empty()) complaints.push_back({"does not compile", 0});
    return nullptr;
  }

  // "" when it compiles alone.
  std::string alone(const std::vector<std::string>& texts, std::size_t index,
                    std::unique_ptr<Jq>* keep = nullptr) const {
    const std::vector<std::size_t> which = {index};
    const ProgramText s = source(texts, which);
    std::vector<Complaint> complaints;
    auto jq = compile(s, complaints);
    if (jq) {
      if (keep != nullptr) *keep = std::move(jq);
      return "";
    }
    const Complaint& first = complaints.front();
    const auto lines = static_cast<int>(std::count(texts[index].begin(), texts[index].end(), '\n')) + 1;
    const int line = first.line - s.first_line[0] + 1;
    if (line > lines && first.message.starts_with("syntax error"))
      return "syntax error: the expression is not finished";
    if (lines == 1 || line < 1 || line > lines) return first.message;
    return first.message + " (its line " + std::to_string(line) + ")";
  }

  // Which of `which` the complaints' lines name.
  static std::set<std::size_t> blamed(const ProgramText& s, const std::vector<std::size_t>& which,
                                      const std::vector<Complaint>& complaints) {
    std::set<std::size_t> out;
    for (const Complaint& c : complaints) {
      const auto after = std::upper_bound(s.first_line.begin(), s.first_line.end(), c.line);
      if (after == s.first_line.begin()) continue;
      out.insert(which[static_cast<std::size_t>(after - s.first_line.begin()) - 1]);
    }
    return out;
  }

  // Takes those out of `which` that do not compile alone; false: all of them do.
  bool weed(const std::vector<std::string>& texts, const std::set<std::size_t>& suspects,
            std::vector<std::size_t>& which, std::vector<std::string>& messages) const {
    bool found = false;
    for (const std::size_t i : suspects) {
      messages[i] = alone(texts, i);
      if (messages[i].empty()) continue;
      found = true;
      which.erase(std::find(which.begin(), which.end(), i));
    }
    return found;
  }

  std::string prelude;
  void (*out_of_memory)(void*);
  const std::function<void()>* begin = nullptr;
  std::map<std::uint32_t, Chunk> chunks;
  jv context = jv_null();
};

Programs::Programs(std::string prelude, void (*out_of_memory)(void*))
    : impl_(std::make_unique<Impl>(std::move(prelude), out_of_memory)) {}
Programs::~Programs() = default;

std::vector<std::string> Programs::compile(std::uint32_t id, const std::vector<std::string>& texts,
                                           const std::function<void()>& begin) {
  Impl& impl = *impl_;
  impl.begin = &begin;
  Impl::Chunk chunk;
  chunk.places.resize(texts.size());
  std::vector<std::string> messages(texts.size());
  std::vector<std::size_t> which;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (texts[i].find_first_not_of(" \t\r\n") == std::string::npos) {
      messages[i] = "is blank";
    } else if (texts[i].find('\0') != std::string::npos) {
      messages[i] = "holds a NUL";
    } else {
      which.push_back(i);
    }
  }
  while (!which.empty()) {
    const ProgramText s = impl.source(texts, which);
    std::vector<Complaint> complaints;
    if (auto jq = impl.compile(s, complaints)) {
      for (std::uint32_t k = 0; k < which.size(); ++k)
        chunk.places[which[k]] = {jq.get(), k};
      chunk.programs.push_back(std::move(jq));
      break;
    }
    if (impl.weed(texts, Impl::blamed(s, which, complaints), which, messages)) continue;
    if (impl.weed(texts, {which.begin(), which.end()}, which, messages)) continue;
    for (const std::size_t i : which) {  // each compiles, but not together
      std::unique_ptr<Jq> own;
      messages[i] = impl.alone(texts, i, &own);
      chunk.places[i] = {own.get(), 0};
      if (own) chunk.programs.push_back(std::move(own));
    }
    break;
  }
  impl.begin = nullptr;
  impl.chunks[id] = std::move(chunk);
  return messages;
}

void Programs::forget(std::uint32_t id) {
  impl_->chunks.erase(id);
}

std::string Programs::set_context(std::string_view json) {
  clear_context();
  jv value = jv_parse_sized(json.data(), static_cast<int>(json.size()));
  if (jv_get_kind(value) == JV_KIND_OBJECT) {
    impl_->context = value;
    return "";
  }
  const bool valid = jv_is_valid(value) != 0;
  jv message = valid ? jv_null() : jv_invalid_get_msg(jv_copy(value));
  jv_free(value);
  const std::string why = jv_get_kind(message) == JV_KIND_STRING ? text_of(message) : "";
  if (valid || why.empty()) return "its context is no JSON object";
  return "its context cannot be read: " + why;
}

void Programs::clear_context() {
  jv_free(impl_->context);
  impl_->context = jv_null();
}

EvaluationResult Programs::run(std::uint32_t id, std::uint32_t index, double now_seconds,
                               std::size_t output_max) {
  const auto chunk = impl_->chunks.find(id);
  if (chunk == impl_->chunks.end() || index >= chunk->second.places.size()) {
    return {ResultKind::kInvalid, "was never compiled"};
  }
  const Impl::Place& place = chunk->second.places[index];
  if (place.jq == nullptr) return {ResultKind::kInvalid, "does not compile"};
  jv input = jv_array_sized(3);
  input = jv_array_append(input, jv_number(place.selector));
  input = jv_array_append(input, jv_number(now_seconds));
  input = jv_array_append(input, jv_copy(impl_->context));
  return place.jq->run(input, output_max);
}

}  // namespace postlude::evaluator
