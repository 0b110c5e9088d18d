// All threading is here: a team for one parallel region, and how its members wait for each other.
// Uses OpenMP if it was found, else std::thread, and changes no global setting.
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

// Waits until ready() is true. Spins briefly, then yields, so that others can run if there are more
// threads than cores.
template <class Ready>
void wait_until(Ready&& ready) {
  for (int spin = 0; !ready(); ++spin) {
    if (spin < 1000) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    } else {
      std::this_thread::yield();
    }
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
