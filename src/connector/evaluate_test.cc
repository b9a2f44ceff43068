// Expressions evaluated by libjq in process: what may hang or die is the evaluator's business; the data here
// is ours.
extern "C" {
#include <jq.h>
#include <jv.h>
}

#include <map>
#include <memory>

#include "connector/testing.h"

// libjq 1.6 itself loses a few bytes here and there, as in `fromdate`.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libjq.so";
}

namespace postlude::connector::testing {

namespace {

void add_error(void* into, jv message) {
  *static_cast<std::string*>(into) += jv_get_kind(message) == JV_KIND_STRING ? jv_string_value(message) : "?";
  jv_free(message);
}

// Compiling takes a hundred times as long as running: each text once.
struct Program {
  jq_state* jq = jq_init();
  std::string error;
  bool compiled = false;

  explicit Program(const std::string& expression) {
    jq_set_error_cb(jq, add_error, &error);
    std::string text = "def now: 1763805600; . as $__c |";
    // What the prelude adds takes most of the time.
    if (expression.find("_escape") != std::string::npos) text += lang::prelude();
    for (const char* name : {"event", "run", "workflow", "vars", "steps", "with", "target", "response",
                             "requests", "key", "outputs"}) {
      text += " $__c." + std::string(name) + " as $" + name + " |";
    }
    text += " $__c | (\n" + expression + "\n)";
    compiled = jq_compile(jq, text.c_str()) != 0;
  }
  ~Program() { jq_teardown(&jq); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
};

}  // namespace

lang::Evaluated evaluate_one(const std::string& expression, const json::value& context) {
  static std::map<std::string, std::unique_ptr<Program>> programs;
  std::unique_ptr<Program>& program = programs[expression];
  if (!program) program = std::make_unique<Program>(expression);
  if (!program->compiled) return Error(Code::kInvalid, "does not compile: " + program->error);
  jq_start(program->jq, jv_parse(to_text(context).c_str()), 0);
  std::vector<std::string> outputs;
  jv value = jq_next(program->jq);
  for (; jv_is_valid(value) != 0; value = jq_next(program->jq)) {
    jv text = jv_dump_string(value, 0);
    outputs.emplace_back(jv_string_value(text));
    jv_free(text);
  }
  if (jv_invalid_has_msg(jv_copy(value)) != 0) {
    std::string failed;
    add_error(&failed, jv_invalid_get_msg(value));
    return Error(Code::kInvalid, failed);
  }
  jv_free(value);
  if (outputs.size() != 1) return Error(Code::kInvalid, std::to_string(outputs.size()) + " values");
  return outputs.front();
}

}  // namespace postlude::connector::testing
