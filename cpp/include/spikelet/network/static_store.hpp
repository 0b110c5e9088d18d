// The static synapses of all projections that share a store, merged by source: each row is a
// sequence of segments, one for each delay. Rows are delivered on arrival. They take one of three
// forms, chosen by size when built, which all add in the same order:
//   lines       a segment is a whole number of 64-byte cache lines; a flat list of line numbers is
//               walked with prefetch
//   one weight  the same, but a line is one weight and its targets; for projections whose weights
//               are all equal
//   packed      a segment is its weights followed by its targets; for short segments, whose lines
//               would be half empty
#pragma once

#include <algorithm>
#include <vector>

#include "spikelet/core/line.hpp"
#include "spikelet/network/arrivals.hpp"
#include "spikelet/network/source_index.hpp"
#include "spikelet/network/store.hpp"

namespace spikelet {

template <class R>
class RowGatherer;
template <class R>
struct RowEntry;

template <class R>
class StaticStore final : public SynapseStore<R> {
 public:
  // span: longest delay + longest interval; dummies: local index of the first of `spare` buffer
  // elements, which absorb the additions of padding and are never read.
  StaticStore(std::span<const Feed<R>> feeds, std::size_t span, std::uint16_t dummies);

  void enqueue(Gid source, Step stamp, Step from) override;
  void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, Channels<R> input, bool early) override;
  bool mark_reached(std::span<std::uint64_t> blocks) const override;
  void clear() override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;

  std::size_t bytes() const override;
  enum class Form { lines, one_weight, packed };
  // Whether synapses of some channel have that form; and the form of those of one channel.
  bool has(Form form) const {
    return std::ranges::find(channel_, form, &ChannelRows::form) != channel_.end();
  }
  Form form(std::size_t channel) const {
    return std::ranges::find(channel_, channel, &ChannelRows::number)->form;
  }

 private:
  using Line = spikelet::Line<R>;
  struct Segment {
    std::uint16_t delay, count;  // count: lines, or packed synapses; 0: none
  };
  struct Row {
    std::uint32_t first, more;  // first unit of data; where the further segments begin
    Segment segment;            // the first one, here because many rows have no other
  };
  struct Arrival {  // of packed rows
    std::uint32_t first, count;
  };
  struct ChannelRows {
    std::size_t number = 0;
    Form form = Form::lines;
    std::vector<Gid> sources;  // of the rows, while they are built
    SourceIndex index;
    Buffer<Row> rows;          // and one more, where the last one ends
    Buffer<Segment> segments;  // further ones

    const Row* row(Gid source) const {  // or null
      const std::uint32_t k = index.row(source);
      return k == SourceIndex::none ? nullptr : &rows[k];
    }
    RawBuffer<Line> lines;
    RawBuffer<R> packed;  // a segment: count weights, then count 16-bit targets, rounded up
    Arrivals<DueLines> due_lines;
    Arrivals<Arrival> due_packed;
    std::vector<std::uint32_t> list;  // numbers of the lines due in the current step
    std::size_t listed = 0;

    std::uint32_t size() const {
      return static_cast<std::uint32_t>(form == Form::packed ? packed.size() : lines.size());
    }
  };

  static std::uint32_t packed_units(std::uint32_t count) {
    return count +
           static_cast<std::uint32_t>((count * sizeof(std::uint16_t) + sizeof(R) - 1) / sizeof(R));
  }
  static std::uint32_t units(const ChannelRows& c, std::uint32_t count) {
    return c.form == Form::packed ? packed_units(count) : count;
  }
  // Calls f(first unit, segment) for each segment of a row.
  template <class F>
  static void for_segments_of(const ChannelRows& c, const Row& row, F&& f) {
    if (row.segment.count == 0) {
      return;
    }
    std::uint32_t first = row.first;
    f(first, row.segment);
    first += units(c, row.segment.count);
    const std::uint32_t end = (&row)[1].more;
    for (std::uint32_t s = row.more; s < end; ++s) {
      f(first, c.segments[s]);
      first += units(c, c.segments[s].count);
    }
  }
  void choose_forms(RowGatherer<R>& gatherer, std::size_t first, std::size_t last);
  void append(ChannelRows& c, Gid source, const std::vector<RowEntry<R>>& row);
  static void close(ChannelRows& c);
  template <bool each>
  std::size_t append_lines(ChannelRows& c, const RowEntry<R>* entries, std::size_t count);
  std::size_t append_packed(ChannelRows& c, const RowEntry<R>* entries, std::size_t count);
  void list_lines(ChannelRows& c, Step step);
  void deliver_packed(ChannelRows& c, Step step, R* input);

  std::vector<ChannelRows> channel_;  // those with synapses, ascending
  std::uint16_t dummies_;
};

}  // namespace spikelet
