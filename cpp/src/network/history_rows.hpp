// Rows of plastic synapses that replay their target's spikes: any delays, any pairing, any rule. A
// synapse is touched when a spike of its source arrives, which brings it up to date with its
// target's recent spikes and sends its weight. Everything but the update itself.
#pragma once

#include <algorithm>

#include "network/post_traces.hpp"
#include "network/spike_lists.hpp"
#include "spikelet/core/decay.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

template <class R>
class HistoryRows : public PlasticStore<R> {
 public:
  HistoryRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  PlasticLayout layout() const override { return PlasticLayout::history; }
  void enqueue(Gid source, Step stamp, Step from) override;
  void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) override;
  void deliver(Step step, Channels<R> input, bool early) override;
  void for_sources(const ForSource& visitor) const override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void finish(Step now) override;
  R trace(Readable which, std::uint32_t source, std::uint32_t target, std::uint64_t position,
          Step now) const override;
  void settle(Step step) override;
  void add_weights(std::span<double> sums) const override;
  void scale_weights(std::span<const R> factors) override;
  PlasticParts<R> parts() override;
  std::vector<std::pair<std::uint32_t, std::uint16_t>> rows() const override;
  std::vector<PostSpike<R>> posts() const override;
  void set_posts(std::span<const PostSpike<R>> posts) override;
  Step clock() const override { return -1; }  // each row has its own
  void set_clock(Step) override {}
  void clear() override;
  void start(Step born) override;
  std::size_t bytes() const override;

 protected:
  // Of modulated rules. When all synapses of a row were touched last: no, `touched_` has the times;
  // at the row's last spike; at a step that the store has for all such rows.
  enum class Even : std::uint16_t { no, last, common };
  // The synapses of a source with one delay. All that is kept of them lies together: rows arrive in
  // random order, and each place in memory is a miss.
  struct Segment {
    std::uint64_t first;
    Step last, done;  // the last source spike that is in, up to when posts are in
    R pre, pre_2;     // traces at that spike
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
  // Amplitudes at a spike, from the second trace before it.
  virtual R pre_factor(R before_2) const = 0;
  virtual R post_factor(R before_2) const = 0;
  void set_parameters(const std::vector<double>& parameters) override;

  // When a spike is at the synapses of a row that arrives then.
  Step time_at(std::size_t row, Step arrival) const {
    return arrival + 1 - segments_[row].dendritic;
  }
  // For kernels: a row that is brought up to `upto`, or also depresses at a spike of its source.
  Replaying<R> replaying(bool depresses);
  ReplayedRow<R> row_until(std::size_t row, Step upto);
  ReplayedRow<R> row_at_spike(std::size_t row, Step time);
  // The traces that depress a row's synapses at a spike that arrives then, if they are at hand.
  template <class TracesAt>
  const R* post_traces(std::size_t row, Step arrival, TracesAt&& traces_at) {
    const Step dendritic = segments_[row].dendritic;
    return traces_.of(arrival, dendritic, [&](std::span<R> traces) {
      traces_at(replaying(true), spikes_.relative(time_at(row, arrival) - dendritic), traces);
    });
  }

  Step tie_;
  bool nearest_pre_, nearest_post_;  // traces are set to 1
  bool first_only_, centered_;       // one post a window; source traces by synapse
  Decay<R> pre_decay_, post_decay_, pre_2_decay_, post_2_decay_;
  Buffer<Segment> segments_;
  Buffer<R> weight_;
  Buffer<R> own_;              // by synapse: its own trace (pre-centred) or eligibility
  std::vector<Step> touched_;  // by synapse: when the eligibility had that value
  Buffer<std::uint16_t> target_;
  SpikeLists<R> spikes_;  // of the targets

 private:
  void note_post(std::uint32_t target, Step stamp) override;
  void process(std::span<const std::uint32_t> rows, Step arrival);
  void send(std::uint32_t row, Channels<R> input) const;
  std::size_t synapses_of(std::span<const std::uint32_t> rows) const;
  void fetch_headers(std::span<const std::uint32_t> rows) const;
  void fetch_rows(std::span<const std::uint32_t> rows);

  // So many spikes are kept at least: settling them takes a pass over all synapses, and a spike
  // less memory than two synapses.
  std::size_t least_limit() const { return 16 * spikes_.targets() + 1024 + weight_.size() / 64; }

  std::vector<std::uint32_t> rows_;  // by source of the population: first segment
  std::size_t spikes_limit_ = 0;
  Step longest_ = 0;  // dendritic part of a delay
  Calendar<std::uint32_t> calendar_;
  std::vector<R> pre_factors_, post_factors_;  // decays over the first steps
  PostTraces<R> traces_;
  // Of the updates under way.
  std::vector<typename RowsAhead<R>::Row> listed_;
  RowsAhead<R> ahead_;
};

extern template class HistoryRows<float>;
extern template class HistoryRows<double>;

}  // namespace spikelet
