// The synapses of one channel of a StaticStore as rows, one for each source.
#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "spikelet/core/line.hpp"
#include "spikelet/core/weight_grid.hpp"
#include "spikelet/network/source_index.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

template <class R>
struct RowEntry {
  std::uint32_t target;
  std::uint16_t delay;
  R weight;
};
template <class R>
using RowEntries = std::vector<RowEntry<R>>;

// What a row may need, to reserve memory.
struct RowSizes {
  std::size_t rows = 0, synapses = 0, segments = 0, lines = 0;

  // From a sample of each `stride`-th row to all of them, with some room.
  void scale(std::size_t stride) {
    if (stride > 1) {
      for (std::size_t* n : {&rows, &synapses, &segments, &lines}) {
        *n = *n == 0 ? 0 : *n * stride + *n * stride / 8 + 1024;
      }
    }
  }
};

// Of weights of 16 bits: what these stand for, and where they are added up.
struct RowGrid {
  double step = 0;
  bool negative = false;  // all of them
  int shift = 0;          // of the sums: their step is step / 2^shift
  const SumsAt* sums = nullptr;

  std::uint16_t magnitude(double weight) const {
    return static_cast<std::uint16_t>(std::nearbyint(std::abs(weight) / step));
  }
};

template <class R>
class StaticRows {
 public:
  StaticRows() = default;
  StaticRows& operator=(const StaticRows&) = delete;
  virtual ~StaticRows() = default;

  // Building: sources ascend; synapses of one target and delay keep the order of the entries.
  // Throws std::length_error if there is no room for more. close() follows the last row; span:
  // longest delay + longest interval.
  virtual void append(Gid source, const RowEntries<R>& row) = 0;
  virtual void close(std::size_t span) = 0;

  // As of a SynapseStore.
  virtual void fetch() const {}
  virtual GidRange sources() const = 0;
  virtual void for_sources(const ForSource& visitor) const = 0;
  virtual void enqueue(std::span<const Gid> sources, Step stamp, Step from) = 0;
  // All that arrives in a step is known; called before neurons are updated.
  virtual void prepare(Step /*step*/) {}
  virtual void deliver(Step step, R* input) = 0;
  virtual bool mark_reached(std::span<std::uint64_t> /*blocks*/) const { return false; }
  virtual void clear() = 0;
  // visitor(synapse) for those onto some targets, all of them of one channel.
  virtual void visit_within(Gid source, LocalRange targets, int channel,
                            const std::function<void(const SynapseRef<R>&)>& visitor) = 0;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
    visit_within(source, {}, 0, visitor);
  }
  virtual std::size_t bytes() const = 0;

 protected:
  StaticRows(const StaticRows&) = default;
};

// Of all parts of a store, which have `rows` each.
template <class Parts>
GidRange sources_of(const Parts& parts) {
  GidRange all = GidRange::none();
  for (const auto& part : parts) {
    all = all.joined(part.rows->sources());
  }
  return all;
}

// A header for each source with synapses, found by its number.
template <class Row>
class RowTable {
 public:
  void append(Gid source, const Row& row) {
    rows_.push_back(row);
    sources_.push_back(source);
  }
  // end: where a row after the last one would begin. If most sources have a row, the others get
  // empty ones, which begin where the next row does.
  void close(const Row& end) {
    index_ = SourceIndex(sources_);
    if (index_.dense() && rows_.size() < index_.span()) {
      Buffer<Row> rows(index_.span());
      Row next = end;
      for (std::size_t k = rows_.size(), at = rows.size(); at-- > 0;) {
        const bool has = k > 0 && sources_[k - 1] - index_.first() == at;
        rows[at] = has ? rows_[--k] : next.emptied();
        next = rows[at];
      }
      rows_ = std::move(rows);
    }
    rows_.push_back(end);
    rows_.shrink_to_fit();
    sources_ = {};
  }
  bool empty() const { return rows_.empty(); }
  GidRange sources() const {
    return index_.span() == 0
               ? GidRange::none()
               : GidRange{index_.first(), static_cast<Gid>(index_.first() + index_.span() - 1)};
  }
  // Calls f(source, row) for those with synapses.
  template <class F>
  void for_rows(F&& f) const {
    index_.for_each([&](Gid source) {
      if (const Row& row = *find(source); !row.empty()) {
        f(source, row);
      }
    });
  }
  const Row* find(Gid source) const {  // or null
    const std::uint32_t k = index_.row(source);
    return k == SourceIndex::none ? nullptr : &rows_[k];
  }
  // Fetches the headers of some sources.
  void prefetch(std::span<const Gid> sources) const {
    if (!index_.dense()) {
      for (const Gid source : sources) {
        index_.prefetch(source);
      }
    }
    for (const Gid source : sources) {
      if (const Row* row = find(source)) {
        __builtin_prefetch(row);
      }
    }
  }
  std::size_t bytes() const { return index_.bytes() + rows_.size() * sizeof(Row); }
  void fetch() const { fetch_values(rows_); }

 private:
  std::vector<Gid> sources_;  // of the rows, while they are built
  SourceIndex index_;
  Buffer<Row> rows_;  // and one more, where the last one ends
};

// Calls f(begin, end) for each run of equal delay, at most `longest` entries each.
template <class R, class F>
void for_segments(const RowEntries<R>& row, std::size_t longest, F&& f) {
  for (std::size_t begin = 0; begin < row.size();) {
    std::size_t end = begin + 1;
    while (end < row.size() && row[end].delay == row[begin].delay && end - begin < longest) {
      ++end;
    }
    f(begin, end);
    begin = end;
  }
}

inline constexpr std::size_t rows_ahead = 64;  // headers fetched at once; the cache has room

}  // namespace spikelet
