// Memory that runs out at a chosen allocation: operator new and aligned_alloc of this program
// (main.cpp) count, and fail when it is their turn.
#pragma once

#include <atomic>

namespace failing_memory {

inline std::atomic<long> left{-1};  // allocations until one fails; negative: none does
inline std::atomic<int> failures{0};

// Whether this allocation fails.
inline bool fails() {
  if (left.load(std::memory_order_relaxed) < 0) {
    return false;
  }
  const bool now = left.fetch_sub(1, std::memory_order_relaxed) == 0;
  failures.fetch_add(now ? 1 : 0, std::memory_order_relaxed);
  return now;
}

// The k-th allocation from now on fails, counted from 0, in any thread.
struct Failing {
  explicit Failing(long k) {
    failures = 0;
    left = k;
  }
  ~Failing() { left = -1; }
  Failing(const Failing&) = delete;
  Failing& operator=(const Failing&) = delete;
};

}  // namespace failing_memory
