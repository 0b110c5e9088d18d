// Arrivals: what is due at each coming step. Lists are chains of small blocks, and the block freed
// last is reused first. Only memory for what is in flight is touched, so it stays in the cache; an
// array for each step would have left the cache before it is used again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/fetch.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

// bytes: of a block.
template <class Entry, std::size_t bytes = 256>
class Arrivals {
 public:
  Arrivals() = default;
  Arrivals(const Arrivals&) = delete;  // blocks are linked by address
  Arrivals& operator=(const Arrivals&) = delete;
  Arrivals(Arrivals&&) = default;  // what is moved from must not be used again
  Arrivals& operator=(Arrivals&&) = default;

  // span: the longest time from noting to delivery, in steps.
  void resize(std::size_t span) {
    std::size_t size = 1;
    while (size <= span) {
      size *= 2;
    }
    lists_.assign(size, {});
  }
  void push(Step step, Entry entry) { Writer(*this).push(step, entry); }

 private:
  struct List;

 public:
  // For many entries in a row: knows the lists without looking them up.
  class Writer {
   public:
    explicit Writer(Arrivals& arrivals)
        : lists_(arrivals.lists_.data()), mask_(arrivals.lists_.size() - 1), arrivals_(arrivals) {}
    void push(Step step, Entry entry) {
      List& list = lists_[static_cast<std::size_t>(step) & mask_];
      Entry* to = list.next;
      if (to == list.end) [[unlikely]] {
        to = arrivals_.extend(list);
      }
      *to = entry;
      list.next = to + 1;
    }

   private:
    List* lists_;
    std::size_t mask_;
    Arrivals& arrivals_;
  };

  bool empty(Step step) const { return lists_[slot(step)].first == nullptr; }
  // Calls f(begin, end) for each run of entries, in order.
  template <class F>
  void for_runs(Step step, F&& f) const {
    const List& list = lists_[slot(step)];
    for (Block* block = list.first; block != nullptr; block = block->following) {
      __builtin_prefetch(block->following);
      const bool last = block->following == nullptr;
      f(static_cast<const Entry*>(block->entries),
        last ? static_cast<const Entry*>(list.next) : block->entries + Block::room);
    }
  }
  void clear(Step step) {
    List& list = lists_[slot(step)];
    while (list.first != nullptr) {
      Block* block = list.first;
      list.first = block->following;
      block->following = free_;
      free_ = block;
    }
    list = {};
  }
  // Prefetches the lists, and the begin of each block that was ever in use.
  void fetch() const {
    fetch_values(lists_);
    for (std::size_t k = 0; pool_.size() == 1 && k < used_; ++k) {
      fetch_line(&pool_[0][k]);
    }
  }
  void clear() {
    for (std::size_t k = 0; k < lists_.size(); ++k) {
      clear(static_cast<Step>(k));
    }
  }

 private:
  struct alignas(64) Block {
    static constexpr std::size_t room = (bytes - sizeof(void*)) / sizeof(Entry);
    Block* following;
    Entry entries[room];
  };
  struct List {
    Entry *next = nullptr, *end = nullptr;  // in the last block
    Block *first = nullptr, *last = nullptr;
  };

  std::size_t slot(Step step) const { return static_cast<std::size_t>(step) & (lists_.size() - 1); }
  [[gnu::noinline]] Entry* extend(List& list) {
    Block* block = free_ != nullptr ? std::exchange(free_, free_->following) : fresh();
    block->following = nullptr;
    (list.last != nullptr ? list.last->following : list.first) = block;
    list.last = block;
    list.next = block->entries;
    list.end = block->entries + Block::room;
    return list.next;
  }

  // Pieces of the pool grow, so that large ones lie on huge pages; memory is touched when it is
  // used.
  Block* fresh() {
    if (pool_.empty() || used_ == pool_.back().size()) {
      constexpr std::size_t least = 64, most = (std::size_t{8} << 20) / sizeof(Block);
      pool_.emplace_back(pool_.empty() ? least : std::min(4 * pool_.back().size(), most));
      used_ = 0;
    }
    return &pool_.back()[used_++];
  }

  std::vector<List> lists_ = std::vector<List>(1);
  Block* free_ = nullptr;
  std::vector<RawBuffer<Block>> pool_;
  std::size_t used_ = 0;  // blocks of the last piece
};

}  // namespace spikelet
