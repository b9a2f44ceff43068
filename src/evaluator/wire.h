#pragma once
// Wire: the protocol between parent and child: frames on a socket, and four words of shared memory, which the
// parent can still read after the child's death.

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace postlude::evaluator {

constexpr int kSocketFd = 0;  // in the child
constexpr int kSharedFd = 3;
constexpr std::size_t kFrameMax = 96U << 20U;    // in both directions
constexpr std::size_t kContextMax = 64U << 20U;  // JSON text of one batch
constexpr std::size_t kAnswersMax = 64U << 20U;  // all values of one batch together

// The first byte of a frame's body. Each request has one answer, which begins with the same byte.
constexpr char kSetUp = 'S';    // time_us u64, memory u64, output u64, prelude text -> text (fence.h)
constexpr char kCompile = 'C';  // forget u32 × id, id u32, n u32 × text -> n × message ("": compiled)
constexpr char kEvaluate =
    'E';  // now f64, context text, n u32 × (program u32, index u32) -> n × (ResultKind u8, text)

enum class ResultKind : std::uint8_t { kValue = 1, kInvalid, kTooMuch };

// The child's activity, which the parent reads after the child's death. Values may change between builds.
enum class ChildPhase : std::uint32_t { kIdle = 0, kCompiling, kReading, kEvaluating };
struct SharedState {
  std::atomic<std::uint32_t> phase{0};
  std::atomic<std::uint32_t> running{0};    // kEvaluating: index in the batch
  std::atomic<std::uint32_t> progress{0};   // counts steps, for the parent's watchdog
  std::atomic<std::uint32_t> no_memory{0};  // 1: the child ended because an allocation failed
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

// Both sides are the same binary on the same machine: native byte order.
class FrameWriter {
 public:
  void byte(char c) { out_ += c; }
  void u32(std::uint32_t v) { raw(&v, sizeof v); }
  void u64(std::uint64_t v) { raw(&v, sizeof v); }
  void f64(double v) { raw(&v, sizeof v); }
  void text(std::string_view t) {
    u32(static_cast<std::uint32_t>(t.size()));
    out_ += t;
  }
  std::size_t size() const { return out_.size(); }
  // The frame with its length in front, ready to send.
  std::string frame() && {
    const auto length = static_cast<std::uint32_t>(out_.size() - sizeof(std::uint32_t));
    std::memcpy(out_.data(), &length, sizeof length);
    return std::move(out_);
  }

 private:
  void raw(const void* p, std::size_t n) { out_.append(static_cast<const char*>(p), n); }
  std::string out_ = std::string(sizeof(std::uint32_t), '\0');
};

class FrameReader {
 public:
  explicit FrameReader(std::string_view body) : rest_(body) {}
  bool ok() const { return ok_; }
  char byte() {
    char c = 0;
    raw(&c, 1);
    return c;
  }
  std::uint32_t u32() {
    std::uint32_t v = 0;
    raw(&v, sizeof v);
    return v;
  }
  std::uint64_t u64() {
    std::uint64_t v = 0;
    raw(&v, sizeof v);
    return v;
  }
  double f64() {
    double v = 0;
    raw(&v, sizeof v);
    return v;
  }
  std::string_view text() {
    const std::size_t n = u32();
    if (n > rest_.size()) ok_ = false;
    if (!ok_) return {};
    const std::string_view t = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return t;
  }

 private:
  void raw(void* p, std::size_t n) {
    if (n > rest_.size()) ok_ = false;
    if (!ok_) return;
    std::memcpy(p, rest_.data(), n);
    rest_.remove_prefix(n);
  }
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace postlude::evaluator
