#include "spikelet/network/spike_exchange.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>

namespace spikelet {
namespace {

constexpr std::uint64_t trial = 256;    // exchanges after which the room is adapted
constexpr std::size_t most_steps = 64;  // of an interval, and some more
constexpr std::uint32_t ready_flag = 1u << 31;

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

SpikeExchange::SpikeExchange(Communicator& ranks) : ranks_(ranks) {
  const auto n = static_cast<std::size_t>(ranks_.size());
  counts_.reserve(most_steps);
  ends_.reserve(most_steps);
  rest_count_.resize(n);
  rest_begin_.resize(n);
  if (!make_room(room_)) {
    throw std::bad_alloc();
  }
}

// Memory for messages with room for so many spikes.
bool SpikeExchange::make_room(std::size_t room) noexcept {
  try {
    const std::size_t message = 2 + most_steps + room;
    sent_.reserve(message);
    received_.reserve(rest_count_.size() * message);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool SpikeExchange::make_rest(std::size_t words) noexcept {
  try {
    rest_.resize(words);
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void SpikeExchange::start() noexcept {
  lost_ = false;
  counts_.clear();
  own_.clear();
  ends_.clear();
  spikes_.clear();
}

void SpikeExchange::add(std::span<const Gid> spikes) noexcept {
  counts_.push_back(static_cast<std::uint32_t>(spikes.size()));
  ends_.push_back(0);  // no spikes of others before sort() has succeeded
  try {
    own_.insert(own_.end(), spikes.begin(), spikes.end());
  } catch (const std::bad_alloc&) {
    lost_ = true;
  }
}

SpikeExchange::Status SpikeExchange::meet(Status own) {
  const auto begin = std::chrono::steady_clock::now();
  const auto n = static_cast<std::size_t>(ranks_.size());
  if (lost_) {
    own = std::max(own, Status::failed);
  }
  if (own >= Status::failed) {
    own_.clear();
    std::fill(counts_.begin(), counts_.end(), 0);
  }
  const bool ready = next_room_ != 0 && make_room(next_room_);
  const std::size_t message = header() + room_, direct = std::min(own_.size(), room_);
  // Within the memory that make_room() has reserved.
  sent_.clear();
  sent_.push_back(static_cast<std::uint32_t>(own_.size()));
  sent_.push_back(static_cast<std::uint32_t>(own) | (ready ? ready_flag : 0));
  sent_.insert(sent_.end(), counts_.begin(), counts_.end());
  sent_.insert(sent_.end(), own_.begin(), own_.begin() + static_cast<std::ptrdiff_t>(direct));
  sent_.resize(message);
  received_.resize(n * message);
  ranks_.gather(sent_, received_);

  Status worst = Status::going_on;
  bool all_ready = true;
  std::size_t left = 0;
  for (std::size_t r = 0; r < n; ++r) {
    const std::uint32_t count = received_[r * message], status = received_[r * message + 1];
    worst = std::max(worst, static_cast<Status>(status & ~ready_flag));
    all_ready &= (status & ready_flag) != 0;
    most_ = std::max<std::size_t>(most_, count);
    rest_count_[r] = count - std::min<std::size_t>(count, room_);
    rest_begin_[r] = left;
    left += rest_count_[r];
    statistics_.spikes += count;
  }
  if (left > 0) {
    std::array<std::int64_t, 1> can{make_rest(left) ? 1 : 0};
    ranks_.minimum(can);
    if (can[0] == 0) {
      throw std::bad_alloc();
    }
    ranks_.gather(std::span(own_).subspan(direct), rest_, rest_count_);
    ++statistics_.collectives;
  }
  ++statistics_.exchanges;
  ++statistics_.collectives;
  statistics_.bytes_sent += sizeof(std::uint32_t) * (message + own_.size() - direct);
  statistics_.bytes_received += sizeof(std::uint32_t) * (n * message + left);
  // All ranks know the same counts, and so choose the same room.
  sorted_room_ = room_;
  if (next_room_ != 0 && all_ready) {
    room_ = next_room_;
    next_room_ = 0;
  }
  if (left > 0 || statistics_.exchanges % trial == 0) {
    next_room_ = most_ + most_ / 4 + 16;
    most_ = 0;
  }
  statistics_.seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return worst;
}

void SpikeExchange::sort() {
  try {
    merge();
  } catch (...) {
    spikes_.clear();
    std::fill(ends_.begin(), ends_.end(), 0);
    throw;
  }
}

void SpikeExchange::merge() {
  const std::size_t n = rest_begin_.size(), room = sorted_room_, message = header() + room;
  std::vector<std::size_t> taken(n);
  std::vector<std::size_t> runs;
  std::vector<Gid> of_step;
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
        const std::uint32_t* more = rest_.data() + rest_begin_[r] + (taken[r] + direct - room);
        of_step.insert(of_step.end(), more, more + (count - direct));
      }
      taken[r] = end;
      if (count > 0) {
        runs.push_back(of_step.size());
      }
    }
    merge_runs(of_step, scratch_, runs);
    spikes_.insert(spikes_.end(), of_step.begin(), of_step.end());
    ends_[k] = spikes_.size();
  }
}

}  // namespace spikelet
