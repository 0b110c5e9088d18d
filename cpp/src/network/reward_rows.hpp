// Rows with spike history of a modulated rule: pairs change an eligibility trace, and each synapse
// also remembers when it was last touched. A reward turns eligibility into weight.
#pragma once

#include <limits>

#include "network/history_rows.hpp"
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
        reward_(reward) {}

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<RewardRows>(*this);
  }
  void set_parameters(const std::vector<double>& parameters) override {
    rule_ = Rule<R>(parameters.data());
    HistoryRows<R>::set_parameters(parameters);
  }

 private:
  using typename HistoryRows<R>::Segment;

  void update(std::size_t row, Step time) override;
  void settle_row(std::size_t row, Step upto) override;
  void settle_eligibility(Step upto) override;
  R post_factor(R before_2) const override { return rule_.post_factor(before_2); }

  struct Window {  // spikes of a target in (lo, hi], by index
    std::uint32_t begin, end;
  };
  Window window(std::size_t j, std::int32_t lo, std::int32_t hi) const;
  void potentiate(std::size_t row, std::uint64_t k, Window posts);
  void pass(std::uint64_t k, const RewardSignal::Passed& passed);
  void integrate(std::uint64_t k, Step to);

  Rule<R> rule_;
  const RewardSignal* reward_;
  // Of the update under way: the spikes of the targets, and the reward since the row's last update.
  static constexpr Step none = std::numeric_limits<Step>::max();
  TargetSpikes<R> posts_{};
  Step since_ = none;
  RewardSignal::Span span_;
};

}  // namespace spikelet
