#include "network/history_store.hpp"

#include "network/reward_rows.hpp"

namespace spikelet {
namespace {

constexpr Step tabled = 1 << 15;

// The first factors of a decay, until they are 0.
template <class R>
std::vector<R> first_factors(const Decay<R>& decay) {
  std::vector<R> factors{decay(0)};
  while (factors.back() != 0 && static_cast<Step>(factors.size()) < tabled) {
    factors.push_back(decay(static_cast<Step>(factors.size())));
  }
  return factors;
}

template <class R>
DecayTable<R> table_of(const std::vector<R>& factors, const Decay<R>& decay) {
  return {factors.data(), static_cast<std::int32_t>(factors.size()),
          factors.back() != 0 ? &decay : nullptr};
}

}  // namespace

template <class R>
HistoryStore<R>::HistoryStore(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                              std::size_t span)
    : HistoryRows<R>(feed, plasticity, dt, span),
      kernels_(kernels().plastic<R>(plasticity.rule)),
      pre_factors_(first_factors(this->pre_decay_)),
      post_factors_(first_factors(this->post_decay_)) {}

// A row whose targets' spikes up to `upto` potentiate.
template <class R>
ReplayedRow<R> HistoryStore<R>::replayed(std::size_t row, Step upto) {
  const Segment& segment = this->segments_[row];
  const Step shift = segment.dendritic;
  const auto left = [&](Step time) { return this->spikes_.relative(time - shift); };
  ReplayedRow<R> replayed{};
  replayed.weight = this->weight_.data() + segment.first;
  replayed.own = this->centered_ ? this->own_.data() + segment.first : nullptr;
  replayed.target = this->target_.data() + segment.first;
  replayed.n = segment.count;
  replayed.more = this->weight_.size() - segment.first - segment.count;
  replayed.posts = this->spikes_.view();
  replayed.from = left(this->done_[row]);
  replayed.to = left(upto);
  replayed.last = left(this->last_[row]);
  replayed.tie = static_cast<std::int32_t>(this->tie_);
  replayed.pre = this->pre_[row];
  replayed.up = post_factor(R(0));
  replayed.pre_decay = table_of(pre_factors_, this->pre_decay_);
  replayed.post_decay = table_of(post_factors_, this->post_decay_);
  replayed.first_only = this->first_only_;
  return replayed;
}

template <class R>
void HistoryStore<R>::update(std::size_t row, Step time) {
  ReplayedRow<R> replayed = this->replayed(row, time - this->tie_);
  const Step last = this->last_[row];
  const bool fired = last >= 0;
  const R before = fired ? this->pre_2_[row] * this->pre_2_decay_(time - last) : R(0);
  replayed.depresses = true;
  replayed.time = this->spikes_.relative(time - this->segments_[row].dendritic);
  replayed.down = kernels_.pre_factor(parameters(), before);
  replayed.own_decay = this->centered_ && fired ? this->pre_decay_(time - last) : R(0);
  kernels_.replayed_row(parameters(), replayed);
}

template <class R>
void HistoryStore<R>::settle_row(std::size_t row, Step upto) {
  if (upto <= this->done_[row]) {
    return;
  }
  if (this->pre_[row] > 0) {
    kernels_.replayed_row(parameters(), replayed(row, upto));
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
