// The recent spikes of the targets of plastic synapses, each with the traces that include it. The
// spikes of a target lie one after the other, the oldest first. The latest few of each also lie
// together, where kernels find them with few accesses. Stamps are 32-bit, relative to a base.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/plasticity.hpp"
#include "spikelet/network/plastic_store.hpp"

namespace spikelet {

template <class R>
class SpikeLists {
 public:
  // second: spikes have a second trace, and a factor of potentiation of their own.
  SpikeLists(std::size_t targets, bool second)
      : second_(second),
        begin_(targets),
        end_(targets),
        limit_(targets),
        newest_(targets, nothing),
        columns_(targets + column_padding),
        latest_(kept * (targets + 1), never),
        latest_factor_(second ? kept * targets : 0) {
    compact([](Step) { return false; }, 0);
  }

  std::size_t targets() const { return end_.size(); }
  std::size_t size() const { return size_; }
  bool has_second() const { return second_; }
  // Whether a spike of this stamp may be added before the next compact().
  bool reaches(Step stamp) const { return stamp - base_ < reach; }
  // A time as the lists have it. Times long before all spikes become `never`.
  std::int32_t relative(Step stamp) const {
    return static_cast<std::int32_t>(std::clamp<Step>(stamp - base_, never, reach));
  }
  // Adds a spike later than all others of this target.
  void add(std::uint32_t target, const PostSpike<R>& spike, R factor) {
    if (end_[target] == limit_[target]) {
      move(target);
    }
    put(end_[target]++, relative(spike.stamp), spike.value, factor);
    NewestSpikes<R>& newest = newest_[target];
    newest = {relative(spike.stamp), newest.stamp, spike.value[0], newest.trace};
    columns_.set(target, newest);
    push(latest_, target, relative(spike.stamp));
    push(latest_factor_, target, factor);
    ++size_;
  }
  // What add() needs of a target.
  void fetch(std::uint32_t target) const {
    fetch_line(newest_.data() + target);
    fetch_line(end_.data() + target);
    fetch_line(limit_.data() + target);
    fetch_line(latest_.data() + kept * target);
    fetch_line(columns_.stamp.data() + target);
    fetch_line(columns_.stamp_before.data() + target);
    fetch_line(columns_.trace.data() + target);
    fetch_line(columns_.trace_before.data() + target);
  }
  // The latest spike of a target of stamp <= `at`, if there is one.
  struct Found {
    Step stamp;
    R trace, trace_2;
  };
  bool find(std::uint32_t target, Step at, Found& found) const {
    if (const NewestSpikes<R>& newest = newest_[target];
        !second_ && newest.stamp > never && base_ + newest.stamp <= at) {
      found = {base_ + newest.stamp, newest.trace, R(1)};
      return true;
    }
    std::uint32_t k = end_[target];
    while (k > begin_[target] && stamp(k - 1) > at) {
      --k;
    }
    if (k == begin_[target]) {
      return false;
    }
    found = {stamp(k - 1), trace_[k - 1], trace_2(k - 1)};
    return true;
  }
  // Calls f(target, spike) for all, by target and time.
  template <class F>
  void for_each(F&& f) const {
    for (std::uint32_t j = 0; j < targets(); ++j) {
      for (std::uint32_t k = begin_[j]; k < end_[j]; ++k) {
        f(PostSpike<R>{stamp(k), j, {trace_[k], trace_2(k), second_ ? cold_[k].before_2 : R(0)}});
      }
    }
  }
  // Sets each spike's factor from the second trace before it.
  template <class F>
  void set_factors(F&& factor) {
    for (std::uint32_t j = 0; second_ && j < targets(); ++j) {
      for (std::uint32_t k = begin_[j]; k < end_[j]; ++k) {
        factor_[k] = factor(cold_[k].before_2);
      }
      look_up_latest(j);
    }
  }
  // Forgets the spikes for which forget(stamp), except the latest of them of each target, whose
  // trace later ones need; `now` is no earlier than any spike and becomes the base.
  template <class F>
  void compact(F&& forget, Step now) {
    SpikeLists old(*this, now);
    size_ = 0;
    for (std::uint32_t j = 0; j < targets(); ++j) {
      std::uint32_t first = old.begin_[j], last = old.end_[j];
      while (last - first > 1 && forget(old.stamp(first + 1))) {
        ++first;
      }
      place(j, 2 * (last - first) + least_room);
      for (std::uint32_t k = first; k < last; ++k) {
        copy(old, k, end_[j]++, relative(old.stamp(k)));
      }
      size_ += last - first;
      const std::uint32_t end = end_[j];  // spikes that never were have no trace
      newest_[j] = {stamp_[end - 1], stamp_[end - 2], trace_[end - 1], trace_[end - 2]};
      columns_.set(j, newest_[j]);
      look_up_latest(j);
    }
  }
  void clear() {
    compact([](Step) { return true; }, 0);
    std::copy(begin_.begin(), begin_.end(), end_.begin());
    std::fill(newest_.begin(), newest_.end(), nothing);
    columns_ = Columns(columns_.stamp.size());
    std::fill(latest_.begin(), latest_.end(), never);
    size_ = 0;
  }
  TargetSpikes<R> view() const {
    return {
        newest_.data(), columns_.view(), latest_.data(), second_ ? latest_factor_.data() : nullptr,
        end_.data(),    stamp_.data(),   trace_.data(),  second_ ? factor_.data() : nullptr};
  }
  // For walks one spike at a time, by index.
  Step stamp(std::uint32_t k) const { return base_ + stamp_[k]; }
  R before_2(std::uint32_t k) const { return second_ ? cold_[k].before_2 : R(0); }

 private:
  static constexpr std::int32_t never = TargetSpikes<R>::never;
  static constexpr NewestSpikes<R> nothing{never, never, R(0), R(0)};
  static constexpr std::uint32_t kept = TargetSpikes<R>::kept;
  static constexpr Step reach = Step{1} << 29;
  static constexpr std::uint32_t least_room = 8;
  struct Cold {
    R trace_2, before_2;
  };
  struct Columns {
    explicit Columns(std::size_t n = 0)
        : stamp(n, never), stamp_before(n, never), trace(n), trace_before(n) {}
    void set(std::size_t target, const NewestSpikes<R>& newest) {
      stamp[target] = newest.stamp;
      stamp_before[target] = newest.stamp_before;
      trace[target] = newest.trace;
      trace_before[target] = newest.trace_before;
    }
    NewestColumns<R> view() const {
      return {stamp.data(), stamp_before.data(), trace.data(), trace_before.data()};
    }
    std::vector<std::int32_t> stamp, stamp_before;
    std::vector<R> trace, trace_before;
  };

  // Takes the lists of another, and leaves it empty ones with another base.
  SpikeLists(SpikeLists& other, Step base)
      : second_(other.second_), base_(other.base_), begin_(other.begin_), end_(other.end_) {
    stamp_.swap(other.stamp_);
    trace_.swap(other.trace_);
    cold_.swap(other.cold_);
    factor_.swap(other.factor_);
    other.base_ = base;
  }

  R trace_2(std::uint32_t k) const { return second_ ? cold_[k].trace_2 : R(1); }
  // Room for that many spikes of a target at the end, with spikes that never were before them.
  void place(std::uint32_t target, std::uint32_t room) {
    const std::size_t ahead = stamp_.size() + kept;
    begin_[target] = end_[target] = static_cast<std::uint32_t>(ahead);
    limit_[target] = static_cast<std::uint32_t>(ahead + room);
    stamp_.resize(ahead + room, never);
    trace_.resize(ahead + room);
    if (second_) {
      cold_.resize(ahead + room);
      factor_.resize(ahead + room);
    }
  }
  void move(std::uint32_t target) {
    const std::uint32_t first = begin_[target], last = end_[target];
    place(target, 2 * (last - first) + least_room);
    for (std::uint32_t k = first; k < last; ++k) {
      copy(*this, k, end_[target]++, stamp_[k]);
    }
  }
  void copy(const SpikeLists& from, std::uint32_t k, std::uint32_t to, std::int32_t stamp) {
    stamp_[to] = stamp;
    trace_[to] = from.trace_[k];
    if (second_) {
      cold_[to] = from.cold_[k];
      factor_[to] = from.factor_[k];
    }
  }
  template <class T>
  static void push(std::vector<T>& latest, std::uint32_t target, T value) {
    if (!latest.empty()) {
      const auto first = latest.begin() + std::ptrdiff_t{target} * kept;
      std::copy(first + 1, first + kept, first);
      first[kept - 1] = value;
    }
  }
  // The latest few, from the lists.
  void look_up_latest(std::uint32_t target) {
    for (std::uint32_t k = 0; k < kept; ++k) {
      const std::uint32_t from = end_[target] - kept + k, to = target * kept + k;
      latest_[to] = stamp_[from];
      if (second_) {
        latest_factor_[to] = factor_[from];
      }
    }
  }
  void put(std::uint32_t k, std::int32_t stamp, const std::array<R, 3>& value, R factor) {
    stamp_[k] = stamp;
    trace_[k] = value[0];
    if (second_) {
      cold_[k] = {value[1], value[2]};
      factor_[k] = factor;
    }
  }

  bool second_;
  Step base_ = 0;
  std::size_t size_ = 0;
  std::vector<std::uint32_t> begin_, end_, limit_;  // by target
  std::vector<NewestSpikes<R>> newest_;
  Columns columns_;  // the same
  // `kept` for each target, the newest last; those of a target that is not there may be read.
  std::vector<std::int32_t> latest_;
  std::vector<R> latest_factor_;
  std::vector<std::int32_t> stamp_;  // by spike
  std::vector<R> trace_, factor_;
  std::vector<Cold> cold_;
};

}  // namespace spikelet
