// Rows whose synapses are queued one by one when their source spikes: each goes, with its weight,
// into the list of the step when it arrives. A row is read once and in order, however many delays
// it has, so this form is for short segments: with few synapses for each delay of a source, lines
// would be half empty, and fetching each segment on arrival would miss the cache each time. Entries
// are best not sorted by delay, as consecutive ones of one list wait for each other.
#pragma once

#include "network/event_lists.hpp"
#include "network/static_rows.hpp"
#include "spikelet/core/line.hpp"

namespace spikelet {

template <class R>
class QueuedRows final : public StaticRows<R> {
 public:
  // Targets are below `targets`, delays from shortest to longest.
  QueuedRows(std::uint32_t targets, Step shortest, Step longest, const RowSizes& sizes);

  // Bytes that a row of n synapses takes.
  std::size_t bytes_of(std::size_t n) const;

  void append(Gid source, const RowEntries<R>& row) override;
  void close(std::size_t span) override;
  void fetch() const override {
    rows_.fetch();
    fetch_if_small(data_.data(), data_.size() * sizeof(Unit));
  }
  GidRange sources() const override { return rows_.sources(); }
  void enqueue(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, R* input) override;
  void clear() override { due_.clear(); }
  void visit_within(Gid source, LocalRange targets,
                    const std::function<void(SynapseRef<R>)>& visitor) override;
  std::size_t bytes() const override { return rows_.bytes() + data_.size() * sizeof(Unit); }

 private:
  struct alignas(8) Unit {
    unsigned char bytes[8];
  };
  // A row is `count` weights, then as many codes: a target, and above it how much longer its delay
  // is than the shortest one.
  struct Row {
    std::uint32_t first, count;  // first unit
    Row emptied() const { return {first, 0}; }
  };

  std::uint32_t code(const unsigned char* codes, std::size_t k) const;
  template <bool cut>
  void queue(const Row& row, Step stamp, Step from);

  Step shortest_;
  int target_bits_;
  std::size_t code_bytes_;  // 3 or 4
  std::uint32_t code_mask_;
  RowTable<Row> rows_;
  RawBuffer<Unit> data_;
  EventLists<R> due_;
};

}  // namespace spikelet
