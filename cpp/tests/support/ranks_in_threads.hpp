// Processes that share a network, simulated by threads.
#pragma once

#include <algorithm>
#include <barrier>
#include <cstdint>
#include <functional>
#include <span>
#include <thread>
#include <vector>

#include "spikelet/network/ranks.hpp"

namespace test {

struct Room {  // the shared memory of the ranks
  explicit Room(int n)
      : size(n), barrier(n), words(static_cast<std::size_t>(n)), values(words.size()) {}
  int size;
  std::barrier<> barrier;
  std::vector<std::span<const std::uint32_t>> words;
  std::vector<std::vector<std::int64_t>> values;
};

class Rank final : public spikelet::Communicator {
 public:
  Rank(Room& room, int rank) : room_(room), rank_(rank) {}
  int rank() const override { return rank_; }
  int size() const override { return room_.size; }
  void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all) override {
    gather(own, all, {});
  }
  void gather(std::span<const std::uint32_t> own, std::span<std::uint32_t> all,
              std::span<const std::size_t> counts) override {
    room_.words[static_cast<std::size_t>(rank_)] = own;
    room_.barrier.arrive_and_wait();
    auto out = all.begin();
    for (std::size_t r = 0; r < room_.words.size(); ++r) {
      if (!counts.empty()) {
        bad_ |= room_.words[r].size() != counts[r];
      }
      out = std::copy(room_.words[r].begin(), room_.words[r].end(), out);
    }
    bad_ |= out != all.end();
    room_.barrier.arrive_and_wait();
  }
  void minimum(std::span<std::int64_t> values) override {
    room_.values[static_cast<std::size_t>(rank_)].assign(values.begin(), values.end());
    room_.barrier.arrive_and_wait();
    for (const auto& other : room_.values) {
      for (std::size_t k = 0; k < values.size(); ++k) {
        values[k] = std::min(values[k], other[k]);
      }
    }
    room_.barrier.arrive_and_wait();
  }
  bool bad() const { return bad_; }

 private:
  Room& room_;
  int rank_;
  bool bad_ = false;
};

// Calls body(rank, room) for all ranks at once.
inline void on_ranks(int n, const std::function<void(int, Room&)>& body) {
  Room room(n);
  std::vector<std::thread> threads;
  for (int r = 0; r < n; ++r) {
    threads.emplace_back([&, r] { body(r, room); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

}  // namespace test
