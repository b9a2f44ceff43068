#include "evaluator/chunks.h"

#include <algorithm>

namespace postlude::evaluator {
namespace {

constexpr std::size_t kChunkSize =
    150;  // distinct expressions of a program; compiling grows faster than they do
constexpr std::size_t kChunksMax = 400;  // programs kept

}  // namespace

std::vector<Ref> Chunks::place(const std::vector<std::string>& texts) {
  std::vector<Ref> refs(texts.size());
  ChunkPtr filling;
  for (std::size_t i = 0; i < texts.size(); ++i) {
    auto found = where_.find(texts[i]);
    if (found == where_.end()) {
      if (filling == nullptr || filling->texts.size() == filling->texts.capacity()) {
        filling = new_chunk(std::min(kChunkSize, texts.size() - i));
      }
      found = add(filling, texts[i]);
    }
    refs[i] = found->second;
    refs[i].chunk->used = ++clock_;
  }
  trim();
  return refs;
}

void Chunks::split(const ChunkPtr& chunk, const std::string& why) {
  if (chunk->dropped) return;
  if (chunk->texts.size() == 1) {
    chunk->problems = {why};
    chunk->known = true;
    return;
  }
  drop(chunk);
  for (const std::string& text : chunk->texts)
    add(new_chunk(1), text)->second.chunk->used = ++clock_;
}

ChunkPtr Chunks::new_chunk(std::size_t size) {
  auto chunk = std::make_shared<Chunk>();
  chunk->id = ++last_id_;
  chunk->texts.reserve(size);  // the keys look into it: it must not move
  chunks_.emplace(chunk->id, chunk);
  return chunk;
}

Chunks::Where::iterator Chunks::add(const ChunkPtr& chunk, const std::string& text) {
  chunk->texts.push_back(text);
  const auto index = static_cast<std::uint32_t>(chunk->texts.size() - 1);
  return where_.emplace(chunk->texts.back(), Ref{chunk, index}).first;
}

void Chunks::drop(const ChunkPtr& chunk) {
  chunk->dropped = true;
  for (const std::string& text : chunk->texts)
    where_.erase(text);
  chunks_.erase(chunk->id);
  on_drop_(chunk->id);
}

void Chunks::trim() {
  while (chunks_.size() > kChunksMax) {
    auto oldest = chunks_.begin();
    for (auto it = chunks_.begin(); it != chunks_.end(); ++it) {
      if (it->second->used < oldest->second->used) oldest = it;
    }
    const ChunkPtr chunk = oldest->second;
    drop(chunk);
  }
}

}  // namespace postlude::evaluator
