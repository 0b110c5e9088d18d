// Rows of lines: a segment is the part of a row with one delay, and a whole number of lines. On a
// spike, each segment is noted for the step when it arrives; then a flat list of the lines that are
// due is walked with prefetch. L: Line<R>; SharedLine<R> for projections whose weights are one;
// IntegerLine for weights of 16 bits.
#pragma once

#include <type_traits>

#include "network/static_rows.hpp"
#include "spikelet/core/line.hpp"
#include "spikelet/network/arrivals.hpp"

namespace spikelet {

template <class R, class L>
class LineRows final : public StaticRows<R> {
 public:
  static constexpr bool shared = std::is_same_v<L, SharedLine<R>>;
  static constexpr bool integer = std::is_same_v<L, IntegerLine>;
  static constexpr std::size_t longest_segment = 65535;

  // dummies: the first of the spare elements, which absorb the additions of padding.
  LineRows(std::uint32_t dummies, const RowSizes& sizes, const RowGrid& grid = {});

  // Sorted by delay.
  void append(Gid source, const RowEntries<R>& row) override;
  void close(std::size_t span) override;
  void fetch() const override {
    rows_.fetch();
    fetch_values(segments_);
    fetch_values(lines_);
    due_.fetch();
  }
  GidRange sources() const override { return rows_.sources(); }
  void for_sources(const ForSource& visitor) const override;
  void enqueue(std::span<const Gid> sources, Step stamp, Step from) override;
  void prepare(Step step) override;
  void deliver(Step step, R* input) override;
  bool mark_reached(std::span<std::uint64_t> blocks) const override;
  void clear() override { due_.clear(); }
  void visit_within(Gid source, LocalRange targets, int channel,
                    const std::function<void(const SynapseRef<R>&)>& visitor) override;
  std::size_t bytes() const override {
    return rows_.bytes() + segments_.size() * sizeof(Segment) + lines_.size() * sizeof(L);
  }

 private:
  struct Segment {
    std::uint16_t delay, lines;  // 0 lines: none
  };
  struct Row {
    std::uint32_t first, more;  // first line; where the further segments begin
    Segment segment;            // the first one, here because many rows have no other
    Row emptied() const { return {first, more, {0, 0}}; }
    bool empty() const { return segment.lines == 0; }
  };
  // Calls f(first line, segment) for each segment of a row.
  template <class F>
  void for_segments_of(const Row& row, F&& f) const;
  static std::uint32_t target_in(const L& line, int l) {
    if constexpr (shared) {
      return line.target[l];
    } else {
      return line.target_of(l);
    }
  }
  std::uint16_t append_lines(std::span<const RowEntry<R>> entries);
  void note(const Row& row, Step stamp, Step from, typename Arrivals<DueLines>::Writer& due);
  void list_parts(Step step);
  void fetch_first() const;

  std::uint32_t dummies_;
  RowGrid grid_;
  RowTable<Row> rows_;
  Buffer<Segment> segments_;  // further ones
  RawBuffer<L> lines_;
  Arrivals<DueLines> due_;
  std::vector<std::uint32_t> list_;  // numbers of the lines due in the current step
  std::vector<std::uint32_t> part_;  // the same by part, before they are put together
  std::size_t listed_ = 0;
};

}  // namespace spikelet
