// How the ranks of a network tell each other the spikes of a slice of time. Usually one collective
// call: each rank sends a message of one length, with room for as many spikes as there were of
// late. Where that was too short, a second one brings the rest.
#pragma once

#include <span>
#include <vector>

#include "spikelet/network/ranks.hpp"

namespace spikelet {

struct ExchangeStatistics {
  std::uint64_t exchanges = 0, collectives = 0, spikes = 0;
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  double seconds = 0;  // waiting for slower ranks included
};

class SpikeExchange {
 public:
  explicit SpikeExchange(Communicator& ranks);

  // A new slice of time; then the own spikes of each of its steps, by gid.
  void start();
  void add(std::span<const Gid> spikes);
  // Collective: sends what was added. Returns whether some rank wants to stop here.
  bool meet(bool stop);
  // The spikes of all ranks in step k of the slice, by gid; valid until start().
  std::span<const Gid> step(std::size_t k) const {
    const std::size_t begin = k == 0 ? 0 : ends_[k - 1];
    return {spikes_.data() + begin, ends_[k] - begin};
  }
  const ExchangeStatistics& statistics() const { return statistics_; }

 private:
  std::size_t header() const { return 2 + counts_.size(); }  // words: spikes, stop, of each step
  void merge(std::size_t message, const std::vector<std::size_t>& rest_begin);

  Communicator& ranks_;
  std::size_t room_ = 32, most_ = 0;   // spikes in a message; most of a rank since room was made
  std::vector<std::uint32_t> counts_;  // own spikes of each step
  std::vector<std::uint32_t> own_, sent_, received_, rest_;
  std::vector<Gid> spikes_, scratch_;
  std::vector<std::size_t> ends_;
  ExchangeStatistics statistics_;
};

}  // namespace spikelet
