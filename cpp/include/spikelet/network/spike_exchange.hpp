// Exchanges the spikes of an interval between the ranks of a network. Usually this takes one
// collective call, in which all ranks send messages of the same length, with room for about as many
// spikes as in recent intervals. If that was too short, a second call sends the rest.
#pragma once

#include <span>
#include <vector>

#include "spikelet/network/ranks.hpp"

namespace spikelet {

struct ExchangeStatistics {
  std::uint64_t exchanges = 0, collectives = 0, spikes = 0;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  double seconds = 0;  // including the wait for slower ranks
};

class SpikeExchange {
 public:
  explicit SpikeExchange(Communicator& ranks);

  // Starts an interval; add() then takes the own spikes of each of its steps, by gid.
  void start();
  void add(std::span<const Gid> spikes);
  // Collective: sends what was added. Returns whether any rank wants to stop here.
  bool meet(bool stop);
  // The spikes of all ranks in step k of the interval, by gid; valid until start().
  std::span<const Gid> step(std::size_t k) const {
    const std::size_t begin = k == 0 ? 0 : ends_[k - 1];
    return {spikes_.data() + begin, ends_[k] - begin};
  }
  const ExchangeStatistics& statistics() const { return statistics_; }

 private:
  std::size_t header() const { return 2 + counts_.size(); }  // words: spikes, stop, of each step
  void merge(std::size_t message, const std::vector<std::size_t>& rest_begin);

  Communicator& ranks_;
  std::size_t room_ = 32, most_ = 0;   // spikes in a message; most of any rank since then
  std::vector<std::uint32_t> counts_;  // own spikes of each step
  std::vector<std::uint32_t> own_, sent_, received_, rest_;
  std::vector<Gid> spikes_, scratch_;
  std::vector<std::size_t> ends_;
  ExchangeStatistics statistics_;
};

}  // namespace spikelet
