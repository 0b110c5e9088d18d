#include "spikelet/network/recorder.hpp"

#include <algorithm>
#include <utility>

namespace spikelet {

void SpikeRecorder::need_logs(std::size_t partitions) {
  fresh_.resize(std::max(fresh_.size(), partitions));
}

void SpikeRecorder::note(std::size_t partition, std::span<const Gid> gids, Gid first_gid,
                         Step stamp) {
  Log& log = fresh_[partition];
  for (const Gid gid : gids) {
    const std::uint32_t element = gid - first_gid;
    if (wanted_.empty() || wanted_[element]) {
      log.stamps.push_back(stamp);
      log.elements.push_back(element);
    }
  }
}

std::size_t SpikeRecorder::size() const {
  std::size_t n = merged_->stamps.size();
  for (const Log& log : fresh_) {
    n += log.stamps.size();
  }
  return n;
}

std::shared_ptr<const SpikeRecorder::Log> SpikeRecorder::share() {
  std::vector<std::pair<Step, std::uint32_t>> spikes;
  spikes.reserve(size() - merged_->stamps.size());
  for (Log& log : fresh_) {
    for (std::size_t k = 0; k < log.stamps.size(); ++k) {
      spikes.emplace_back(log.stamps[k], log.elements[k]);
    }
    log = {};
  }
  if (spikes.empty()) {
    return merged_;
  }
  if (!std::is_sorted(spikes.begin(), spikes.end())) {
    std::sort(spikes.begin(), spikes.end());
  }
  if (merged_.use_count() > 1) {
    merged_ = std::make_shared<Log>(*merged_);
  }
  for (const auto& [stamp, element] : spikes) {
    merged_->stamps.push_back(stamp);
    merged_->elements.push_back(element);
  }
  return merged_;
}

void SpikeRecorder::clear() {
  fresh_.assign(fresh_.size(), {});
  merged_ = std::make_shared<Log>();
}

template <class R>
void StateRecorder<R>::allot(Step now, Step end) {
  for (Step stamp = (now / every + 1) * every; stamp <= end; stamp += every) {
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
void WeightRecorder<R>::clear() {
  stamps.clear();
  values.clear();
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
