// Plastic synapses that replay their target's spikes: any delays, any pairing, any rule. A synapse
// is touched when a spike of its source arrives, which brings it up to date with the history of its
// target's spikes and sends. With an eligibility trace (reward) each synapse also remembers when it
// was touched last.
#pragma once

#include "spikelet/core/decay.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

template <class R>
std::unique_ptr<PlasticStore<R>> make_history_store(const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, const RewardSignal* reward);

template <class R, template <class> class Rule>
class HistoryStore final : public PlasticStore<R> {
 public:
  HistoryStore(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span,
               const RewardSignal* reward);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<HistoryStore>(*this);
  }
  PlasticLayout layout() const override { return PlasticLayout::history; }
  void enqueue(Gid source, Step stamp, Step from) override;
  void deliver(Step step, const std::array<R*, max_channels>& input, bool early) override;
  void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) override;
  void finish(Step now) override;
  void settle(Step step) override;
  void set_parameters(const std::vector<double>& parameters) override {
    PlasticStore<R>::set_parameters(parameters);
    rule_ = Rule<R>(parameters.data());
  }
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

 private:
  struct Segment {  // the synapses of a source with one delay
    std::uint64_t first;
    std::uint32_t count, source;
    std::uint16_t delay, dendritic;
  };
  struct Post {  // a spike of a target, with the traces that include it
    Step stamp;
    R trace, trace_2;
    R before_2;  // the second trace without it
  };
  using History = std::vector<Post>;
  // Posts that are at a synapse in (lo, hi], as indices into a history.
  struct Window {
    std::size_t begin, end;
  };
  static Window window(const History& history, Step lo, Step hi);
  // One synapse with what it needs of its row.
  struct Synapse {
    std::uint64_t k;
    const History& history;
    const Segment& segment;
    std::size_t row;
  };
  void potentiate(const Synapse& synapse, Window posts);
  void depress(const Synapse& synapse, Window posts, Step time, R factor);
  void integrate(std::uint64_t k, Step to);
  void advance(std::size_t row, Step time);
  void settle_row(std::size_t row, Step upto);
  void note_post(std::uint32_t target, Step stamp) override;
  template <class Send>
  void process(std::uint32_t row, Step arrival, Send&& send);
  const History& history_of(std::uint64_t k) const {
    return history_[target_[k] - this->feed_.local];
  }

  Rule<R> rule_;
  Step tie_;
  bool nearest_pre_, nearest_post_;  // traces are set to 1
  bool first_only_, centered_;       // one post a window; source traces by synapse
  Decay<R> pre_decay_, post_decay_, pre_2_decay_, post_2_decay_;
  const RewardSignal* reward_;
  std::vector<std::uint32_t> rows_;  // by source of the population: first segment
  std::vector<Segment> segments_;
  // By segment: the last source spike that is in, up to when posts are in, traces at that spike.
  std::vector<Step> last_, done_;
  std::vector<R> pre_, pre_2_;
  Buffer<R> weight_;
  Buffer<R> own_;              // by synapse: its own trace (pre-centred) or eligibility
  std::vector<Step> touched_;  // by synapse: when the eligibility was of that value
  Buffer<std::uint16_t> target_;
  std::vector<History> history_;  // by target
  std::size_t posts_ = 0, posts_limit_ = 0;
  Step longest_ = 0;  // dendritic part of a delay
  Calendar<std::uint32_t> calendar_;
};

}  // namespace spikelet
