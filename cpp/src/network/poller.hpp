// When a run asks its caller whether to stop.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "spikelet/network/step_loop.hpp"

namespace spikelet {

// Asks `poll` about fifty times a second, without reading the clock in every interval.
class Poller {
 public:
  bool operator()(const Poll& poll, Step step) {
    if (!poll || ++intervals_ < every_) {
      return false;
    }
    intervals_ = 0;
    const auto time = std::chrono::steady_clock::now();
    const std::chrono::duration<double> passed = time - last_;
    if (passed.count() < 0.01) {
      every_ = std::min<std::uint64_t>(2 * every_, 1u << 20);
      return false;
    }
    every_ = passed.count() > 0.03 ? std::max<std::uint64_t>(every_ / 2, 1) : every_;
    last_ = time;
    return poll(step);
  }

 private:
  std::uint64_t intervals_ = 0, every_ = 1;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace spikelet
