// Rows whose synapses are queued one by one when their source spikes: each goes, with its weight,
// into the list of the step when it arrives. A row is read once and in order, however many delays
// it has, so this form is for short segments: with few synapses for each delay of a source, lines
// would be half empty, and fetching each segment on arrival would miss the cache each time. Entries
// are best not sorted by delay, as consecutive ones of one list wait for each other. Kept:
// FloatWeights, or IntegerWeights for weights of 16 bits.
#pragma once

#include "network/event_lists.hpp"
#include "network/queued_weights.hpp"
#include "network/static_rows.hpp"
#include "spikelet/core/line.hpp"

namespace spikelet {

template <class R, class Kept = FloatWeights<R>>
class QueuedRows final : public StaticRows<R> {
 public:
  // Targets are below `targets`, delays from shortest to longest.
  QueuedRows(std::uint32_t targets, Step shortest, Step longest, const RowSizes& sizes,
             const Kept& kept = Kept());

  // Whether a row has room for such targets, delays and signs; others are refused.
  static bool fits(std::uint32_t targets, Step shortest, Step longest, const Kept& kept);

  // Bytes that a row of n synapses takes.
  std::size_t bytes_of(std::size_t n) const { return packing_.bytes_of(n); }

  void append(Gid source, const RowEntries<R>& row) override;
  void close(std::size_t span) override;
  void fetch() const override {
    rows_.fetch();
    fetch_values(data_);
  }
  GidRange sources() const override { return rows_.sources(); }
  void for_sources(const ForSource& visitor) const override;
  void enqueue(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, R* input) override;
  void clear() override { due_.clear(); }
  void visit_within(Gid source, LocalRange targets, int channel,
                    const std::function<void(const SynapseRef<R>&)>& visitor) override;
  std::size_t bytes() const override { return rows_.bytes() + data_.size() * sizeof(Unit); }

 private:
  struct alignas(8) Unit {
    unsigned char bytes[8];
  };
  // The number of a list is the sign, if it needs one, then the high bits of the target, then how
  // much longer the delay is than the shortest one.
  struct Row {
    std::uint32_t first, count;  // first unit
    Row emptied() const { return {first, 0}; }
    bool empty() const { return count == 0; }
  };

  static int list_bits(std::uint32_t targets, Step shortest, Step longest, const Kept& kept);
  unsigned char* bytes_at(const Row& row) { return data_[row.first].bytes; }
  int step_bits() const { return kept_.sign_bits() + high_bits_; }  // of the lists of a step
  template <bool cut>
  void queue(const Row& row, Step stamp, Step from);

  Kept kept_;
  Step shortest_;
  int low_bits_, high_bits_;  // of a target
  typename Kept::Packing packing_;
  RowTable<Row> rows_;
  RawBuffer<Unit> data_;
  EventLists<typename Kept::Event> due_;
};

}  // namespace spikelet
