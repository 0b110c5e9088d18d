// All threading is here: a team for one parallel region, and how its members wait for each other.
// Uses OpenMP if it was found, else, and in forked processes, std::thread. Changes no global
// setting.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "spikelet/core/fork.hpp"

#if defined(_OPENMP)
#include <omp.h>
#endif

namespace spikelet {

// Waits until ready() is true. Spins briefly, then yields, so that others can run if there are more
// threads than cores.
template <class Ready>
void wait_until(Ready&& ready) {
  for (int spin = 0; !ready();) {
    if (spin < 1000) {
      ++spin;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      std::this_thread::yield();
    }
  }
}

// A team of threads that live as long as the call. start(work) returns a thread that does the work.
// If one cannot be started, the team goes on with those that could.
template <class Body, class Start>
void run_threads(int threads, Body& body, Start&& start) {
  std::atomic<int> members{0};  // known once all have started
  std::vector<std::thread> others;
  try {
    others.reserve(static_cast<std::size_t>(threads - 1));
    for (int member = 1; member < threads; ++member) {
      others.push_back(start([&body, &members, member] {
        wait_until([&] { return members.load(std::memory_order_acquire) != 0; });
        body(member, members.load(std::memory_order_relaxed));
      }));
    }
  } catch (const std::exception&) {  // no more threads, or no memory for one
  }
  const int all = static_cast<int>(others.size()) + 1;
  members.store(all, std::memory_order_release);
  body(0, all);
  for (std::thread& other : others) {
    other.join();
  }
}

// Calls body(member, members) on each member; member 0 is the caller. The system may provide
// fewer members than requested. A body must not throw while others wait for it.
template <class Body>
void run_team(int threads, Body&& body) {
  if (threads <= 1) {
    body(0, 1);
    return;
  }
#if defined(_OPENMP)
  // In a forked process, OpenMP would wait for the parent's threads, which do not exist there.
  if (forks() == 0) {
#pragma omp parallel num_threads(threads)
    body(omp_get_thread_num(), omp_get_num_threads());
    return;
  }
#endif
  run_threads(threads, body, [](auto work) { return std::thread(work); });
}

// The threads, of at most `threads`, for work of `pieces` that take some 10 ns each. Others must be
// woken and waited for, even if another program has their core; that takes longer than little work.
inline int team_for(int threads, std::uint64_t pieces) {
  constexpr std::uint64_t each = 32768;
  return static_cast<int>(std::min(static_cast<std::uint64_t>(std::max(threads, 1)),
                                   std::max<std::uint64_t>(pieces / each, 1)));
}

// Calls body(i) for each i < n, spread over the team; rethrows the first exception at the end.
template <class Body>
void parallel_for(int threads, std::size_t n, Body&& body) {
  std::atomic<std::size_t> next{0};
  std::exception_ptr error;
  std::mutex mutex;
  run_team(static_cast<int>(std::min<std::size_t>(static_cast<std::size_t>(threads), n)),
           [&](int, int) {
             try {
               for (std::size_t i = next++; i < n; i = next++) {
                 body(i);
               }
             } catch (...) {
               const std::lock_guard lock(mutex);
               error = error ? error : std::current_exception();
             }
           });
  if (error) {
    std::rethrow_exception(error);
  }
}

}  // namespace spikelet
