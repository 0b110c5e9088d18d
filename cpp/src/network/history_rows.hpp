// Rows of plastic synapses that replay their target's spikes: any delays, any pairing, any rule.
// Everything that does not depend on the rule; history_store.hpp has the rest.
#pragma once

#include <algorithm>

#include "spikelet/core/decay.hpp"
#include "spikelet/network/plastic_store.hpp"
#include "spikelet/network/reward.hpp"

namespace spikelet {

template <class R>
class HistoryRows : public PlasticStore<R> {
 public:
  HistoryRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span,
              const RewardSignal* reward);

  PlasticLayout layout() const override { return PlasticLayout::history; }
  void enqueue(Gid source, Step stamp, Step from) override;
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
  static Window window(const History& history, Step lo, Step hi) {
    std::size_t end = history.size();
    while (end > 0 && history[end - 1].stamp > hi) {
      --end;
    }
    std::size_t begin = end;
    while (begin > 0 && history[begin - 1].stamp > lo) {
      --begin;
    }
    return {begin, end};
  }
  const History& history_of(std::uint64_t k) const {
    return history_[target_[k] - this->feed_.local];
  }
  // The eligibility decays, and the reward turns it into weight.
  void integrate(std::uint64_t k, Step to) {
    if (own_[k] != 0 && to > touched_[k]) {
      const double gain = static_cast<double>(own_[k]) * reward_->integral(touched_[k], to);
      weight_[k] = this->limited(static_cast<R>(static_cast<double>(weight_[k]) + gain));
      own_[k] = static_cast<R>(static_cast<double>(own_[k]) * reward_->decay(touched_[k], to));
    }
    touched_[k] = std::max(touched_[k], to);
  }
  // After a spike of the row's source: its traces include it.
  void advance(std::size_t row, Step time);
  // A spike of a source reaches its row; events wait with the weights they are sent with.
  virtual void send_later(std::uint32_t row, Step arrival) = 0;
  // Potentiates the synapses of a row with the posts up to a time.
  virtual void settle_row(std::size_t row, Step upto) = 0;

  Step tie_;
  bool nearest_pre_, nearest_post_;  // traces are set to 1
  bool first_only_, centered_;       // one post a window; source traces by synapse
  Decay<R> pre_decay_, post_decay_, pre_2_decay_, post_2_decay_;
  std::vector<Segment> segments_;
  // By segment: the last source spike that is in, up to when posts are in, traces at that spike.
  std::vector<Step> last_, done_;
  std::vector<R> pre_, pre_2_;
  Buffer<R> weight_;
  Buffer<R> own_;              // by synapse: its own trace (pre-centred) or eligibility
  std::vector<Step> touched_;  // by synapse: when the eligibility had that value
  Buffer<std::uint16_t> target_;
  std::vector<History> history_;  // by target
  Calendar<std::uint32_t> calendar_;

 private:
  void note_post(std::uint32_t target, Step stamp) override;

  bool modulated_;
  const RewardSignal* reward_;
  std::vector<std::uint32_t> rows_;  // by source of the population: first segment
  std::size_t posts_ = 0, posts_limit_ = 0;
  Step longest_ = 0;  // dendritic part of a delay
};

extern template class HistoryRows<float>;
extern template class HistoryRows<double>;

}  // namespace spikelet
