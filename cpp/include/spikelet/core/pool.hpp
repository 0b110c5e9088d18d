// Memory for large results that come and go with every step of a training: what was given back is
// handed out again, so that its pages need not be asked of the system each time.
#pragma once

#include <cstddef>
#include <list>
#include <mutex>

namespace spikelet {

class Pool {
 public:
  explicit Pool(std::size_t limit) : limit_(limit) {}
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // At least so many bytes, on a boundary of 64; throws std::bad_alloc.
  void* take(std::size_t bytes);
  void give(void* p, std::size_t bytes) noexcept;

  // What may lie idle [bytes]; what is above it is returned to the system, the oldest first.
  void set_limit(std::size_t bytes);
  std::size_t limit() const;
  std::size_t idle() const;

 private:
  struct Block {
    void* p;
    std::size_t bytes;
  };
  void shrink(std::size_t to);

  mutable std::mutex mutex_;
  std::list<Block> blocks_;  // the oldest first
  std::size_t idle_ = 0;
  std::size_t limit_;
};

}  // namespace spikelet
