// The only place where threads appear: a team for one parallel region and a barrier for its steps.
// OpenMP where it was found, std::thread otherwise; never a global setting.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace spikelet {

// Spins briefly, then yields: with more threads than cores the waiting ones must let the others run.
class Barrier {
 public:
  void wait(int members) {
    if (members == 1) {
      return;
    }
    const std::uint32_t round = round_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members) {
      arrived_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int spin = 0; round_.load(std::memory_order_acquire) == round; ++spin) {
      if (spin < 4000) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      } else {
        std::this_thread::yield();
      }
    }
  }

 private:
  alignas(64) std::atomic<int> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> round_{0};
};

// Calls body(member, members) on each member; member 0 is the caller. The system may give fewer members
// than asked for. A body must not throw while others wait at a barrier.
template <class Body>
void run_team(int threads, Body&& body) {
  if (threads <= 1) {
    body(0, 1);
    return;
  }
#if defined(_OPENMP)
#pragma omp parallel num_threads(threads)
  body(omp_get_thread_num(), omp_get_num_threads());
#else
  std::vector<std::thread> others;
  for (int member = 1; member < threads; ++member) {
    others.emplace_back([&body, member, threads] { body(member, threads); });
  }
  body(0, threads);
  for (std::thread& other : others) {
    other.join();
  }
#endif
}

// Calls body(i) for each i < n, spread over the team; the first exception is thrown again at the end.
template <class Body>
void parallel_for(int threads, std::size_t n, Body&& body) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  run_team(static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), n)), [&](int, int) {
    try {
      for (std::size_t i = next++; i < n; i = next++) {
        body(i);
      }
    } catch (...) {
      const std::lock_guard lock(mutex);
      error = std::current_exception();
    }
  });
  if (error) {
    std::rethrow_exception(error);
  }
}

}  // namespace spikelet
