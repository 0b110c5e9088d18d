// Events in flight: for each coming step and each block of 65 536 targets a list of weights and of
// targets within the block, 6 bytes for a float. What arrives in a step is added block by block, to
// sums that stay in the second-level cache; in the order of emission it would go to random places
// of all of them. Each block of targets gets its events in the order in which they were noted.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

inline constexpr int block_target_bits = 16;

template <class R>
class EventLists {
  // Where a list goes on, and where that chunk ends; equal: it needs another one.
  struct Place {
    char *next = nullptr, *end = nullptr;
  };

 public:
  EventLists() = default;
  EventLists(const EventLists&) = delete;  // chunks are linked by address
  EventLists& operator=(const EventLists&) = delete;

  // target_bits: of the largest target; span: the longest time from noting to delivery, in steps.
  void resize(int target_bits, std::size_t span) {
    block_bits_ = std::max(target_bits - block_target_bits, 0);
    slots_ = std::bit_ceil(span + 1);
    places_.assign(slots_ << block_bits_, {});
    chains_.assign(slots_ << block_bits_, {});
  }

  // For many events in a row. Lists are numbered by step, then by block of targets.
  class Writer {
   public:
    Writer(EventLists& lists, Step first)
        : places_(lists.places_.data()),
          mask_(static_cast<std::uint32_t>(lists.places_.size() - 1)),
          base_(lists.list(first)),
          lists_(lists) {}
    // after: how many lists behind the first one of the step `first`.
    // The weight is read as bits, which need no register of floating-point numbers.
    void push(std::uint32_t after, const R& weight, std::uint32_t target) {
      const std::uint32_t list = (base_ + after) & mask_;
      Place& place = places_[list];
      char* to = place.next;
      if (to == place.end) [[unlikely]] {
        to = lists_.extend(list);
      }
      __builtin_prefetch(to + 64, 1);  // stores wait for each other's lines
      write(to, weight, target);
      place.next = to + event_bytes;
    }

   private:
    Place* places_;
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
    for (std::uint32_t k = 0; k < places_.size(); ++k) {
      take_list(k, [](R, std::uint32_t) {});
    }
  }
  // Memory that was ever used.
  std::size_t bytes() const {
    std::size_t sum = places_.size() * (sizeof(Place) + sizeof(Chain));
    for (const RawBuffer<char>& piece : pool_) {
      sum += piece.size();
    }
    return sum - left_ * sizes[largest];
  }

 private:
  static constexpr std::size_t event_bytes = sizeof(R) + 2;
  // The chunks of a list grow, since it may stay short: there can be many lists.
  static constexpr std::array<std::size_t, 3> sizes{64, 512, 4096};
  static constexpr std::size_t largest = sizes.size() - 1;
  struct Chunk {
    Chunk* following;  // events come behind it

    char* events() { return reinterpret_cast<char*>(this + 1); }
  };
  struct Chain {
    Chunk *first = nullptr, *last = nullptr;
    std::size_t count = 0;
  };
  static std::size_t size_of(std::size_t number) { return std::min(number, largest); }
  // An event is written as whole words, of which the next one overwrites the last bytes: the last
  // one of a chunk needs room for them, too.
  static char* end_of(Chunk* chunk, std::size_t size) {
    constexpr std::size_t slack = std::is_same_v<R, float> ? 2 : 0;
    return chunk->events() + (sizes[size] - sizeof(Chunk) - slack) / event_bytes * event_bytes;
  }

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
    for (std::size_t number = 0; chunk != nullptr; ++number) {
      const std::size_t size = size_of(number);
      Chunk* following = chunk->following;
      for (std::size_t line = 0; following != nullptr && line < 8; ++line) {
        __builtin_prefetch(reinterpret_cast<const char*>(following) + 64 * line);
      }
      const char* last = following == nullptr ? places_[k].next : end_of(chunk, size);
      for (const char* event = chunk->events(); event != last; event += event_bytes) {
        R weight;
        std::uint16_t target;
        std::memcpy(&weight, event, sizeof weight);
        std::memcpy(&target, event + sizeof weight, sizeof target);
        f(weight, target);
      }
      chunk->following = std::exchange(free_[size], chunk);
      chunk = following;
    }
    chains_[k] = {};
    places_[k] = {};
  }

  [[gnu::noinline]] char* extend(std::uint32_t k) {
    Chain& chain = chains_[k];
    const std::size_t size = size_of(chain.count);
    if (free_[size] == nullptr) {
      refill(size);
    }
    Chunk* chunk = std::exchange(free_[size], free_[size]->following);
    chunk->following = nullptr;
    (chain.last != nullptr ? chain.last->following : chain.first) = chunk;
    chain.last = chunk;
    ++chain.count;
    places_[k] = {chunk->events(), end_of(chunk, size)};
    return chunk->events();
  }

  // Small chunks are parts of a large one.
  void refill(std::size_t size) {
    char* whole;
    if (size < largest && free_[largest] != nullptr) {
      whole = reinterpret_cast<char*>(free_[largest]);
      free_[largest] = free_[largest]->following;
    } else {
      whole = fresh();
    }
    for (std::size_t end = sizes[largest]; end > 0; end -= sizes[size]) {
      free_[size] = ::new (whole + end - sizes[size]) Chunk{free_[size]};
    }
  }

  // Pieces of the pool grow, so that large ones lie on huge pages; memory is touched when it is
  // used.
  char* fresh() {
    constexpr std::size_t chunk = sizes[largest];
    if (left_ == 0) {
      constexpr std::size_t least = 64, most = (std::size_t{8} << 20) / chunk;
      const std::size_t more =
          pool_.empty() ? least : std::min(4 * (pool_.back().size() / chunk), most);
      pool_.emplace_back(more * chunk);
      left_ = more;
      fresh_ = pool_.back().data();
    }
    --left_;
    return std::exchange(fresh_, fresh_ + chunk);
  }

  int block_bits_ = 0;
  std::size_t slots_ = 1;
  std::vector<Place> places_ = std::vector<Place>(1);
  std::vector<Chain> chains_ = std::vector<Chain>(1);
  std::array<Chunk*, sizes.size()> free_{};
  std::vector<RawBuffer<char>> pool_;
  char* fresh_ = nullptr;  // the first chunk that was never used
  std::size_t left_ = 0;
};

}  // namespace spikelet
