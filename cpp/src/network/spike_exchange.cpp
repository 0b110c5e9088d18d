#include "spikelet/network/spike_exchange.hpp"

#include <chrono>

namespace spikelet {
namespace {

constexpr std::uint64_t trial = 256;  // exchanges after which the room is adapted

// Merges neighbouring sorted runs of `values`, which end at `ends`, until one is left.
void merge_runs(std::vector<Gid>& values, std::vector<Gid>& scratch,
                std::vector<std::size_t>& ends) {
  bool in_order = true;  // usual if only one population fired
  for (std::size_t k = 0; k + 1 < ends.size(); ++k) {
    in_order &= values[ends[k] - 1] <= values[ends[k]];
  }
  if (in_order) {
    return;
  }
  scratch.resize(values.size());
  while (ends.size() > 1) {
    std::vector<std::size_t> merged;
    std::size_t begin = 0;
    for (std::size_t k = 0; k < ends.size(); k += 2) {
      const auto at = [&](std::size_t i) {
        return values.begin() + static_cast<std::ptrdiff_t>(i);
      };
      const std::size_t end = ends[std::min(k + 1, ends.size() - 1)];
      std::merge(at(begin), at(ends[k]), at(ends[k]), at(end),
                 scratch.begin() + static_cast<std::ptrdiff_t>(begin));
      merged.push_back(end);
      begin = end;
    }
    values.swap(scratch);
    ends.swap(merged);
  }
}

}  // namespace

SpikeExchange::SpikeExchange(Communicator& ranks) : ranks_(ranks) {}

void SpikeExchange::start() {
  counts_.clear();
  own_.clear();
  ends_.clear();  // no spikes of others before meet() has succeeded
  spikes_.clear();
}

void SpikeExchange::add(std::span<const Gid> spikes) {
  counts_.push_back(static_cast<std::uint32_t>(spikes.size()));
  ends_.push_back(0);
  own_.insert(own_.end(), spikes.begin(), spikes.end());
}

bool SpikeExchange::meet(bool stop) {
  const auto begin = std::chrono::steady_clock::now();
  const auto n = static_cast<std::size_t>(ranks_.size());
  const std::size_t message = header() + room_, direct = std::min(own_.size(), room_);
  sent_.assign({static_cast<std::uint32_t>(own_.size()), stop ? 1u : 0u});
  sent_.insert(sent_.end(), counts_.begin(), counts_.end());
  sent_.insert(sent_.end(), own_.begin(), own_.begin() + static_cast<std::ptrdiff_t>(direct));
  sent_.resize(message);
  received_.resize(n * message);
  ranks_.gather(sent_, received_);

  bool halt = false;
  std::vector<std::size_t> rest(n), rest_begin(n);
  std::size_t left = 0;
  for (std::size_t r = 0; r < n; ++r) {
    const std::uint32_t count = received_[r * message];
    halt |= received_[r * message + 1] != 0;
    most_ = std::max<std::size_t>(most_, count);
    rest[r] = count - std::min<std::size_t>(count, room_);
    rest_begin[r] = left;
    left += rest[r];
    statistics_.spikes += count;
  }
  if (left > 0) {
    rest_.resize(left);
    ranks_.gather(std::span(own_).subspan(direct), rest_, rest);
    ++statistics_.collectives;
  }
  merge(message, rest_begin);
  ++statistics_.exchanges;
  ++statistics_.collectives;
  statistics_.bytes_sent += sizeof(std::uint32_t) * (message + own_.size() - direct);
  statistics_.bytes_received += sizeof(std::uint32_t) * (n * message + left);
  // All ranks know the same counts, and so choose the same room.
  if (left > 0 || statistics_.exchanges % trial == 0) {
    room_ = most_ + most_ / 4 + 16;
    most_ = 0;
  }
  statistics_.seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return halt;
}

void SpikeExchange::merge(std::size_t message, const std::vector<std::size_t>& rest_begin) {
  const std::size_t n = rest_begin.size(), room = message - header();
  std::vector<std::size_t> taken(n);
  std::vector<std::size_t> runs;
  std::vector<Gid> of_step;
  spikes_.clear();
  ends_.clear();
  for (std::size_t k = 0; k < counts_.size(); ++k) {
    of_step.clear();
    runs.clear();
    for (std::size_t r = 0; r < n; ++r) {
      const std::uint32_t* words = received_.data() + r * message;
      const std::size_t count = words[2 + k], end = taken[r] + count;
      const std::size_t direct = std::min(end, room) - std::min(taken[r], room);
      const std::uint32_t* first = words + header() + std::min(taken[r], room);
      of_step.insert(of_step.end(), first, first + direct);
      if (direct < count) {
        const std::uint32_t* more = rest_.data() + rest_begin[r] + (taken[r] + direct - room);
        of_step.insert(of_step.end(), more, more + (count - direct));
      }
      taken[r] = end;
      if (count > 0) {
        runs.push_back(of_step.size());
      }
    }
    merge_runs(of_step, scratch_, runs);
    spikes_.insert(spikes_.end(), of_step.begin(), of_step.end());
    ends_.push_back(spikes_.size());
  }
}

}  // namespace spikelet
