#include "spikelet/network/recorder.hpp"

#include <algorithm>
#include <atomic>
#include <utility>

namespace spikelet {
namespace {

// The spikes of one stamp at the end of what is left of a log: elements ascend. No other log has
// elements between them, as a partition owns a range.
struct LastRun {
  SpikeRecorder::Log* log;
  std::size_t begin, end;

  LastRun(SpikeRecorder::Log& of, std::size_t left) : log(&of), begin(left), end(left) {
    while (begin > 0 && log->stamps[begin - 1] == log->stamps[end - 1]) {
      --begin;
    }
  }
  bool operator<(const LastRun& other) const {
    const Step stamp = log->stamps[begin], theirs = other.log->stamps[other.begin];
    return stamp != theirs ? stamp < theirs
                           : log->elements[begin] < other.log->elements[other.begin];
  }
};

constexpr std::size_t worth_returning = std::size_t{1} << 20;  // spikes whose memory is given back

// Moves all spikes of `fresh` behind those of `into`, which has room for them, from the last to the
// first: each log gives its memory back as it goes.
void merge(SpikeRecorder::Log& into, std::vector<SpikeRecorder::Log>& fresh, std::size_t total) {
  std::vector<LastRun> runs;
  runs.reserve(fresh.size() + 1);
  const auto add = [&](SpikeRecorder::Log& log, std::size_t left) {
    if (left > 0) {
      runs.emplace_back(log, left);
      std::push_heap(runs.begin(), runs.end());
    }
  };
  add(into, into.stamps.size());
  for (SpikeRecorder::Log& log : fresh) {
    add(log, log.stamps.size());
  }
  into.resize(total);
  for (std::size_t to = total; !runs.empty() && (runs.size() > 1 || runs[0].log != &into);) {
    std::pop_heap(runs.begin(), runs.end());
    const LastRun run = runs.back();
    runs.pop_back();
    SpikeRecorder::Log& log = *run.log;
    std::copy_backward(log.stamps.data() + run.begin, log.stamps.data() + run.end,
                       into.stamps.data() + to);
    std::copy_backward(log.elements.data() + run.begin, log.elements.data() + run.end,
                       into.elements.data() + to);
    to -= run.end - run.begin;
    if (&log != &into) {
      log.resize(run.begin);  // smaller: cannot fail
      if (log.stamps.capacity() - run.begin > worth_returning) {
        log.stamps.shrink();
        log.elements.shrink();
      }
    }
    add(log, run.begin);
  }
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
  const std::size_t before = log.stamps.size();
  log.reserve(before + gids.size());
  for (const Gid gid : gids) {
    const std::uint32_t element = gid - first_gid;
    if (wanted_.empty() || wanted_[element]) {
      log.stamps.push_back(stamp);
      log.elements.push_back(element);
    }
  }
  const auto added = std::span(log.elements).subspan(before);
  if (!std::ranges::is_sorted(added)) {
    std::ranges::sort(added);
  }
}

void SpikeRecorder::note_all(std::span<const Step> stamps,
                             std::span<const std::uint32_t> elements) {
  const auto first = std::ranges::upper_bound(stamps, window.start),
             last = window.paused ? first : std::upper_bound(first, stamps.end(), window.stop);
  const auto begin = static_cast<std::size_t>(first - stamps.begin()),
             end = static_cast<std::size_t>(last - stamps.begin());
  need_logs(1);
  Log& to = fresh_[0];
  const std::size_t before = to.stamps.size(), n = end - begin;
  if (wanted_.empty()) {
    to.resize(before + n);
    std::copy_n(stamps.data() + begin, n, to.stamps.data() + before);
    std::copy_n(elements.data() + begin, n, to.elements.data() + before);
    return;
  }
  to.reserve(before + n);
  for (std::size_t k = begin; k < end; ++k) {
    if (wanted_[elements[k]]) {
      to.stamps.push_back(stamps[k]);
      to.elements.push_back(elements[k]);
    }
  }
}

void SpikeRecorder::fetch_ends() const {
  for (const Log& log : fresh_) {
    fetch_line(log.stamps.end());
    fetch_line(log.elements.end());
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

std::shared_ptr<const SpikeRecorder::Log> SpikeRecorder::share() const {
  const std::size_t fresh = fresh_size();
  if (fresh == 0) {
    return merged_;
  }
  // Everything that can throw comes before the first change. Nobody else can begin to hold the log
  // meanwhile, and the fence orders the reads of whoever has let go of it before the writes here.
  const bool held = merged_.use_count() > 1;
  std::atomic_thread_fence(std::memory_order_acquire);
  const std::size_t total = merged_->stamps.size() + fresh;
  if (merged_->stamps.empty()) {  // the largest log grows into all of them
    auto first = held ? std::make_shared<Log>() : merged_;
    Log& largest =
        *std::ranges::max_element(fresh_, {}, [](const Log& l) { return l.stamps.size(); });
    largest.reserve(total);
    std::swap(*first, largest);
    merged_ = std::move(first);
  } else if (held) {
    auto copy = std::make_shared<Log>();
    copy->reserve(total);
    copy->stamps.assign(merged_->stamps);
    copy->elements.assign(merged_->elements);
    merged_ = std::move(copy);
  } else {
    merged_->reserve(total);
  }
  merge(*merged_, fresh_, total);
  for (Log& log : fresh_) {
    log = {};
  }
  return merged_;
}

void SpikeRecorder::forget_after(Step step) noexcept {
  for (Log& log : fresh_) {
    while (!log.stamps.empty() && log.stamps.back() > step) {
      log.stamps.pop_back();
      log.elements.pop_back();
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
  values = {};
}

template <class R>
void WeightRecorder<R>::note(Step stamp, const std::vector<R>& weights) {
  stamps.push_back(stamp);
  try {
    const std::size_t before = values.size();
    values.resize(before + weights.size());
    std::ranges::copy(weights, values.data() + before);
  } catch (...) {  // a stamp has its values, or is not there
    stamps.pop_back();
    throw;
  }
}

template <class R>
void WeightRecorder<R>::clear() {
  stamps.clear();
  values = {};
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
const std::vector<Step>& Recorders<R>::stamps(RecorderKind kind, std::size_t k) const {
  return kind == RecorderKind::state ? states[k].stamps : weights[k].stamps;
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
