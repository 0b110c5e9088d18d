// Events in flight: for each coming step and each block of 65 536 targets a list of weights and of
// targets within the block, 6 bytes for a float. What arrives in a step is added block by block, to
// sums that stay in the second-level cache; in the order of emission it would go to random places
// of all of them. Each block of targets gets its events in the order in which they were noted.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

inline constexpr int block_target_bits = 16;

template <class R>
class EventLists {
 public:
  EventLists() = default;
  EventLists(const EventLists&) = delete;  // chunks are linked by address
  EventLists& operator=(const EventLists&) = delete;

  // target_bits: of the largest target; span: the longest time from noting to delivery, in steps.
  void resize(int target_bits, std::size_t span) {
    block_bits_ = std::max(target_bits - block_target_bits, 0);
    slots_ = std::bit_ceil(span + 1);
    next_.assign(slots_ << block_bits_, none());
    chains_.assign(slots_ << block_bits_, {});
  }

  // For many events in a row. Lists are numbered by step, then by block of targets.
  class Writer {
   public:
    Writer(EventLists& lists, Step first)
        : next_(lists.next_.data()),
          mask_(static_cast<std::uint32_t>(lists.next_.size() - 1)),
          base_(lists.list(first)),
          lists_(lists) {}
    // after: how many lists behind the first one of the step `first`.
    // The weight is read as bits, which need no register of floating-point numbers.
    void push(std::uint32_t after, const R& weight, std::uint32_t target) {
      const std::uint32_t list = (base_ + after) & mask_;
      char* to = next_[list];
      if (full(to)) [[unlikely]] {
        to = lists_.extend(list);
      }
      __builtin_prefetch(to + 64, 1);  // stores wait for each other's lines
      write(to, weight, target);
      next_[list] = to + event_bytes;
    }

   private:
    char** next_;
    std::uint32_t mask_, base_;
    EventLists& lists_;
  };

  // Calls f(block, weight, target) for all events of a step and forgets them. The last block comes
  // first: its sums are what the cache still holds of those that the neurons' step has used.
  template <class F>
  void take(Step step, F&& f) {
    const std::uint32_t first = list(step);
    for (std::uint32_t block = std::uint32_t{1} << block_bits_; block-- > 0;) {
      take_list(first + block, [&](R weight, std::uint32_t target) { f(block, weight, target); });
    }
  }
  void clear() {
    for (std::uint32_t k = 0; k < next_.size(); ++k) {
      take_list(k, [](R, std::uint32_t) {});
    }
  }

 private:
  static constexpr std::size_t event_bytes = sizeof(R) + 2;
  struct alignas(4096) Chunk {
    Chunk* following;
    char events[4096 - sizeof(Chunk*)];
  };
  // An event is written as whole words, of which the next one overwrites the last bytes: the last
  // one of a chunk needs room for them, too.
  static constexpr std::size_t slack = std::is_same_v<R, float> ? 2 : 0;
  static constexpr std::size_t room = (sizeof(Chunk::events) - slack) / event_bytes;
  static constexpr std::uintptr_t end = sizeof(Chunk*) + room * event_bytes;
  struct Chain {
    Chunk *first = nullptr, *last = nullptr;
  };

  static bool full(const char* next) {
    return (reinterpret_cast<std::uintptr_t>(next) & (sizeof(Chunk) - 1)) == end;
  }
  // Where an empty list goes on: it counts as full.
  static char* none() { return reinterpret_cast<char*>(end); }

  static void write(char* to, const R& weight, std::uint32_t target) {
    if constexpr (std::is_same_v<R, float>) {  // two stores would take twice the time
      std::uint32_t bits;
      std::memcpy(&bits, &weight, sizeof bits);
      const std::uint64_t word = std::uint64_t{target} << 32 | bits;
      std::memcpy(to, &word, sizeof word);
    } else {
      const auto low = static_cast<std::uint16_t>(target);
      std::memcpy(to, &weight, sizeof weight);
      std::memcpy(to + sizeof weight, &low, sizeof low);
    }
  }

  std::uint32_t list(Step step) const {
    return static_cast<std::uint32_t>((static_cast<std::size_t>(step) & (slots_ - 1))
                                      << block_bits_);
  }

  template <class F>
  void take_list(std::uint32_t k, F&& f) {
    Chunk* chunk = chains_[k].first;
    while (chunk != nullptr) {
      Chunk* following = chunk->following;
      for (std::size_t line = 0; following != nullptr && line < 8; ++line) {
        __builtin_prefetch(reinterpret_cast<const char*>(following) + 64 * line);
      }
      const char* last = following == nullptr ? next_[k] : chunk->events + room * event_bytes;
      for (const char* event = chunk->events; event != last; event += event_bytes) {
        R weight;
        std::uint16_t target;
        std::memcpy(&weight, event, sizeof weight);
        std::memcpy(&target, event + sizeof weight, sizeof target);
        f(weight, target);
      }
      chunk->following = std::exchange(free_, chunk);
      chunk = following;
    }
    chains_[k] = {};
    next_[k] = none();
  }

  [[gnu::noinline]] char* extend(std::uint32_t k) {
    Chunk* chunk = free_ != nullptr ? std::exchange(free_, free_->following) : fresh();
    chunk->following = nullptr;
    Chain& chain = chains_[k];
    (chain.last != nullptr ? chain.last->following : chain.first) = chunk;
    chain.last = chunk;
    return chunk->events;
  }

  // Pieces of the pool grow, so that large ones lie on huge pages; memory is touched when it is
  // used.
  Chunk* fresh() {
    if (left_ == 0) {
      constexpr std::size_t least = 63, most = (std::size_t{8} << 20) / sizeof(Chunk) - 1;
      const std::size_t more =
          pool_.empty() ? least : std::min(4 * (pool_.back().size() / sizeof(Chunk)), most);
      pool_.emplace_back((more + 1) * sizeof(Chunk));  // one more, to begin on a boundary
      left_ = more;
      const auto begin = reinterpret_cast<std::uintptr_t>(pool_.back().data());
      fresh_ =
          reinterpret_cast<Chunk*>((begin + sizeof(Chunk) - 1) / sizeof(Chunk) * sizeof(Chunk));
    }
    --left_;
    return fresh_++;
  }

  int block_bits_ = 0;
  std::size_t slots_ = 1;
  std::vector<char*> next_ = {none()};
  std::vector<Chain> chains_ = std::vector<Chain>(1);
  Chunk* free_ = nullptr;
  std::vector<RawBuffer<char>> pool_;
  Chunk* fresh_ = nullptr;  // the first of those that were never used
  std::size_t left_ = 0;
};

}  // namespace spikelet
