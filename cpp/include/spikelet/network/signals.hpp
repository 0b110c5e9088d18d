// Signals that reach rules from text within a run: at given steps, or some steps after spikes.
#pragma once

#include <algorithm>
#include <vector>

#include "spikelet/core/types.hpp"
#include "spikelet/network/spikes_in_flight.hpp"

namespace spikelet {

struct Signal {
  std::size_t projection = 0;
  Step step = 0;
  double value = 0;
};

// Spikes of some elements of a population, each of which signals `value`, `delay` after its stamp.
struct SpikeSignal {
  std::size_t projection = 0, population = 0;
  Gid first = 0, size = 0;  // gids
  double value = 0;
  Step delay = 1;
  Step since = -1;  // spikes up to that stamp do not count
};

// What comes from spikes follows from the spikes in flight: nothing else need be remembered.
class Signals {
 public:
  // Those of one step come in the order in which they were added.
  void add(const Signal& signal) {
    const auto later = [](Step step, const Signal& other) { return step < other.step; };
    given_.insert(std::upper_bound(given_.begin(), given_.end(), signal.step, later), signal);
  }
  // Replaces what the same elements signalled; a value of 0 ends it.
  void follow(const SpikeSignal& signal) {
    const auto same = [&](const SpikeSignal& other) {
      return other.projection == signal.projection && other.first == signal.first &&
             other.size == signal.size;
    };
    std::erase_if(followed_, same);
    if (signal.value != 0) {
      followed_.push_back(signal);
    }
  }

  // Those of a projection never come.
  void forget(std::size_t projection) {
    const auto of_it = [&](const auto& signal) { return signal.projection == projection; };
    std::erase_if(given_, of_it);
    std::erase_if(followed_, of_it);
  }

  // No signal comes after `now` and before this step, whatever spikes after `now`.
  Step next(Step now, const SpikesInFlight& flight, Step end) const {
    for (const Signal& signal : given_) {
      end = std::min(end, signal.step);
    }
    for (const SpikeSignal& signal : followed_) {
      end = std::min(end, now + signal.delay);
      for (std::size_t k = flight.stamps.size(); k > 0; --k) {
        const Step stamp = flight.stamps[k - 1];
        if (stamp + signal.delay <= now) {
          break;
        }
        end = counts(signal, stamp, flight.gids[k - 1]) ? std::min(end, stamp + signal.delay) : end;
      }
    }
    return end;
  }
  // Those of step `now`, which is at most next(): first the given ones, which are then forgotten.
  // Spikes of one step add up.
  std::vector<Signal> take(Step now, const SpikesInFlight& flight) {
    const auto end = std::ranges::find_if(given_, [&](const auto& s) { return s.step > now; });
    std::vector<Signal> due(given_.begin(), end);
    given_.erase(given_.begin(), end);
    for (const SpikeSignal& signal : followed_) {
      const auto [first, last] = std::ranges::equal_range(flight.stamps, now - signal.delay);
      std::size_t spikes = 0;
      for (auto stamp = first; stamp != last; ++stamp) {
        const auto k = static_cast<std::size_t>(stamp - flight.stamps.begin());
        spikes += counts(signal, *stamp, flight.gids[k]) ? 1 : 0;
      }
      if (spikes > 0) {
        due.push_back({signal.projection, now, signal.value * static_cast<double>(spikes)});
      }
    }
    return due;
  }
  // Spikes are needed for so many steps, counting that of their stamp.
  Step longest() const {
    Step longest = 0;
    for (const SpikeSignal& signal : followed_) {
      longest = std::max(longest, signal.delay + 1);
    }
    return longest;
  }
  void restart(Step since) {
    given_.clear();
    for (SpikeSignal& signal : followed_) {
      signal.since = since;
    }
  }

  const std::vector<Signal>& given() const { return given_; }
  const std::vector<SpikeSignal>& followed() const { return followed_; }

 private:
  static bool counts(const SpikeSignal& signal, Step stamp, Gid gid) {
    return stamp > signal.since && gid - signal.first < signal.size;  // unsigned
  }

  std::vector<Signal> given_;  // by step
  std::vector<SpikeSignal> followed_;
};

}  // namespace spikelet
