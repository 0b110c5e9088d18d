// What stores have in common whose synapses replay their targets' spikes, whatever the delays, the
// pairing and the rule: those spikes, and the synapses. A synapse is touched when a spike of its
// source arrives at it, which brings it up to date with its target's recent spikes.
#pragma once

#include <vector>

#include "network/spike_lists.hpp"
#include "spikelet/core/decay.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/core/shared_table.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

template <class R>
class ReplayStore : public PlasticStore<R> {
 public:
  ReplayStore(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  PlasticLayout layout() const override { return PlasticLayout::history; }
  void add_weights(std::span<double> sums) const override;
  void scale_weights(std::span<const R> factors) override;
  std::vector<PostSpike<R>> posts() const override;
  void set_posts(std::span<const PostSpike<R>> posts) override;
  void set_parameters(const std::vector<double>& parameters) override;
  Step clock() const override { return -1; }  // each row has its own
  void set_clock(Step) override {}
  void clear() override;

 protected:
  // What synapses know of their source's spikes.
  struct SourceSpikes {
    Step last, done;  // the last source spike that is in, up to when posts are in
    R pre, pre_2;     // traces at that spike
  };
  static SourceSpikes born(Step born) { return {-1, std::max<Step>(born, 0) - 1, R(0), R(0)}; }

  void add_synapse(const SynapseTable<R>& table, std::uint64_t k);
  const double* parameters() const { return this->plasticity_.parameters.data(); }
  // Amplitudes at a spike, from the second trace before it.
  R pre_factor(R before_2) const { return kernels_.pre_factor(parameters(), before_2); }
  R post_factor(R before_2) const { return kernels_.post_factor(parameters(), before_2); }
  // The next spike of a source is at its synapses.
  void pass(SourceSpikes& spikes, Step time) const;
  // For kernels: `count` synapses of a source from `first` on are brought up to `upto`, or also
  // depress at a spike. All have this dendritic part of their delay, or their own ones.
  Replaying<R> replaying(bool depresses, RowsAhead<R>* ahead = nullptr) const;
  ReplayedRow<R> row_until(const SourceSpikes& spikes, std::uint64_t first, std::size_t count,
                           Step dendritic, Step upto);
  ReplayedRow<R> row_at_spike(const SourceSpikes& spikes, std::uint64_t first, std::size_t count,
                              Step dendritic, Step time);
  // rows: what derives from SourceSpikes.
  template <class Rows>
  PlasticParts<R> parts_of(Rows& rows) {
    const auto column = [&](auto SourceSpikes::* field) {
      return Strided(rows.empty() ? nullptr : &(rows.front().*field), rows.size(),
                     sizeof(rows.front()));
    };
    PlasticParts<R> parts;
    parts.synapse.emplace_back(weight_);
    if (!own_.empty()) {
      parts.synapse.emplace_back(own_);
    }
    parts.row = {column(&SourceSpikes::pre), column(&SourceSpikes::pre_2)};
    parts.row_step = {column(&SourceSpikes::last), column(&SourceSpikes::done)};
    return parts;
  }
  // A trace of the source at a synapse.
  R source_trace(Readable which, const SourceSpikes& spikes, std::uint64_t position,
                 Step now) const;
  // One of the target, whose spikes up to `at` are in.
  R target_trace(Readable which, std::uint32_t target, Step at) const;

  Step tie_;
  bool nearest_pre_, nearest_post_;  // traces are set to 1
  bool first_only_, centered_;       // one post a window; source traces by synapse
  // Of a trace.
  struct DecayFromStart {
    explicit DecayFromStart(const Decay<R>& any);
    Decay<R> decay;
    std::vector<R> first;  // its first factors, until they are 0
  };
  class SharedDecay {
   public:
    SharedDecay(double dt, double tau);  // tau 0: none
    R operator()(Step steps) const { return of_->decay(steps); }
    DecayTable<R> table() const;

   private:
    std::shared_ptr<const DecayFromStart> of_;
  };
  SharedDecay pre_decay_, post_decay_, pre_2_decay_, post_2_decay_;
  Buffer<R> weight_;
  Buffer<R> own_;  // by synapse: its own trace (pre-centred) or eligibility
  Buffer<std::uint16_t> target_;
  SpikeLists<R> spikes_;  // of the targets
  const PlasticKernels<R>& kernels_;

 private:
  void note_post(std::uint32_t target, Step stamp) override;
  void fetch_post(std::uint32_t target) const override { spikes_.fetch(target); }
  // So many spikes are kept at least: settling them takes a pass over all synapses, and a spike
  // less memory than two synapses.
  std::size_t least_limit() const { return 16 * spikes_.targets() + 1024 + weight_.size() / 64; }

  std::size_t spikes_limit_ = 0;  // when they are settled next; 0: no spike yet
};

extern template class ReplayStore<float>;
extern template class ReplayStore<double>;

}  // namespace spikelet
