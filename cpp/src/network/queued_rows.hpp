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

  // Of a target and a delay in a row; more than most_code_bits are refused.
  static int code_bits(std::uint32_t targets, Step shortest, Step longest);
  static constexpr int most_code_bits = 32;

  // Bytes that a row of n synapses takes.
  std::size_t bytes_of(std::size_t n) const;

  void append(Gid source, const RowEntries<R>& row) override;
  void close(std::size_t span) override;
  void fetch() const override {
    rows_.fetch();
    fetch_if_small(data_.data(), data_.size() * sizeof(Unit));
  }
  void enqueue(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, R* input) override;
  void clear() override { due_.clear(); }
  void visit(Gid source, const std::function<void(SynapseRef<R>)>& visitor) override;
  std::size_t bytes() const override { return rows_.bytes() + data_.size() * sizeof(Unit); }

 private:
  struct alignas(8) Unit {
    unsigned char bytes[8];
  };
  using Weight = typename Kept::Event::Weight;
  // A row is `count` weights, then as many codes: the low bits of a target, its sign if it needs
  // one, the high bits of the target, and how much longer its delay is than the shortest one. All
  // above the low bits is the number of a list.
  struct Row {
    std::uint32_t first, count;  // first unit
    Row emptied() const { return {first, 0}; }
  };

  std::uint32_t code(const unsigned char* codes, std::size_t k) const;
  template <bool cut>
  void queue(const Row& row, Step stamp, Step from);

  Kept kept_;
  Step shortest_;
  int low_bits_, high_bits_;  // of a target
  int delay_shift_;
  std::size_t code_bytes_;  // 3 or 4
  std::uint32_t code_mask_;
  RowTable<Row> rows_;
  RawBuffer<Unit> data_;
  EventLists<typename Kept::Event> due_;
};

}  // namespace spikelet
