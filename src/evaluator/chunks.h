#pragma once
// Chunks: assigns expressions to programs, and keeps what the compiler reported about each. Lives in the
// parent.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace postlude::evaluator {

// The expressions of one program. Its texts never change.
struct Chunk {
  std::uint32_t id = 0;
  std::vector<std::string> texts;
  std::vector<std::string> problems;  // reported by the compiler, once known
  bool known = false;
  bool dropped = false;  // forgotten, or split because it killed a child: its texts are in other chunks
  int compiling = 0;     // number of children that are compiling it
  std::uint64_t used = 0;
};
using ChunkPtr = std::shared_ptr<Chunk>;

struct Ref {
  ChunkPtr chunk;
  std::uint32_t index = 0;
  const std::string& text() const { return chunk->texts[index]; }
};

class Chunks {
 public:
  explicit Chunks(std::function<void(std::uint32_t)> on_drop) : on_drop_(std::move(on_drop)) {}

  // Finds the place of each text, and puts new ones into new chunks. Drops the least recently used chunks
  // beyond a limit.
  std::vector<Ref> place(const std::vector<std::string>& texts);
  // Call it when a program killed its compiler. From now on each of its expressions is a program of its own;
  // an expression that was alone gets the problem `why`.
  void split(const ChunkPtr& chunk, const std::string& why);
  const std::map<std::uint32_t, ChunkPtr>& all() const { return chunks_; }

 private:
  using Where = std::unordered_map<std::string_view, Ref>;  // keys are views into the chunks

  ChunkPtr new_chunk(std::size_t size);
  Where::iterator add(const ChunkPtr& chunk, const std::string& text);
  void drop(const ChunkPtr& chunk);
  void trim();

  std::function<void(std::uint32_t)> on_drop_;
  std::map<std::uint32_t, ChunkPtr> chunks_;
  Where where_;
  std::uint32_t last_id_ = 0;
  std::uint64_t clock_ = 0;
};

}  // namespace postlude::evaluator
