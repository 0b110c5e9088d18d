#include "spikelet/core/pool.hpp"

#include <algorithm>

#include "spikelet/core/buffer.hpp"

namespace spikelet {
namespace {

// Sizes are rounded up, so that tensors of almost the same size share blocks.
std::size_t block_bytes(std::size_t bytes) {
  constexpr std::size_t unit = std::size_t{1} << 16;
  return std::max((bytes + unit - 1) / unit, std::size_t{1}) * unit;
}

void* allocate(std::size_t bytes) { return PageAllocator<unsigned char, false>().allocate(bytes); }
void release(void* p) {
  PageAllocator<unsigned char, false>().deallocate(static_cast<unsigned char*>(p), 0);
}

}  // namespace

Pool::~Pool() { shrink(0); }

void* Pool::take(std::size_t bytes) {
  const std::size_t wanted = block_bytes(bytes);
  {
    const std::lock_guard lock(mutex_);
    auto best = blocks_.end();
    for (auto b = blocks_.begin(); b != blocks_.end(); ++b) {
      if (b->bytes == wanted) {
        best = b;
      }
    }
    if (best != blocks_.end()) {
      void* p = best->p;
      idle_ -= best->bytes;
      blocks_.erase(best);
      return p;
    }
  }
  return allocate(wanted);
}

void Pool::give(void* p, std::size_t bytes) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    blocks_.push_back({p, block_bytes(bytes)});
    idle_ += blocks_.back().bytes;
    shrink(limit_);
  } catch (...) {
    release(p);
  }
}

void Pool::set_limit(std::size_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
  shrink(limit_);
}

std::size_t Pool::limit() const {
  const std::lock_guard lock(mutex_);
  return limit_;
}

std::size_t Pool::idle() const {
  const std::lock_guard lock(mutex_);
  return idle_;
}

void Pool::shrink(std::size_t to) {
  while (idle_ > to) {
    idle_ -= blocks_.front().bytes;
    release(blocks_.front().p);
    blocks_.pop_front();
  }
}

}  // namespace spikelet
