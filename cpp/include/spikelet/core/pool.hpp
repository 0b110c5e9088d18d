// Recycles the memory of large results that every training step allocates again, so that the
// system need not map their pages each time.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>

#include "spikelet/core/fork.hpp"

namespace spikelet {

class Pool {
 public:
  explicit Pool(std::size_t limit) : limit_(limit) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // At least this many bytes, 64-byte aligned; throws std::bad_alloc.
  void* take(std::size_t bytes);
  void give(void* p, std::size_t bytes) noexcept;

  // The most memory that may lie idle [bytes]; the rest is returned to the system, oldest first.
  void set_limit(std::size_t bytes);
  std::size_t limit() const;
  std::size_t idle() const;

 private:
  struct Block {
    void* p;
    std::size_t bytes;
  };
  void shrink(std::size_t to);

  mutable ForkMutex mutex_;
  std::list<Block> blocks_;  // the oldest first
  std::size_t idle_ = 0;
  std::size_t limit_;
};

}  // namespace spikelet
