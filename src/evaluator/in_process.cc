#include "evaluator/in_process.h"

#include "base/check.h"
#include "evaluator/chunks.h"
#include "evaluator/programs.h"

namespace postlude::evaluator {

namespace {

void out_of_memory(void* /*unused*/) {
  CHECK(false);
}

}  // namespace

struct InProcess::Impl {
  explicit Impl(std::string prelude) : programs(std::move(prelude), out_of_memory) {}

  // The places of the expressions; compiles all of them.
  std::vector<Ref> place(const std::vector<std::string>& texts) {
    std::vector<Ref> refs = chunks.place(texts);
    for (const Ref& ref : refs) {
      Chunk& chunk = *ref.chunk;
      if (chunk.known) continue;
      chunk.problems = programs.compile(chunk.id, chunk.texts, [] {});
      chunk.known = true;
    }
    return refs;
  }

  Result<std::string> value_of(const Ref& ref, double now_seconds) {
    const std::string& problem = ref.chunk->problems[ref.index];
    if (!problem.empty()) return Error(Code::kInvalid, problem);
    EvaluationResult result = programs.run(ref.chunk->id, ref.index, now_seconds, kValueBytesMax);
    if (result.kind == ResultKind::kValue) return std::move(result.text);
    return Error(result.kind == ResultKind::kTooMuch ? Code::kOverloaded : Code::kInvalid,
                 std::move(result.text));
  }

  Programs programs;
  Chunks chunks{[this](std::uint32_t id) { programs.forget(id); }};
};

InProcess::InProcess(std::string prelude) : impl_(std::make_unique<Impl>(std::move(prelude))) {}
InProcess::~InProcess() = default;

void InProcess::announce(std::vector<std::string> expressions) {
  impl_->place(expressions);
}

rt::Task<Values> InProcess::evaluate(std::vector<std::string> expressions, std::string context,
                                     double now_seconds) {
  Values values;
  values.reserve(expressions.size());
  const std::vector<Ref> refs = impl_->place(expressions);
  const std::string unreadable = impl_->programs.set_context(context);
  for (const Ref& ref : refs) {
    values.push_back(unreadable.empty() ? impl_->value_of(ref, now_seconds)
                                        : Result<std::string>(Error(Code::kInvalid, unreadable)));
  }
  impl_->programs.clear_context();
  co_return values;
}

rt::Task<Result<std::vector<std::string>>> InProcess::check(std::vector<std::string> expressions) {
  std::vector<std::string> messages;
  for (const Ref& ref : impl_->place(expressions))
    messages.push_back(ref.chunk->problems[ref.index]);
  co_return messages;
}

}  // namespace postlude::evaluator
