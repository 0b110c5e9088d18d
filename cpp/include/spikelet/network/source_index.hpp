// Maps a source to the number of its row. If most sources have a row, all between the first and the
// last get one, and the number is the distance from the first. In sparse stores (a process that
// owns a small part of a large network), a bitmap with a running count for each word is searched
// instead: a source without synapses then costs 0.25 bytes instead of 12.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "spikelet/core/buffer.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

class SourceIndex {
 public:
  static constexpr std::uint32_t none = 0xffffffffu;

  SourceIndex() = default;
  // Of sources in ascending order. Where fewer than one in `few` have a row, the others have none;
  // few 0: they never have.
  explicit SourceIndex(const std::vector<Gid>& sources, std::size_t few = usually_few) {
    if (sources.empty()) {
      return;
    }
    first_ = sources.front();
    span_ = sources.back() - first_ + 1;
    if (few > 0 && sources.size() * few >= span_) {
      return;
    }
    words_.resize(span_ / 64 + 1);
    for (const Gid source : sources) {
      words_[(source - first_) / 64].bits |= std::uint64_t{1} << ((source - first_) % 64);
    }
    std::uint32_t before = 0;
    for (Word& word : words_) {
      word.before = before;
      before += static_cast<std::uint32_t>(std::popcount(word.bits));
    }
  }

  bool dense() const { return words_.empty(); }
  Gid first() const { return first_; }
  std::size_t span() const { return span_; }  // sources from the first to the last
  std::size_t rows() const {
    return dense()
               ? span_
               : words_.back().before + static_cast<std::size_t>(std::popcount(words_.back().bits));
  }
  std::uint32_t row(Gid source) const {  // or none
    const Gid at = source - first_;      // wraps around for sources before the first
    if (at >= span_) {
      return none;
    }
    if (dense()) {
      return at;
    }
    const Word& word = words_[at / 64];
    const std::uint64_t bit = std::uint64_t{1} << (at % 64);
    return (word.bits & bit) == 0
               ? none
               : word.before + static_cast<std::uint32_t>(std::popcount(word.bits & (bit - 1)));
  }
  // Calls f(source) for all that have a row; empty ones, too.
  template <class F>
  void for_each(F&& f) const {
    for (Gid at = 0; dense() && at < span_; ++at) {
      f(static_cast<Gid>(first_ + at));
    }
    for (std::size_t w = 0; w < words_.size(); ++w) {
      for (std::uint64_t left = words_[w].bits; left != 0; left &= left - 1) {
        f(static_cast<Gid>(first_ + 64 * w + static_cast<Gid>(std::countr_zero(left))));
      }
    }
  }
  void prefetch(Gid source) const {
    const Gid at = source - first_;
    if (!dense() && at < span_) {
      __builtin_prefetch(words_.data() + at / 64);
    }
  }
  std::size_t bytes() const { return words_.size() * sizeof(Word); }

 private:
  static constexpr std::size_t usually_few = 8;  // an empty row costs 12 bytes, a word 16
  struct Word {
    std::uint64_t bits = 0;
    std::uint32_t before = 0;  // rows of earlier words
  };

  Gid first_ = 0;
  Gid span_ = 0;
  Buffer<Word> words_;
};

}  // namespace spikelet
