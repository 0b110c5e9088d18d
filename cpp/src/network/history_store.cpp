#include "network/history_store.hpp"

#include "network/reward_rows.hpp"

namespace spikelet {

template <class R>
HistoryStore<R>::HistoryStore(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                              std::size_t span)
    : HistoryRows<R>(feed, plasticity, dt, span), kernels_(kernels().plastic<R>(plasticity.rule)) {}

template <class R>
void HistoryStore<R>::update(std::size_t row, Step time) {
  kernels_.replayed_row(parameters(), this->row_at_spike(row, time));
}

template <class R>
void HistoryStore<R>::settle_row(std::size_t row, Step upto) {
  if (upto <= this->done_[row]) {
    return;
  }
  if (this->pre_[row] > 0) {
    kernels_.replayed_row(parameters(), this->row_until(row, upto));
  }
  this->done_[row] = upto;
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
