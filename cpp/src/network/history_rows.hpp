// Rows of plastic synapses that replay their target's spikes, one for each source and delay. A row
// is updated when a spike of its source arrives at the targets, and sends its weights at once.
// Everything but the update itself.
#pragma once

#include "network/post_traces.hpp"
#include "network/replay_store.hpp"

namespace spikelet {

template <class R>
class HistoryRows : public ReplayStore<R> {
 public:
  HistoryRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  void enqueue(Gid source, Step stamp, Step from) override;
  void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, Channels<R> input, bool early) override;
  void for_sources(const ForSource& visitor) const override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void finish(Step now) override;
  R trace(Readable which, std::uint32_t source, std::uint32_t target, std::uint64_t position,
          Step now) const override;
  void settle(Step step) override;
  PlasticParts<R> parts() override;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows() const override;
  void clear() override;
  void start(Step born) override;
  std::size_t bytes() const override;

 protected:
  // Of modulated rules. When all synapses of a row were touched last: no, `touched_` has the times;
  // at the row's last spike; at a step that the store has for all such rows.
  enum class Even : std::uint16_t { no, last, common };
  // The synapses of a source with one delay. All that is kept of them lies together: rows arrive in
  // random order, and each place in memory is a miss.
  struct Segment : ReplayStore<R>::SourceSpikes {
    std::uint64_t first;
    std::uint32_t count, source;
    std::uint16_t delay, dendritic;
    Even even;
  };
  // At a spike of the sources of several different rows, which arrives at `arrival`: potentiates by
  // the spikes of targets since the last one, then depresses.
  virtual void update(std::span<const std::uint32_t> rows, Step arrival) = 0;
  // Potentiates by the spikes that are at the synapses by then.
  virtual void settle_row(std::size_t row, Step upto) = 0;
  // Turns the eligibility of all synapses into weight, up to then.
  virtual void settle_eligibility(Step /*upto*/) {}

  // When a spike is at the synapses of a row that arrives then.
  Step time_at(std::size_t row, Step arrival) const {
    return arrival + 1 - segments_[row].dendritic;
  }
  // For kernels: rows that depress at a spike of their source.
  Replaying<R> replaying_at_spikes() { return this->replaying(true, &ahead_); }
  ReplayedRow<R> row_at_spike(std::size_t row, Step time) {
    const Segment& segment = segments_[row];
    return ReplayStore<R>::row_at_spike(segment, segment.first, segment.count, segment.dendritic,
                                        time);
  }
  // The traces that depress a row's synapses at a spike that arrives then, if they are at hand.
  template <class TracesAt>
  const R* post_traces(std::size_t row, Step arrival, TracesAt&& traces_at) {
    const Step dendritic = segments_[row].dendritic;
    return traces_.of(arrival, dendritic, [&](std::span<R> traces) {
      traces_at(replaying_at_spikes(), this->spikes_.relative(time_at(row, arrival) - dendritic),
                traces);
    });
  }

  Buffer<Segment> segments_;
  std::vector<Step> touched_;  // by synapse: when the eligibility had that value

 private:
  void process(std::span<const std::uint32_t> rows, Step arrival);
  void send(std::uint32_t row, Channels<R> input) const;
  std::size_t synapses_of(std::span<const std::uint32_t> rows) const;
  void fetch_headers(std::span<const std::uint32_t> rows) const;
  void fetch_rows(std::span<const std::uint32_t> rows);

  std::vector<std::uint32_t> rows_;  // by row of the source: first segment
  Step longest_ = 0;                 // dendritic part of a delay
  Calendar<std::uint32_t> calendar_;
  PostTraces<R> traces_;
  // Of the updates under way.
  std::vector<typename RowsAhead<R>::Row> listed_;
  RowsAhead<R> ahead_;
};

extern template class HistoryRows<float>;
extern template class HistoryRows<double>;

}  // namespace spikelet
