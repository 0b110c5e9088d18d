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
  // The status of a rank, or the worst of all ranks. A rank that has failed sends no spikes.
  enum class Status : std::uint32_t {
    going_on,
    stopping,       // at the end of this interval
    failed,         // in this interval
    failed_before,  // in the one before, after the exchange
  };

  explicit SpikeExchange(Communicator& ranks);

  // Starts an interval; add() then takes the own spikes of each of its steps, by gid.
  void start() noexcept;
  void add(std::span<const Gid> spikes) noexcept;
  // Collective: sends what was added, and finds out how all ranks are doing. Fails on all ranks or
  // on none for want of memory: an error of one would leave the others waiting.
  Status meet(Status own);
  // After meet(): sorts what has arrived. May throw.
  void sort();
  // The spikes of all ranks in step k of the interval, by gid; valid from sort() until start().
  std::span<const Gid> step(std::size_t k) const {
    const std::size_t begin = k == 0 ? 0 : ends_[k - 1];
    return {spikes_.data() + begin, ends_[k] - begin};
  }
  const ExchangeStatistics& statistics() const { return statistics_; }

 private:
  std::size_t header() const { return 2 + counts_.size(); }  // words: spikes, status, of each step
  bool make_room(std::size_t room) noexcept;
  bool make_rest(std::size_t words) noexcept;
  void merge();

  Communicator& ranks_;
  std::size_t room_ = 32, most_ = 0;   // spikes in a message; most of any rank since then
  std::size_t next_room_ = 0;          // wanted, once all ranks have memory for it
  std::size_t sorted_room_ = 0;        // of the messages that sort() reads
  bool lost_ = false;                  // no memory for the own spikes
  std::vector<std::uint32_t> counts_;  // own spikes of each step
  std::vector<std::uint32_t> own_, sent_, received_, rest_;
  std::vector<std::size_t> rest_count_, rest_begin_;  // by rank
  std::vector<Gid> spikes_, scratch_;
  std::vector<std::size_t> ends_;
  ExchangeStatistics statistics_;
};

}  // namespace spikelet
