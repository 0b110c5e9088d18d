// Arrivals: what is due at each coming step. Lists are chains of small blocks, and the block freed
// last is reused first. Only memory for what is in flight is touched, so it stays in the cache; an
// array for each step would have left the cache before it is used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "spikelet/core/types.hpp"

namespace spikelet {

template <class Entry>
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
  void push(Step step, const Entry& entry) {
    List& list = lists_[slot(step)];
    if (list.next == list.end) [[unlikely]] {
      extend(list);
    }
    *list.next++ = entry;
  }
  bool empty(Step step) const { return lists_[slot(step)].first == nullptr; }
  // Calls f(begin, end) for each run of entries, in order.
  template <class F>
  void for_runs(Step step, F&& f) const {
    const List& list = lists_[slot(step)];
    for (Block* block = list.first; block != nullptr; block = block->following) {
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
  void clear() {
    for (std::size_t k = 0; k < lists_.size(); ++k) {
      clear(static_cast<Step>(k));
    }
  }

 private:
  struct alignas(64) Block {
    static constexpr std::size_t room = (256 - sizeof(void*)) / sizeof(Entry);
    Block* following;
    Entry entries[room];
  };
  struct List {
    Entry *next = nullptr, *end = nullptr;  // in the last block
    Block *first = nullptr, *last = nullptr;
  };

  std::size_t slot(Step step) const { return static_cast<std::size_t>(step) & (lists_.size() - 1); }
  void extend(List& list) {
    if (free_ == nullptr) {
      constexpr std::size_t blocks = 64;
      pool_.push_back(std::make_unique<Block[]>(blocks));
      for (std::size_t k = 0; k < blocks; ++k) {
        pool_.back()[k].following = free_;
        free_ = &pool_.back()[k];
      }
    }
    Block* block = free_;
    free_ = block->following;
    block->following = nullptr;
    (list.last != nullptr ? list.last->following : list.first) = block;
    list.last = block;
    list.next = block->entries;
    list.end = block->entries + Block::room;
  }

  std::vector<List> lists_ = std::vector<List>(1);
  Block* free_ = nullptr;
  std::vector<std::unique_ptr<Block[]>> pool_;
};

}  // namespace spikelet
