// Events in flight: for each coming step and each block of 65 536 targets a list of weights and of
// targets within the block, 6 bytes for a float, 4 for a weight of 16 bits. What arrives in a step
// is added block by block, to sums that stay in the second-level cache; in the order of emission it
// would go to random places of all of them. Each block of targets gets its events in the order in
// which they were noted.
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

// What an event carries, and how it lies in a list: here a float.
template <class R>
struct FloatEvent {
  using Weight = R;
  static constexpr std::size_t bytes = sizeof(R) + 2;
  static constexpr std::size_t slack = std::is_same_v<R, float> ? 2 : 0;  // written beyond its end

  // The weight is read as bits, which need no register of floating-point numbers.
  static void write(char* to, const R& weight, std::uint32_t target) {
    if constexpr (std::is_same_v<R, float>) {  // two stores would take twice the time
      std::uint32_t bits;
      std::memcpy(&bits, &weight, sizeof bits);
      const std::uint64_t word = std::uint64_t{target} << 32 | bits;
      std::memcpy(to, &word, sizeof word);  // the next event overwrites the last bytes
    } else {
      const auto low = static_cast<std::uint16_t>(target);
      std::memcpy(to, &weight, sizeof weight);
      std::memcpy(to + sizeof weight, &low, sizeof low);
    }
  }
  template <class Add>
  static void read(const char* from, Add&& add) {
    R weight;
    std::uint16_t target;
    std::memcpy(&weight, from, sizeof weight);
    std::memcpy(&target, from + sizeof weight, sizeof target);
    add(weight, target);
  }
};

// The magnitude of a weight of 16 bits.
struct IntegerEvent {
  using Weight = std::uint16_t;
  static constexpr std::size_t bytes = 4, slack = 0;
  static constexpr std::size_t weight_at = 2;  // its two bytes

  static void write(char* to, std::uint16_t weight, std::uint32_t target) {
    const std::uint32_t word = std::uint32_t{weight} << 16 | target;
    std::memcpy(to, &word, sizeof word);
  }
  template <class Add>
  static void read(const char* from, Add&& add) {
    std::uint32_t word;
    std::memcpy(&word, from, sizeof word);
    add(word >> 16, word & 0xffff);
  }
};

// chunk_bytes: of a piece of a list, a power of two.
template <class Event, std::size_t chunk_bytes = 4096>
class EventLists {
 public:
  using Weight = typename Event::Weight;

  EventLists() = default;
  EventLists(const EventLists& other) { copy(other); }  // chunks are linked by address
  EventLists& operator=(const EventLists&) = delete;

  // A step has 2^list_bits lists; span: the longest time from noting to delivery, in steps.
  void resize(int list_bits, std::size_t span) {
    list_bits_ = list_bits;
    slots_ = std::bit_ceil(span + 1);
    next_.assign(slots_ << list_bits_, none());
    chains_.assign(slots_ << list_bits_, {});
  }

  // For many events in a row. Lists are numbered by step, then within the step.
  class Writer {
   public:
    Writer(EventLists& lists, Step first)
        : next_(lists.next_.data()),
          mask_(static_cast<std::uint32_t>(lists.next_.size() - 1)),
          base_(lists.list(first)),
          lists_(lists) {}
    // after: how many lists behind the first one of the step `first`.
    void push(std::uint32_t after, const Weight& weight, std::uint32_t target) {
      const std::uint32_t list = (base_ + after) & mask_;
      char* to = next_[list];
      if (full(to)) [[unlikely]] {
        to = lists_.extend(list);
      }
      __builtin_prefetch(to + 64, 1);  // stores wait for each other's lines
      Event::write(to, weight, target);
      next_[list] = to + Event::bytes;
    }

   private:
    char** next_;
    std::uint32_t mask_, base_;
    EventLists& lists_;
  };

  // Calls adder(list)(weight, target) for all events of a step and forgets them. The last list
  // comes first: the sums of the last block are what the cache still holds of those that the
  // neurons' step has used.
  template <class F>
  void take(Step step, F&& adder) {
    const std::uint32_t first = list(step);
    for (std::uint32_t k = std::uint32_t{1} << list_bits_; k-- > 0;) {
      take_list(first + k, adder(k));
    }
  }
  // Calls f(list, weight, target) for all events of a step, and keeps them.
  template <class F>
  void for_each(Step step, F&& f) const {
    const std::uint32_t first = list(step);
    for (std::uint32_t k = 0; k < std::uint32_t{1} << list_bits_; ++k) {
      walk(first + k, [&](auto weight, std::uint32_t target) { f(k, weight, target); });
    }
  }
  void clear() {
    for (std::uint32_t k = 0; k < next_.size(); ++k) {
      take_list(k, [](auto, std::uint32_t) {});
    }
  }

 private:
  struct alignas(chunk_bytes) Chunk {
    Chunk* following;
    char events[chunk_bytes - sizeof(Chunk*)];
  };
  // The address of the end still belongs to the chunk: `full` knows it by its last bits.
  static constexpr std::size_t room =
      (sizeof(Chunk::events) - std::max<std::size_t>(Event::slack, 1)) / Event::bytes;
  static constexpr std::uintptr_t end = sizeof(Chunk*) + room * Event::bytes;
  struct Chain {
    Chunk *first = nullptr, *last = nullptr;
  };

  static bool full(const char* next) {
    return (reinterpret_cast<std::uintptr_t>(next) & (sizeof(Chunk) - 1)) == end;
  }
  // Where an empty list goes on: it counts as full.
  static char* none() { return reinterpret_cast<char*>(end); }

  std::uint32_t list(Step step) const {
    return static_cast<std::uint32_t>((static_cast<std::size_t>(step) & (slots_ - 1))
                                      << list_bits_);
  }

  void copy(const EventLists& other) {
    list_bits_ = other.list_bits_;
    slots_ = other.slots_;
    next_.assign(other.next_.size(), none());
    chains_.assign(other.chains_.size(), {});
    Writer writer(*this, 0);
    for (std::uint32_t k = 0; k < next_.size(); ++k) {
      other.walk(k, [&](auto weight, std::uint32_t target) {
        writer.push(k, static_cast<Weight>(weight), target);
      });
    }
  }
  template <class F>
  void walk(std::uint32_t k, F&& f) const {
    for (const Chunk* chunk = chains_[k].first; chunk != nullptr; chunk = chunk->following) {
      const char* last =
          chunk->following == nullptr ? next_[k] : chunk->events + room * Event::bytes;
      for (const char* event = chunk->events; event != last; event += Event::bytes) {
        Event::read(event, f);
      }
    }
  }
  template <class F>
  void take_list(std::uint32_t k, F&& add) {
    Chunk* chunk = chains_[k].first;
    while (chunk != nullptr) {
      Chunk* following = chunk->following;
      for (std::size_t line = 0; following != nullptr && line < 8; ++line) {
        __builtin_prefetch(reinterpret_cast<const char*>(following) + 64 * line);
      }
      const char* last = following == nullptr ? next_[k] : chunk->events + room * Event::bytes;
      for (const char* event = chunk->events; event != last; event += Event::bytes) {
        Event::read(event, add);
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

  int list_bits_ = 0;
  std::size_t slots_ = 1;
  std::vector<char*> next_ = {none()};
  std::vector<Chain> chains_ = std::vector<Chain>(1);
  Chunk* free_ = nullptr;
  std::vector<RawBuffer<char>> pool_;
  Chunk* fresh_ = nullptr;  // the first of those that were never used
  std::size_t left_ = 0;
};

}  // namespace spikelet
