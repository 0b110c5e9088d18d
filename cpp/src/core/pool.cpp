#include "spikelet/core/pool.hpp"

#include <algorithm>
#include <iterator>

#include "spikelet/core/buffer.hpp"

namespace spikelet {
namespace {

// Rounded up, so that tensors of almost the same size share blocks.
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
    // The most recent one: parts of it may still be in a cache.
    const auto found = std::find_if(blocks_.rbegin(), blocks_.rend(),
                                    [&](const Block& b) { return b.bytes == wanted; });
    if (found != blocks_.rend()) {
      void* p = found->p;
      idle_ -= found->bytes;
      blocks_.erase(std::next(found).base());
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
