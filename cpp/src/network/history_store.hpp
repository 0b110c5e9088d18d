// Rows with spike history for all rules that act on the weights themselves: the compiled loops of
// the rule replay the spikes, many synapses at once.
#pragma once

#include "network/history_rows.hpp"
#include "spikelet/network/reward.hpp"

namespace spikelet {

template <class R>
std::unique_ptr<PlasticStore<R>> make_history_store(const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, const RewardSignal* reward);

template <class R>
class HistoryStore final : public HistoryRows<R> {
 public:
  using HistoryRows<R>::HistoryRows;

  std::unique_ptr<PlasticStore<R>> clone() const override {
    return std::make_unique<HistoryStore>(*this);
  }

 private:
  void update(std::span<const std::uint32_t> rows, Step arrival) override;
  void settle_row(std::size_t row, Step upto) override;

  std::vector<ReplayedRow<R>> at_spike_;  // rows of the update under way
};

}  // namespace spikelet
