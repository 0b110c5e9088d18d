#include "spikelet/network/run_all.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet {

std::vector<std::exception_ptr> run_all(std::span<const OneOfMany> networks, int threads,
                                        const std::function<bool(std::size_t)>& poll) {
  using Clock = std::chrono::steady_clock;
  using namespace std::chrono_literals;
  std::vector<std::size_t> first;  // network of each entry
  std::size_t total = 0;
  for (const OneOfMany& entry : networks) {
    first.push_back(total);
    total += entry.networks;
  }
  std::vector<std::exception_ptr> errors(total);
  std::atomic<std::size_t> next{0}, through{0};
  std::vector<std::atomic<bool>> begun(networks.size());
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
  const auto most = static_cast<int>(std::min<std::size_t>(networks.size(), std::size_t(threads)));
  run_team(most, [&](int member, int members) {
    const Poll within = [&, member](Step) {
      if (member == 0) {
        ask();
      }
      return stop.load(std::memory_order_relaxed);
    };
    const auto run = [&](std::size_t k) {
      if (stop || begun[k].exchange(true)) {
        return;
      }
      try {
        networks[k].run(within, std::span(errors).subspan(first[k], networks[k].networks));
      } catch (...) {
        errors[first[k]] = std::current_exception();
      }
      through += networks[k].networks;
      if (member == 0) {
        ask();
      }
    };
    // While many are left, a member takes the next ones before it runs another, and fetches them:
    // after all others have run, they are no longer in the cache.
    const std::size_t few = 8 * static_cast<std::size_t>(members);
    std::array<std::size_t, fetch_stages> taken{};  // in order
    std::size_t count = 0;
    while (!stop) {
      std::size_t k = taken[0];
      if (count > 0) {
        std::shift_left(taken.begin(), taken.begin() + count--, 1);
      } else if (k = next++; k >= networks.size()) {
        break;
      }
      while (count < taken.size() && next.load(std::memory_order_relaxed) + few < networks.size()) {
        taken[count++] = next++;
      }
      for (std::size_t later = 0; later < count; ++later) {
        networks[taken[later]].fetch(static_cast<int>(taken.size() - 1 - later));
      }
      run(k);
    }
    for (std::size_t k = 0; k < networks.size(); ++k) {  // that others took, but are not at yet
      run(k);
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
