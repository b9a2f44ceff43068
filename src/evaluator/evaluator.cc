#include "evaluator/evaluator.h"

#include <algorithm>
#include <deque>
#include <optional>
#include <set>
#include <unordered_set>

#include "base/check.h"
#include "base/log.h"
#include "evaluator/chunks.h"
#include "evaluator/process.h"

namespace postlude::evaluator {
namespace {

constexpr std::size_t kBatchMax = 10'000;  // expressions of one call
constexpr std::size_t kSuspectsMax = 1'000;
constexpr int kLostMax = 3;  // children that one batch may lose without anybody to blame
constexpr Duration kRetryStart = std::chrono::seconds(1);

struct Slot {
  std::unique_ptr<Process> process;
  std::set<std::uint32_t> compiled;
  std::vector<std::uint32_t> forget;  // to be told with the next program
  bool idle = false;
  bool tending = false;
  bool suspect = false;  // runs a batch that may well kill it
};

struct Waiter {
  explicit Waiter(rt::Loop& loop) : waker(loop) {}
  rt::Waker waker;
  std::vector<ChunkPtr> needs;
  bool suspect = false;
  Slot* slot = nullptr;
  std::optional<Error> error;
};

std::string limit_text(std::size_t bytes) {
  return bytes % (1U << 20U) == 0 ? std::to_string(bytes >> 20U) + "MiB"
                                  : std::to_string(bytes >> 10U) + "KiB";
}

}  // namespace

struct Evaluator::Impl : std::enable_shared_from_this<Evaluator::Impl> {
  Impl(rt::Loop& loop_in, Options options_in)
      : loop(loop_in), options(std::move(options_in)), group(loop_in, "evaluator") {
    CHECK(options.children > 0);
    slots.resize(options.children);
  }

  // Children forget what is dropped when they compile the next program.
  void forget(std::uint32_t id) {
    for (Slot& slot : slots) {
      if (slot.compiled.erase(id) > 0) slot.forget.push_back(id);
    }
  }

  // --- children

  static bool has_all(const Slot& slot, const std::vector<ChunkPtr>& needs) {
    return std::all_of(needs.begin(), needs.end(),
                       [&](const ChunkPtr& c) { return slot.compiled.contains(c->id); });
  }

  // An idle child that has the programs; without any such child, idle or not, one that will compile them
  // first.
  Slot* pick(const std::vector<ChunkPtr>& needs, bool suspect) {
    const auto has_suspect = [](const Slot& slot) { return slot.process && slot.suspect; };
    if (suspect && slots.size() > 1 && std::any_of(slots.begin(), slots.end(), has_suspect))
      return nullptr;  // one child stays free of those
    Slot* other = nullptr;
    bool somebody = false;
    for (Slot& slot : slots) {
      if (!slot.process) continue;
      const bool all = has_all(slot, needs);
      if (slot.idle && all) return &slot;
      somebody = somebody || (all && !slot.suspect);
      if (slot.idle && other == nullptr) other = &slot;
    }
    return somebody ? nullptr : other;
  }

  void take(Slot& slot, bool suspect) {
    slot.idle = false;
    slot.suspect = suspect;
  }

  rt::Task<Result<Slot*>> acquire(std::vector<ChunkPtr> needs, bool suspect) {
    if (stopping) co_return Error(Code::kCancelled, "shutting down");
    std::deque<std::shared_ptr<Waiter>>& queue = suspect ? suspects_waiting : waiting;
    if (queue.empty()) {
      if (Slot* slot = pick(needs, suspect)) {
        take(*slot, suspect);
        co_return slot;
      }
    }
    if (waiting.size() + suspects_waiting.size() >= options.queue_max) {
      co_return Error(Code::kUnavailable, "too many evaluations are waiting");
    }
    auto waiter = std::make_shared<Waiter>(loop);
    waiter->needs = std::move(needs);
    waiter->suspect = suspect;
    queue.push_back(waiter);
    tend_all();
    while (waiter->slot == nullptr && !waiter->error) {
      AWAIT_DONE(waiter->waker.wait_at_most(std::chrono::seconds(60)));
    }
    if (waiter->error) co_return *waiter->error;
    co_return waiter->slot;
  }

  void dispatch() {
    for (auto* queue : {&waiting, &suspects_waiting}) {
      while (!queue->empty()) {
        const std::shared_ptr<Waiter> waiter = queue->front();
        Slot* slot = pick(waiter->needs, waiter->suspect);
        if (slot == nullptr) break;
        queue->pop_front();
        take(*slot, waiter->suspect);
        waiter->slot = slot;
        waiter->waker.wake();
      }
    }
  }

  void fail_waiters(const Error& error) {
    for (auto* queue : {&waiting, &suspects_waiting}) {
      for (const auto& waiter : *queue) {
        waiter->error = error;
        waiter->waker.wake();
      }
      queue->clear();
    }
  }

  void release(Slot& slot) {
    slot.idle = slot.process != nullptr;
    slot.suspect = false;
    dispatch();
    tend_all();
  }

  Death bury(Slot& slot) {
    const Death death = slot.process->death();
    slot.process.reset();
    slot.compiled.clear();
    slot.forget.clear();
    slot.idle = false;
    slot.suspect = false;
    return death;
  }

  ChunkPtr next_missing(const Slot& slot) const {
    if (slot.compiled.size() == chunks.all().size()) return nullptr;
    ChunkPtr best;
    for (const auto& [id, chunk] : chunks.all()) {
      if (slot.compiled.contains(id) || (chunk->known && all_broken(*chunk))) continue;
      if (!chunk->known && chunk->compiling == 0) return chunk;  // somebody may wait for its problems
      if (best == nullptr && chunk->known) best = chunk;
    }
    return best;
  }
  static bool all_broken(const Chunk& chunk) {
    return std::none_of(chunk.problems.begin(), chunk.problems.end(),
                        [](const std::string& p) { return p.empty(); });
  }

  void tend_all() {
    for (Slot& slot : slots)
      tend(slot);
  }
  void tend(Slot& slot) {
    if (slot.tending || stopping) return;
    if (slot.process && (!slot.idle || next_missing(slot) == nullptr)) return;
    slot.tending = true;
    group.start(tending(shared_from_this(), &slot));
  }

  // Keeps one child alive and, while nobody needs it, compiles what it lacks.
  static rt::Task<> tending(std::shared_ptr<Impl> self, Slot* slot) {
    while (!self->stopping) {
      if (!slot->process) {
        AWAIT(const bool started, self->start(slot));
        if (!started) break;
        self->dispatch();
      }
      if (!slot->idle) break;  // whoever releases it comes back here
      const ChunkPtr chunk = self->next_missing(*slot);
      if (chunk == nullptr) break;
      self->take(*slot, false);
      AWAIT(const bool alive, self->compile(slot, chunk));
      if (alive && !self->stopping) slot->idle = true;
      self->dispatch();
    }
    slot->tending = false;
  }

  rt::Task<bool> start(Slot* slot) {
    Error error(Code::kUnavailable, "");
    if (rt::steady_now() < start_after) {
      error.message = start_failure;
    } else {
      auto process = Process::start(loop, options);
      if (process) {
        slot->process = *std::move(process);
        FrameWriter out;
        out.byte(kSetUp);
        out.u64(static_cast<std::uint64_t>(options.time.count()));
        out.u64(options.memory_bytes);
        out.u64(options.output_bytes_max);
        out.text(options.prelude);
        std::string frame = std::move(out).frame();
        AWAIT(const Result<std::string> answer, slot->process->ask(std::move(frame)));
        if (answer) {
          note_fence(*answer);
          slot->idle = true;
          co_return true;
        }
        bury(*slot);
        error.message = "an evaluator ended while it started";
      } else {
        error.message = process.error().message;
      }
      start_failure = error.message;
      start_after = rt::steady_now() + kRetryStart;
      if (!stopping) log::error("no evaluator", {{"why", error.message}});
    }
    const bool others =
        std::any_of(slots.begin(), slots.end(), [](const Slot& s) { return s.process != nullptr; });
    if (!others) {
      fail_waiters(error);
      ++start_failures;
      notify();
    }
    co_return false;
  }

  void note_fence(std::string_view answer) {
    FrameReader in(answer);
    (void)in.byte();
    const std::string missing(in.text());
    if (missing.empty() || std::exchange(fence_told, true)) return;
    log::warn("expressions run with less isolation than this program wants: the kernel refuses some of it",
              {{"missing", missing}});
  }

  // Those who wait in check() look again.
  void notify() {
    for (const auto& waker : checking)
      waker->wake();
  }

  // false: the child died of it, and was buried. The slot is taken; nobody else touches it.
  rt::Task<bool> compile(Slot* slot, ChunkPtr chunk) {
    FrameWriter out;
    out.byte(kCompile);
    out.u32(static_cast<std::uint32_t>(slot->forget.size()));
    for (const std::uint32_t id : slot->forget)
      out.u32(id);
    slot->forget.clear();
    out.u32(chunk->id);
    out.u32(static_cast<std::uint32_t>(chunk->texts.size()));
    for (const std::string& text : chunk->texts)
      out.text(text);
    ++chunk->compiling;
    std::string frame = std::move(out).frame();
    AWAIT(const Result<std::string> answer, slot->process->ask(std::move(frame)));
    --chunk->compiling;
    if (!answer) {
      const Death death = bury(*slot);
      if (!stopping && death.phase == ChildPhase::kCompiling && !death.from_outside) {
        ++stats.died;
        chunks.split(chunk, "ended its evaluator while it was compiled (" + ending(death) + ")");
      }
      notify();
      co_return false;
    }
    FrameReader in(*answer);
    in.byte();
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < chunk->texts.size(); ++i)
      problems.emplace_back(in.text());
    if (!in.ok()) {
      bury(*slot);
      co_return false;
    }
    chunk->problems = std::move(problems);
    chunk->known = true;
    if (chunk->dropped) {
      slot->forget.push_back(chunk->id);
    } else {
      slot->compiled.insert(chunk->id);
    }
    notify();
    tend_all();  // the others lack it
    co_return true;
  }

  static std::string ending(const Death& death) {
    switch (death.cause) {
      case Death::Cause::kTime:
      case Death::Cause::kStandstill:
        return "took too long";
      case Death::Cause::kMemory:
        return "needed too much memory";
      case Death::Cause::kSignal:
        return "signal " + std::to_string(death.number);
      case Death::Cause::kExit:
        return "exit code " + std::to_string(death.number);
    }
    return "";
  }

  // The error of an expression that killed its child.
  Error fate(const Death& death) {
    switch (death.cause) {
      case Death::Cause::kTime:
        ++stats.killed_time;
        return Error(Code::kOverloaded, "took more than " + to_text(options.time));
      case Death::Cause::kStandstill:
        ++stats.killed_time;
        return Error(Code::kOverloaded, "stood still for more than " + to_text(options.standstill));
      case Death::Cause::kMemory:
        ++stats.killed_memory;
        return Error(Code::kOverloaded, "needed more than " + limit_text(options.memory_bytes));
      case Death::Cause::kSignal:
      case Death::Cause::kExit:
        ++stats.died;
        return Error(Code::kInvalid, "ended its evaluator (" + ending(death) + ")");
    }
    return Error(Code::kInvalid, "ended its evaluator");
  }

  // --- a batch

  struct Batch {
    std::vector<std::string> texts;
    std::string context;
    double now = 0;
    std::vector<std::optional<Result<std::string>>> values;
    std::vector<std::size_t> open;  // without a value yet
    int lost = 0;

    void settle_all(const Error& error) {
      for (const std::size_t i : open)
        values[i] = error;
      open.clear();
    }
  };

  static rt::Task<Values> run(std::shared_ptr<Impl> self, std::vector<std::string> texts, std::string context,
                              double now) {
    Batch batch;
    batch.values.resize(texts.size());
    batch.texts = std::move(texts);
    batch.context = std::move(context);
    batch.now = now;
    for (std::size_t i = 0; i < batch.texts.size(); ++i)
      batch.open.push_back(i);
    ++self->stats.batches;
    self->stats.expressions += batch.texts.size();
    if (batch.texts.size() > kBatchMax)
      batch.settle_all(Error(Code::kOverloaded, "too many expressions at once"));
    if (batch.context.size() > kContextMax)
      batch.settle_all(Error(Code::kOverloaded, "its context is larger than 64MiB"));
    while (!batch.open.empty()) {
      AWAIT_DONE(self->round(&batch));
    }
    Values out;
    out.reserve(batch.values.size());
    for (auto& value : batch.values)
      out.push_back(*std::move(value));
    co_return out;
  }

  // One try with one child: settles all that is open, or the one that killed the child, or nothing.
  rt::Task<> round(Batch* batch) {
    std::vector<std::string> texts;
    for (const std::size_t i : batch->open)
      texts.push_back(batch->texts[i]);
    std::vector<Ref> refs = chunks.place(texts);
    settle_broken(*batch, refs);
    if (batch->open.empty()) co_return;
    std::vector<ChunkPtr> needs;
    bool suspect = false;
    for (const Ref& ref : refs) {
      if (std::find(needs.begin(), needs.end(), ref.chunk) == needs.end()) needs.push_back(ref.chunk);
      suspect = suspect || suspects.contains(ref.text());
    }
    AWAIT(const Result<Slot*> got, acquire(needs, suspect));
    if (!got) {
      batch->settle_all(got.error());
      co_return;
    }
    Slot* slot = *got;
    for (const ChunkPtr& chunk : needs) {
      if (slot->compiled.contains(chunk->id)) continue;
      AWAIT(const bool alive, compile(slot, chunk));
      if (!alive) {
        lose(*batch);
        tend(*slot);
        co_return;
      }
    }
    settle_broken(*batch, refs);
    if (!batch->open.empty()) {
      std::string frame = request(*batch, refs);
      AWAIT(const Result<std::string> answer, slot->process->ask(std::move(frame)));
      if (!answer) {
        blame(*batch, refs, bury(*slot));
      } else if (!settle(*batch, refs, *answer)) {
        bury(*slot);
        lose(*batch);
      }
    }
    release(*slot);
  }

  // Those that the compiler refused; `refs` keeps step with what is open.
  static void settle_broken(Batch& batch, std::vector<Ref>& refs) {
    std::vector<std::size_t> open;
    std::vector<Ref> kept;
    for (std::size_t k = 0; k < refs.size(); ++k) {
      const Chunk& chunk = *refs[k].chunk;
      if (chunk.known && !chunk.problems[refs[k].index].empty()) {
        batch.values[batch.open[k]] = Error(Code::kInvalid, chunk.problems[refs[k].index]);
      } else {
        open.push_back(batch.open[k]);
        kept.push_back(refs[k]);
      }
    }
    batch.open = std::move(open);
    refs = std::move(kept);
  }

  static std::string request(const Batch& batch, const std::vector<Ref>& refs) {
    FrameWriter out;
    out.byte(kEvaluate);
    out.f64(batch.now);
    out.text(batch.context);
    out.u32(static_cast<std::uint32_t>(refs.size()));
    for (const Ref& ref : refs) {
      out.u32(ref.chunk->id);
      out.u32(ref.index);
    }
    return std::move(out).frame();
  }

  // false: the answer makes no sense. What libjq broke in its own process must not reach ours.
  bool settle(Batch& batch, const std::vector<Ref>& refs, const std::string& answer) {
    FrameReader in(answer);
    in.byte();
    Values values;
    for (std::size_t k = 0; k < batch.open.size(); ++k) {
      const auto kind = static_cast<ResultKind>(in.byte());
      std::string text(in.text());
      if (kind == ResultKind::kValue) {
        values.emplace_back(std::move(text));
      } else {
        values.emplace_back(
            Error(kind == ResultKind::kTooMuch ? Code::kOverloaded : Code::kInvalid, std::move(text)));
      }
    }
    if (!in.ok()) return false;
    for (std::size_t k = 0; k < values.size(); ++k) {
      batch.values[batch.open[k]] = std::move(values[k]);
      if (!suspects.empty()) suspects.erase(refs[k].text());
    }
    batch.open.clear();
    return true;
  }

  void lose(Batch& batch) {
    if (stopping) return batch.settle_all(Error(Code::kCancelled, "shutting down"));
    if (++batch.lost >= kLostMax)
      batch.settle_all(Error(Code::kUnavailable, "its evaluators ended again and again"));
  }

  void blame(Batch& batch, const std::vector<Ref>& refs, const Death& death) {
    if (stopping || death.phase == ChildPhase::kIdle || (death.from_outside && batch.lost == 0))
      return lose(batch);
    if (death.phase == ChildPhase::kReading) {
      const Error error = fate(death);
      return batch.settle_all(Error(error.code, "its context: " + error.message));
    }
    if (death.phase != ChildPhase::kEvaluating || death.running >= batch.open.size()) return lose(batch);
    if (suspects.size() >= kSuspectsMax) suspects.clear();
    suspects.insert(refs[death.running].text());
    batch.values[batch.open[death.running]] = fate(death);
    batch.open.erase(batch.open.begin() + death.running);
  }

  // --- check

  static rt::Task<Result<std::vector<std::string>>> run_check(std::shared_ptr<Impl> self,
                                                              std::vector<std::string> texts) {
    const std::uint64_t failures = self->start_failures;
    auto waker = std::make_shared<rt::Waker>(self->loop);
    self->checking.push_back(waker);
    std::vector<Ref> refs = self->chunks.place(texts);
    self->tend_all();
    std::optional<Error> error;
    for (;;) {
      const bool dropped = std::any_of(refs.begin(), refs.end(),
                                       [](const Ref& r) { return r.chunk->dropped && !r.chunk->known; });
      if (dropped) {
        refs = self->chunks.place(texts);
        self->tend_all();
      }
      if (std::all_of(refs.begin(), refs.end(), [](const Ref& r) { return r.chunk->known; })) break;
      if (self->stopping) error.emplace(Code::kCancelled, "shutting down");
      if (self->start_failures != failures) error.emplace(Code::kUnavailable, self->start_failure);
      if (error) break;
      AWAIT_DONE(waker->wait_at_most(std::chrono::seconds(1)));
      self->tend_all();
    }
    std::erase(self->checking, waker);
    if (error) co_return *error;
    std::vector<std::string> messages;
    messages.reserve(refs.size());
    for (const Ref& ref : refs)
      messages.push_back(ref.chunk->problems[ref.index]);
    co_return messages;
  }

  static rt::Task<> run_stop(std::shared_ptr<Impl> self) {
    self->stopping = true;
    self->fail_waiters(Error(Code::kCancelled, "shutting down"));
    self->notify();
    for (Slot& slot : self->slots) {
      if (slot.process) slot.process->kill();
    }
    AWAIT(const bool ended, self->group.close(std::chrono::milliseconds(300)));
    if (!ended) self->group.abandon();  // the kernel takes its time over what is killed
    for (Slot& slot : self->slots) {
      if (slot.idle) slot.process.reset();  // of one that is not idle, whoever has it takes leave
    }
  }

  rt::Loop& loop;
  Options options;
  rt::Group group;
  std::vector<Slot> slots;  // never resized: others hold pointers
  Chunks chunks{[this](std::uint32_t id) { forget(id); }};
  std::deque<std::shared_ptr<Waiter>> waiting;
  std::deque<std::shared_ptr<Waiter>> suspects_waiting;
  std::unordered_set<std::string> suspects;  // have killed a child and not been well since
  std::vector<std::shared_ptr<rt::Waker>> checking;
  Duration start_after{};
  std::string start_failure;
  bool fence_told = false;
  std::uint64_t start_failures = 0;
  bool stopping = false;
  Stats stats;
};

Evaluator::Evaluator(rt::Loop& loop, Options options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

Evaluator::~Evaluator() {
  impl_->stopping = true;
  impl_->group.abandon();
  // Coroutines inside evaluate() hold slots; the last of them, or this function, reaps the children.
  for (Slot& slot : impl_->slots) {
    if (slot.process) slot.process->kill();
  }
}

void Evaluator::announce(std::vector<std::string> expressions) {
  if (expressions.empty() || impl_->stopping) return;
  impl_->chunks.place(expressions);
  impl_->tend_all();
}

rt::Task<Values> Evaluator::evaluate(std::vector<std::string> expressions, std::string context,
                                     double now_seconds) {
  return Impl::run(impl_, std::move(expressions), std::move(context), now_seconds);
}

rt::Task<Result<std::vector<std::string>>> Evaluator::check(std::vector<std::string> expressions) {
  return Impl::run_check(impl_, std::move(expressions));
}

rt::Task<> Evaluator::stop() {
  return Impl::run_stop(impl_);
}

Evaluator::Stats Evaluator::stats() const {
  return impl_->stats;
}

}  // namespace postlude::evaluator
