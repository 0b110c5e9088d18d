// The spikes that a partition publishes at the end of an interval. Their arrival is the
// synchronisation point; there is no other barrier. In the usual case of few spikes, two cache
// lines carry everything.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

class alignas(128) Mail {
 public:
  void clear() { stop_ = -1; }
  // Publishes the spikes of the steps [begin, stop); `ends` holds where the spikes of each step
  // end. Both must stay until every reader has answered. A failed interval has other ends
  // and sends no spikes.
  void post(const std::vector<Gid>& spikes, const std::vector<std::size_t>& ends, Step begin,
            Step stop) {
    if (static_cast<Step>(ends.size()) != stop - begin) {
      count_ = 0;
      ends_ = nullptr;
    } else {
      count_ = static_cast<std::uint32_t>(spikes.size());
      spikes_ = spikes.data();
      ends_ = ends.size() == 1 ? nullptr : ends.data();
      if (spikes.size() <= few_.size()) {
        std::copy(spikes.begin(), spikes.end(), few_.begin());
        spikes_ = few_.data();
      }
    }
    stop_.store(stop, std::memory_order_release);
  }
  bool arrived(Step stop) const { return stop_.load(std::memory_order_acquire) == stop; }
  // The spikes of step k of the interval.
  std::span<const Gid> step(std::size_t k) const {
    if (ends_ == nullptr) {
      return {spikes_, count_};
    }
    const std::size_t begin = k == 0 ? 0 : ends_[k - 1];
    return {spikes_ + begin, ends_[k] - begin};
  }

 private:
  std::atomic<Step> stop_{-1};  // the step at which the interval ended
  const Gid* spikes_ = nullptr;
  const std::size_t* ends_ = nullptr;  // null: one step
  std::uint32_t count_ = 0;
  std::array<Gid, 24> few_;
};

}  // namespace spikelet
