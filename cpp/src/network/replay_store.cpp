#include "network/replay_store.hpp"

#include <algorithm>
#include <cmath>

namespace spikelet {
namespace {

constexpr Step tabled = 1 << 15;

double tau_of(const Plasticity& plasticity, Trace trace) {
  return plasticity.info().time_constants(plasticity.parameters.data())[trace];
}

}  // namespace

template <class R>
ReplayStore<R>::ReplayStore(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                            std::size_t span)
    : PlasticStore<R>(feed, plasticity, dt, span),
      tie_(plasticity.tie_potentiates ? 1 : 0),
      nearest_pre_(plasticity.pairing == Pairing::nearest_symmetric ||
                   plasticity.pairing == Pairing::nearest_restricted),
      nearest_post_(plasticity.pairing != Pairing::all_to_all),
      first_only_(plasticity.pairing == Pairing::nearest_restricted),
      centered_(plasticity.pairing == Pairing::nearest_pre_centered),
      pre_decay_(dt, tau_of(plasticity, trace_pre)),
      post_decay_(dt, tau_of(plasticity, trace_post)),
      pre_2_decay_(dt, tau_of(plasticity, trace_pre_2)),
      post_2_decay_(dt, tau_of(plasticity, trace_post_2)),
      spikes_(this->targets_.size(), tau_of(plasticity, trace_post_2) > 0),
      kernels_(kernels().plastic<R>(plasticity.rule)) {}

template <class R>
ReplayStore<R>::DecayFromStart::DecayFromStart(const Decay<R>& any) : decay(any), first{any(0)} {
  while (first.back() != 0 && static_cast<Step>(first.size()) < tabled) {
    first.push_back(decay(static_cast<Step>(first.size())));
  }
}

template <class R>
ReplayStore<R>::SharedDecay::SharedDecay(double dt, double tau)
    : of_(shared_table<DecayFromStart>(std::pair(dt, tau), [&] {
        return DecayFromStart(tau > 0 ? Decay<R>(dt, tau) : Decay<R>());
      })) {}

template <class R>
DecayTable<R> ReplayStore<R>::SharedDecay::table() const {
  return {of_->first.data(), static_cast<std::int32_t>(of_->first.size()),
          of_->first.back() != 0 ? &of_->decay : nullptr};
}

template <class R>
void ReplayStore<R>::add_synapse(const SynapseTable<R>& table, std::uint64_t k) {
  weight_.push_back(table.weight_of(k));
  target_.push_back(static_cast<std::uint16_t>(this->targets_.of_known(table.post[k])));
}

template <class R>
void ReplayStore<R>::pass(SourceSpikes& spikes, Step time) const {
  const Step since = time - spikes.last;
  const bool fired = spikes.last >= 0;
  spikes.pre = nearest_pre_ || !fired ? R(1) : spikes.pre * pre_decay_(since) + R(1);
  const R second = fired ? spikes.pre_2 * pre_2_decay_(since) : R(0);
  spikes.pre_2 = nearest_pre_ ? R(1) : second + R(1);
  spikes.last = time;
  spikes.done = std::max(spikes.done, time - tie_);
}

template <class R>
Replaying<R> ReplayStore<R>::replaying(bool depresses, RowsAhead<R>* ahead) const {
  return {spikes_.view(),
          pre_decay_.table(),
          post_decay_.table(),
          post_factor(R(0)),
          static_cast<std::int32_t>(tie_),
          first_only_,
          depresses,
          ahead};
}

template <class R>
ReplayedRow<R> ReplayStore<R>::row_until(const SourceSpikes& spikes, std::uint64_t first,
                                         std::size_t count, Step dendritic, Step upto) {
  const auto left = [&](Step time) { return spikes_.relative(time - dendritic); };
  ReplayedRow<R> row{};
  row.weight = weight_.data() + first;
  row.own = own_.empty() ? nullptr : own_.data() + first;
  row.target = target_.data() + first;
  row.n = count;
  row.from = left(spikes.done);
  row.to = left(upto);
  row.last = left(spikes.last);
  row.pre = spikes.pre;
  return row;
}

template <class R>
ReplayedRow<R> ReplayStore<R>::row_at_spike(const SourceSpikes& spikes, std::uint64_t first,
                                            std::size_t count, Step dendritic, Step time) {
  ReplayedRow<R> row = row_until(spikes, first, count, dendritic, time - tie_);
  const bool fired = spikes.last >= 0;
  row.time = spikes_.relative(time - dendritic);
  row.down = pre_factor(fired ? spikes.pre_2 * pre_2_decay_(time - spikes.last) : R(0));
  row.own_decay = centered_ && fired ? pre_decay_(time - spikes.last) : R(0);
  return row;
}

template <class R>
R ReplayStore<R>::source_trace(Readable which, const SourceSpikes& spikes, std::uint64_t position,
                               Step now) const {
  if (spikes.last < 0) {
    return 0;
  }
  const Step since = now - spikes.last;
  return which == Readable::pre_2 ? spikes.pre_2 * pre_2_decay_(since)
                                  : (centered_ ? own_[position] : spikes.pre) * pre_decay_(since);
}

template <class R>
R ReplayStore<R>::target_trace(Readable which, std::uint32_t target, Step at) const {
  typename SpikeLists<R>::Found post;
  if (!spikes_.find(target, at, post)) {
    return 0;
  }
  return which == Readable::post ? post.trace * post_decay_(at - post.stamp)
                                 : post.trace_2 * post_2_decay_(at - post.stamp);
}

template <class R>
void ReplayStore<R>::set_parameters(const std::vector<double>& parameters) {
  PlasticStore<R>::set_parameters(parameters);
  spikes_.set_factors([&](R before_2) { return post_factor(before_2); });
}

template <class R>
void ReplayStore<R>::note_post(std::uint32_t target, Step stamp) {
  if (!spikes_.reaches(stamp)) {
    spikes_.compact([](Step) { return false; }, stamp);
  }
  R before = 0, before_2 = 0;
  typename SpikeLists<R>::Found last;
  if (spikes_.find(target, stamp, last)) {
    const Step since = stamp - last.stamp;
    before = last.trace * post_decay_(since);
    before_2 = last.trace_2 * post_2_decay_(since);
  }
  spikes_.add(
      target,
      {stamp,
       target,
       {nearest_post_ ? R(1) : before + R(1), nearest_post_ ? R(1) : before_2 + R(1), before_2}},
      spikes_.has_second() ? post_factor(before_2) : R(0));
  spikes_limit_ = std::max(spikes_limit_, least_limit());
  if (spikes_.size() > spikes_limit_) {
    this->settle(stamp - 1);
    spikes_limit_ = std::max(2 * spikes_.size(), least_limit());
  }
}

template <class R>
void ReplayStore<R>::add_weights(std::span<double> sums) const {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    sums[target_[k]] += std::abs(static_cast<double>(weight_[k]));
  }
}

template <class R>
void ReplayStore<R>::scale_weights(std::span<const R> factors) {
  for (std::size_t k = 0; k < weight_.size(); ++k) {
    weight_[k] = this->limited(weight_[k] * factors[target_[k]]);
  }
}

template <class R>
std::vector<PostSpike<R>> ReplayStore<R>::posts() const {
  std::vector<PostSpike<R>> list;
  spikes_.for_each([&](const PostSpike<R>& post) { list.push_back(post); });
  return list;
}

template <class R>
void ReplayStore<R>::set_posts(std::span<const PostSpike<R>> list) {
  spikes_.clear();
  for (const PostSpike<R>& post : list) {
    if (!spikes_.reaches(post.stamp)) {
      spikes_.compact([](Step) { return false; }, post.stamp);
    }
    spikes_.add(post.target, post, spikes_.has_second() ? post_factor(post.value[2]) : R(0));
  }
}

template <class R>
void ReplayStore<R>::clear() {
  PlasticStore<R>::clear();
  std::fill(own_.begin(), own_.end(), R(0));
  spikes_.clear();
}

template class ReplayStore<float>;
template class ReplayStore<double>;

}  // namespace spikelet
