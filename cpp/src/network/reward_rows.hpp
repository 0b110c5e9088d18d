// Rows with spike history of a modulated rule: pairs change an eligibility trace, and each synapse
// also remembers when it was last touched. A reward turns eligibility into weight.
#pragma once

#include "network/history_rows.hpp"
#include "network/reward_sums.hpp"
#include "spikelet/network/reward.hpp"

namespace spikelet {

template <class R>
std::unique_ptr<PlasticStore<R>> make_reward_rows(const Feed<R>& feed, const Plasticity& plasticity,
                                                  double dt, std::size_t span,
                                                  const RewardSignal* reward);

template <class R, template <class> class Rule>
class RewardRows final : public HistoryRows<R> {
 public:
  RewardRows(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span,
             const RewardSignal* reward)
      : HistoryRows<R>(feed, plasticity, dt, span),
        rule_(plasticity.parameters.data()),
        reward_(reward, dt, plasticity.parameters[reward_tau_eligibility]) {}

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<RewardRows>(*this);
  }
  void start(Step born) override {
    HistoryRows<R>::start(born);
    even_ = std::max<Step>(born, 0);
    for (Segment& segment : this->segments_) {
      segment.even = Even::common;
    }
  }
  void clear() override {
    HistoryRows<R>::clear();
    reward_.clear();
  }
  PlasticParts<R> parts() override {
    for (std::size_t row = 0; row < this->segments_.size(); ++row) {
      note_touched(row);
    }
    return HistoryRows<R>::parts();
  }
  void set_parameters(const std::vector<double>& parameters) override {
    rule_ = Rule<R>(parameters.data());
    HistoryRows<R>::set_parameters(parameters);
  }

 private:
  using typename HistoryRows<R>::Segment;
  using typename HistoryRows<R>::Even;

  void update(std::span<const std::uint32_t> rows, Step arrival) override;
  void update_together(Step from, Step to, Step arrival);
  void settle_row(std::size_t row, Step upto) override;
  void settle_eligibility(Step upto) override;

  // One synapse: what changes.
  struct Synapse {
    R weight, own;
    Step touched;
  };
  Synapse load(std::uint64_t k) const {
    return {this->weight_[k], this->own_[k], this->touched_[k]};
  }
  void store(std::uint64_t k, const Synapse& synapse) {
    this->weight_[k] = synapse.weight;
    this->own_[k] = synapse.own;
    this->touched_[k] = synapse.touched;
  }
  void pass(Synapse& synapse, const RewardSignal::Passed& passed) const;
  void integrate(Synapse& synapse, Step to);
  void note_touched(std::size_t row);
  bool update_each(std::size_t row, Step time);
  void potentiate(std::size_t row, std::size_t j, Step from, Step to, Synapse& synapse);

  Rule<R> rule_;
  RewardSums reward_;
  static constexpr Step uneven = -1;
  static constexpr Step longest_span = Step{1} << 29;  // of a row, as kernels count steps
  // When all synapses of a row were touched last, and touched_ is not up to date; or uneven, and it
  // is.
  Step touched_together(const Segment& segment) const {
    return segment.even == Even::last     ? segment.last
           : segment.even == Even::common ? even_
                                          : uneven;
  }
  Step even_ = 0;
  // Of the update under way: synapses, or rows that are updated together.
  std::vector<std::uint32_t> listed_, together_;
  std::vector<ModulatedRow<R>> at_spike_;
};

}  // namespace spikelet
