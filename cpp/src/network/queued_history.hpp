// Plastic synapses that replay their target's spikes, in one row for each source, whatever their
// delays. Where delays are dendritic, a spike is at all synapses of its source as soon as it is
// sent: all are updated together then, in order, and each weight goes into the list of the step when
// it arrives. This form is for few synapses of a source for each delay. Rows of these by delay would
// each cost a look-up and a miss, and fill vectors badly.
#pragma once

#include "network/event_lists.hpp"
#include "network/replay_store.hpp"

namespace spikelet {

template <class R>
class QueuedHistory final : public ReplayStore<R> {
 public:
  QueuedHistory(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  // Whether this form suits such synapses, or can hold them at all.
  static bool suits(const Feed<R>& feed, const Plasticity& plasticity);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<QueuedHistory>(*this);
  }
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
  void for_each_sent(Step now,
                     const std::function<void(Step, const Sent<R>&)>& visitor) override;
  void clear() override;
  void start(Step born) override;
  std::size_t bytes() const override;

 private:
  using SourceSpikes = typename ReplayStore<R>::SourceSpikes;
  using Events = EventLists<FloatEvent<R>>;

  // Of the synapses of a source, by delay.
  struct Run {
    std::uint32_t count;
    std::uint16_t delay;
  };
  // Delays by synapse.
  class Delays {
   public:
    void clear() { size_ = 0; }
    std::size_t size() const { return size_; }
    const std::uint16_t* data() const { return delays_.data(); }
    void add(std::span<const Run> runs) {
      for (const Run& run : runs) {
        if (delays_.size() < size_ + run.count + together) {
          delays_.resize(2 * (size_ + run.count + together));
        }
        std::uint16_t* to = delays_.data() + size_;
        for (std::size_t k = 0; k < run.count; k += together) {
          std::fill_n(to + k, together, run.delay);  // also beyond the run, which takes less time
        }
        size_ += run.count;
      }
    }

   private:
    static constexpr std::size_t together = 16;
    std::vector<std::uint16_t> delays_;
    std::size_t size_ = 0;
  };
  // Its synapses and runs go on to where those of the next one begin.
  struct Source {
    SourceSpikes spikes;  // of all its synapses, unless it is `split`
    std::uint64_t first;
    std::uint32_t run;
  };
  // In place of the last spike: the runs differ in what they know. This takes a state that was
  // written while spikes had reached some of them.
  static constexpr Step split = -2;

  std::span<const Run> runs_of(std::size_t i) const {
    return {runs_.data() + sources_[i].run, runs_.data() + sources_[i + 1].run};
  }
  std::size_t synapses_of(std::size_t i) const {
    return static_cast<std::size_t>(sources_[i + 1].first - sources_[i].first);
  }
  bool is_split(std::size_t i) const { return sources_[i].spikes.last == split; }
  // Calls f(run, its first synapse, spikes) for each run of a split source.
  template <class F>
  void for_runs(std::size_t i, F&& f);
  void split_up(std::size_t i);
  void join();
  void settle_row(SourceSpikes& spikes, std::span<const Run> runs, std::uint64_t first, Step upto);
  void settle_all(Step upto);
  void list(std::span<const Gid> sources, Step stamp, Step from);
  std::size_t take(std::size_t begin) const;
  void update(std::span<const std::uint32_t> sources, Step stamp, RowsAhead<R>& ahead);
  void update_by_run(std::size_t i, std::size_t spikes, Step stamp, Step from);
  void send(std::span<const Run> runs, std::uint64_t first, Step stamp);
  int list_bits() const { return this->feed_.one_channel < 0 ? 1 : 0; }  // of the lists of a step
  std::size_t channel_of_list(std::uint32_t list) const;

  Buffer<Source> sources_;  // of the population, and an end
  Buffer<Run> runs_;
  // By run, if sources may be split.
  std::vector<SourceSpikes> by_run_;
  bool written_ = false;  // others may have changed `by_run_`
  Events due_;
  // Of the updates under way: sources, what is fetched of them, the delays of their synapses.
  std::vector<std::uint32_t> listed_;
  std::vector<typename RowsAhead<R>::Row> ahead_of_;
  std::vector<ReplayedRow<R>> at_spike_;
  Delays delays_;
};

}  // namespace spikelet
