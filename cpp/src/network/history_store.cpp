#include "network/history_store.hpp"

#include "network/reward_rows.hpp"

namespace spikelet {

template <class R>
void HistoryStore<R>::update(std::span<const std::uint32_t> rows, Step arrival) {
  at_spike_.clear();
  for (const std::uint32_t row : rows) {
    at_spike_.push_back(this->row_at_spike(row, this->time_at(row, arrival)));
    at_spike_.back().post = this->post_traces(row, arrival, this->kernels_.traces_at);
  }
  this->kernels_.replayed_rows(this->parameters(), this->replaying_at_spikes(), at_spike_);
}

template <class R>
void HistoryStore<R>::settle_row(std::size_t row, Step upto) {
  auto& segment = this->segments_[row];
  if (upto <= segment.done) {
    return;
  }
  if (segment.pre > 0) {
    const ReplayedRow<R> until =
        this->row_until(segment, segment.first, segment.count, segment.dendritic, upto);
    this->kernels_.replayed_rows(this->parameters(), this->replaying(false), {&until, 1});
  }
  segment.done = upto;
}

template <class R>
std::unique_ptr<PlasticStore<R>> make_history_store(const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, const RewardSignal* reward) {
  if (plasticity.info().modulated) {
    return make_reward_rows<R>(feed, plasticity, dt, span, reward);
  }
  return std::make_unique<HistoryStore<R>>(feed, plasticity, dt, span);
}

template class HistoryStore<float>;
template class HistoryStore<double>;
template std::unique_ptr<PlasticStore<float>> make_history_store(const Feed<float>&,
                                                                 const Plasticity&, double,
                                                                 std::size_t, const RewardSignal*);
template std::unique_ptr<PlasticStore<double>> make_history_store(const Feed<double>&,
                                                                  const Plasticity&, double,
                                                                  std::size_t, const RewardSignal*);

}  // namespace spikelet
