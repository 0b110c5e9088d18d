#include "spikelet/network/recorder.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace spikelet {
namespace {

// Makes room for n spikes, at least doubling what has to grow, so that a log that is often read
// costs no more than its length.
void reserve(SpikeRecorder::Log& log, std::size_t n) {
  const auto grow = [n](auto& values) {
    if (values.capacity() < n) {
      values.reserve(std::max(n, 2 * values.capacity()));
    }
  };
  grow(log.stamps);
  grow(log.elements);
}

}  // namespace

void SpikeRecorder::need_logs(std::size_t partitions) {
  fresh_.resize(std::max(fresh_.size(), partitions));
}

void SpikeRecorder::note(std::size_t partition, std::span<const Gid> gids, Gid first_gid,
                         Step stamp) {
  if (!window.includes(stamp)) {
    return;
  }
  Log& log = fresh_[partition];
  for (const Gid gid : gids) {
    const std::uint32_t element = gid - first_gid;
    if (wanted_.empty() || wanted_[element]) {
      log.stamps.push_back(stamp);
      log.elements.push_back(element);
    }
  }
}

std::size_t SpikeRecorder::fresh_size() const {
  std::size_t n = 0;
  for (const Log& log : fresh_) {
    n += log.stamps.size();
  }
  return n;
}

std::size_t SpikeRecorder::size() const { return merged_->stamps.size() + fresh_size(); }

std::shared_ptr<const SpikeRecorder::Log> SpikeRecorder::share() {
  std::vector<std::pair<Step, std::uint32_t>> spikes;
  spikes.reserve(fresh_size());
  for (const Log& log : fresh_) {
    for (std::size_t k = 0; k < log.stamps.size(); ++k) {
      spikes.emplace_back(log.stamps[k], log.elements[k]);
    }
  }
  if (spikes.empty()) {
    return merged_;
  }
  if (!std::is_sorted(spikes.begin(), spikes.end())) {
    std::sort(spikes.begin(), spikes.end());
  }
  // Everything that can throw comes before the first change. Nobody else can begin to hold the log
  // meanwhile, and the fence orders the reads of whoever has let go of it before the writes here.
  const bool held = merged_.use_count() > 1;
  std::atomic_thread_fence(std::memory_order_acquire);
  if (held) {
    auto copy = std::make_shared<Log>();
    reserve(*copy, merged_->stamps.size() + spikes.size());
    copy->stamps = merged_->stamps;
    copy->elements = merged_->elements;
    merged_ = std::move(copy);
  } else {
    reserve(*merged_, merged_->stamps.size() + spikes.size());
  }
  for (const auto& [stamp, element] : spikes) {
    merged_->stamps.push_back(stamp);
    merged_->elements.push_back(element);
  }
  for (Log& log : fresh_) {
    log = {};
  }
  return merged_;
}

void SpikeRecorder::forget_after(Step step) noexcept {
  for (Log& log : fresh_) {
    while (!log.stamps.empty() && log.stamps.back() > step) {
      log.stamps.pop_back();
      log.elements.resize(log.stamps.size());
    }
  }
}

void SpikeRecorder::clear() {
  auto empty = std::make_shared<Log>();
  for (Log& log : fresh_) {
    log = {};
  }
  merged_ = std::move(empty);
}

template <class R>
void StateRecorder<R>::allot(Step now, Step end) {
  const Step first = std::max(now, window.start), last = std::min(end, window.stop);
  for (Step stamp = (first / every + 1) * every; stamp <= last && !window.paused; stamp += every) {
    stamps.push_back(stamp);
  }
  values.resize(stamps.size() * elements.size());
}

template <class R>
void StateRecorder<R>::trim(Step now) {
  while (!stamps.empty() && stamps.back() > now) {
    stamps.pop_back();
  }
  values.resize(stamps.size() * elements.size());
}

template <class R>
R* StateRecorder<R>::row(Step stamp) {
  const auto at = std::lower_bound(stamps.begin(), stamps.end(), stamp) - stamps.begin();
  return values.data() + static_cast<std::size_t>(at) * elements.size();
}

template <class R>
void StateRecorder<R>::clear() {
  stamps.clear();
  values.clear();
}

template <class R>
void WeightRecorder<R>::note(Step stamp, const std::vector<R>& weights) {
  stamps.push_back(stamp);
  try {
    values.insert(values.end(), weights.begin(), weights.end());
  } catch (...) {  // a stamp has its values, or is not there
    stamps.pop_back();
    throw;
  }
}

template <class R>
void WeightRecorder<R>::clear() {
  stamps.clear();
  values.clear();
}

template <class R>
void Recorders<R>::allot(Step now, Step end) {
  try {
    for (StateRecorder<R>& recorder : states) {
      recorder.allot(now, end);
    }
  } catch (...) {
    trim(now);
    throw;
  }
}

template <class R>
void Recorders<R>::trim(Step now) noexcept {
  for (StateRecorder<R>& recorder : states) {
    recorder.trim(now);
  }
}

template <class R>
void Recorders<R>::forget_after(Step now) noexcept {
  for (SpikeRecorder& recorder : spikes) {
    recorder.forget_after(now);
  }
}

template <class R>
std::size_t Recorders<R>::count(RecorderKind kind, std::size_t k) const {
  return kind == RecorderKind::spikes  ? spikes[k].size()
         : kind == RecorderKind::state ? states[k].stamps.size()
                                       : weights[k].stamps.size();
}

template <class R>
void Recorders<R>::set_window(RecorderKind kind, std::size_t k, const RecordingWindow& window) {
  (kind == RecorderKind::spikes  ? spikes[k].window
   : kind == RecorderKind::state ? states[k].window
                                 : weights[k].window) = window;
}

template <class R>
void Recorders<R>::clear(RecorderKind kind, std::size_t k) {
  if (kind == RecorderKind::spikes) {
    spikes[k].clear();
  } else if (kind == RecorderKind::state) {
    states[k].clear();
  } else {
    weights[k].clear();
  }
}

template <class R>
void Recorders<R>::clear() {
  for (SpikeRecorder& recorder : spikes) {
    recorder.clear();
  }
  for (StateRecorder<R>& recorder : states) {
    recorder.clear();
  }
  for (WeightRecorder<R>& recorder : weights) {
    recorder.clear();
  }
}

template struct StateRecorder<float>;
template struct StateRecorder<double>;
template struct WeightRecorder<float>;
template struct WeightRecorder<double>;
template struct Recorders<float>;
template struct Recorders<double>;

}  // namespace spikelet
