// Rows with spike history for all rules that act on the weights themselves: the compiled loops of
// the rule replay the spikes, many synapses at once.
#pragma once

#include "network/history_rows.hpp"
#include "spikelet/core/kernels.hpp"
#include "spikelet/network/reward.hpp"

namespace spikelet {

template <class R>
std::unique_ptr<PlasticStore<R>> make_history_store(const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, const RewardSignal* reward);

template <class R>
class HistoryStore final : public HistoryRows<R> {
 public:
  HistoryStore(const Feed<R>& feed, const Plasticity& plasticity, double dt, std::size_t span);

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<HistoryStore>(*this);
  }

 private:
  void update(std::span<const std::uint32_t> rows, Step arrival) override;
  void settle_row(std::size_t row, Step upto) override;
  R pre_factor(R before_2) const override { return kernels_.pre_factor(parameters(), before_2); }
  R post_factor(R before_2) const override { return kernels_.post_factor(parameters(), before_2); }
  const double* parameters() const { return this->plasticity_.parameters.data(); }

  const PlasticKernels<R>& kernels_;
  std::vector<ReplayedRow<R>> at_spike_;  // rows of the update under way
};

}  // namespace spikelet
