#include "spikelet/network/run_all.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "spikelet/core/parallel.hpp"

namespace spikelet {

std::vector<std::exception_ptr> run_all(std::span<const RunOne> runs, int threads,
                                        const std::function<bool(std::size_t)>& poll) {
  using Clock = std::chrono::steady_clock;
  using namespace std::chrono_literals;
  std::vector<std::exception_ptr> errors(runs.size());
  std::atomic<std::size_t> next{0}, through{0};
  std::atomic<int> left{0};  // members that have no network to take any more
  std::atomic<bool> stop{false};
  auto asked = Clock::now();
  const auto ask = [&] {
    if (const auto now = Clock::now(); now - asked > 20ms) {
      asked = now;
      if (poll(through)) {
        stop = true;
      }
    }
  };
  const auto most = static_cast<int>(std::min<std::size_t>(runs.size(), std::size_t(threads)));
  run_team(most, [&](int member, int members) {
    const Poll within = [&, member](Step) {
      if (member == 0) {
        ask();
      }
      return stop.load(std::memory_order_relaxed);
    };
    for (std::size_t k = next++; k < runs.size() && !stop; k = next++) {
      try {
        runs[k](within);
      } catch (...) {
        errors[k] = std::current_exception();
      }
      ++through;
      if (member == 0) {
        ask();
      }
    }
    ++left;
    while (member == 0 && left < members) {  // others may be at it for long
      ask();
      std::this_thread::sleep_for(100us);
    }
  });
  return errors;
}

}  // namespace spikelet
