// Plastic synapses that replay their target's spikes, in one row for each source, whatever their
// delays. Where delays are dendritic, a spike is at all synapses of its source as soon as it is
// sent: all are updated together then, and each weight goes into the list of the step when it
// arrives. This form is for few synapses of a source for each delay: rows of these would each cost
// a look-up and a miss, and fill vectors badly.
#pragma once

#include "network/event_lists.hpp"
#include "network/replay_store.hpp"

namespace spikelet {

template <class R>
class QueuedHistory final : public ReplayStore<R> {
 public:
  QueuedHistory(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<QueuedHistory>(*this);
  }
  PlasticLayout layout() const override { return PlasticLayout::queued; }
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
  void for_each_sent(Step now, const std::function<void(Step, const Sent<R>&)>& visitor) override;
  void clear() override;
  void start(Step born) override;
  std::size_t bytes() const override;

 private:
  using SourceSpikes = typename ReplayStore<R>::SourceSpikes;
  // Chunks are small: many delays make many lists.
  using Events = EventLists<FloatEvent<R>, 512>;

  // Its synapses go on to where those of the next one begin.
  struct Source {
    SourceSpikes spikes;  // of all its synapses, unless it is split
    std::uint64_t first;
  };
  // What the synapses of a source and a delay know.
  struct Row : SourceSpikes {
    std::uint32_t source;  // by row of the index
    std::uint16_t delay;
  };
  // In place of a source's last spike, which no state has: its rows may differ. A state that was
  // written while spikes had arrived at some of them only makes them differ; such a source, which
  // has synapses, is slow.
  static constexpr Step split = -2;

  std::size_t count() const { return sources_.size() - 1; }
  std::uint64_t first_of(std::size_t i) const { return sources_[i].first; }
  std::size_t synapses_of(std::size_t i) const {
    return static_cast<std::size_t>(sources_[i + 1].first - sources_[i].first);
  }
  std::span<const std::uint16_t> delays_of(std::size_t i) const {
    return {delay_.data() + first_of(i), synapses_of(i)};
  }
  bool is_split(std::size_t i) const { return sources_[i].spikes.last == split; }
  // Whether a spike is none that the state has which others wrote.
  bool is_new(const SourceSpikes& spikes, Step stamp) const {
    return stamp > written_until_ || stamp > spikes.last;
  }
  bool passed(std::size_t i, Step stamp, Step from) const;
  template <class F>
  void for_rows(F&& f) const;
  std::span<Row> rows_of(std::size_t i);
  void split_up(std::size_t i);
  void join_all();
  void join(std::size_t i);
  ReplayedRow<R> of_own_delays(ReplayedRow<R> row, std::uint64_t first) const;
  void settle(SourceSpikes& spikes, std::uint64_t first, std::size_t n, Step upto);
  void settle_row(Row& row, Step upto);
  void list(std::span<const Gid> sources, Step stamp, Step from);
  std::size_t take(std::size_t begin) const;
  void update(std::span<const std::uint32_t> sources, Step stamp, RowsAhead<R>& ahead);
  void update_rows(std::size_t i, std::size_t spikes, Step stamp, Step from);
  void send(std::uint64_t first, std::size_t n, Step stamp);
  int list_bits() const { return this->feed_.one_channel < 0 ? 1 : 0; }  // of the lists of a step
  std::size_t channel_of_list(std::uint32_t list) const;

  Buffer<Source> sources_;  // by row of the index, and an end
  Buffer<std::uint16_t> delay_;
  std::vector<Row> rows_;  // by source and delay, while sources may be split
  std::size_t split_sources_ = 0;
  bool written_ = false;     // others may have changed rows
  Step written_until_ = -1;  // their latest spike
  Events due_;
  // Of the updates under way: sources, and what is fetched of them.
  std::vector<std::uint32_t> listed_;
  std::vector<typename RowsAhead<R>::Row> ahead_of_;
  std::vector<ReplayedRow<R>> at_spike_;
};

}  // namespace spikelet
