// Recorded spikes, states and weights. Each partition writes to its own log or its own columns.
#pragma once

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/growing_array.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

// When a recorder records: at stamps after `start`, up to `stop`, unless it is paused.
struct RecordingWindow {
  Step start = -1, stop = std::numeric_limits<Step>::max();
  bool paused = false;

  bool operator==(const RecordingWindow&) const = default;
  bool includes(Step stamp) const { return !paused && stamp > start && stamp <= stop; }
};

class SpikeRecorder {
 public:
  struct alignas(128) Log {  // no two partitions write to one cache line
    GrowingArray<Step> stamps;
    GrowingArray<std::uint32_t> elements;

    // Makes room for n spikes. If memory runs out, nothing has changed.
    void reserve(std::size_t n) {
      stamps.reserve(n);
      elements.reserve(n);
    }
    void resize(std::size_t n) {
      reserve(n);
      stamps.resize(n);
      elements.resize(n);
    }
  };

  // wanted: whether to record each element; empty: all of them.
  explicit SpikeRecorder(std::size_t population, std::vector<bool> wanted = {})
      : population_(population), wanted_(std::move(wanted)) {}

  std::size_t population() const { return population_; }
  RecordingWindow window;
  void need_logs(std::size_t partitions);
  void note(std::size_t partition, std::span<const Gid> gids, Gid first_gid, Step stamp);
  // The same for all spikes of some steps, in order, which have been noted elsewhere.
  void note_all(std::span<const Step> stamps, std::span<const std::uint32_t> elements);

  std::size_t size() const;
  // Prefetches the places that the next spikes go to; first, where these are.
  void fetch() const { fetch_values(fresh_); }
  void fetch_ends() const;
  // All spikes in order of (stamp, element). Reading again costs only what is new: no spike noted
  // after a call may have an earlier stamp than one noted before it. The log that is returned never
  // changes while someone else holds it. If memory runs out, nothing is lost. Spikes move from the
  // partitions' logs into this one piece by piece, so that they take memory once.
  std::shared_ptr<const Log> share() const;
  // Forgets spikes after a step that were noted since the last call of share().
  void forget_after(Step step) noexcept;
  void clear();

 private:
  std::size_t fresh_size() const;

  std::size_t population_;
  std::vector<bool> wanted_;
  mutable std::vector<Log> fresh_;  // by partition: since the last call of share()
  mutable std::shared_ptr<Log> merged_ = std::make_shared<Log>();
};

template <class R>
struct StateRecorder {
  std::size_t population = 0, state = 0;
  std::vector<std::uint32_t> elements;  // columns
  Step every = 1;
  bool before_reset = false;  // of a neuron that spikes in the step, the potential it spiked with
  std::vector<Step> stamps{};
  GrowingArray<R> values{};  // [stamps, elements]
  RecordingWindow window{};

  // Whether there is a sample at a stamp.
  bool samples(Step stamp) const { return stamp % every == 0 && window.includes(stamp); }
  // Makes room for the samples of the steps (now, end].
  void allot(Step now, Step end);
  // Drops the samples after `now`.
  void trim(Step now);
  // The row of values that belongs to a stamp.
  R* row(Step stamp);
  void clear();
};

template <class R>
struct WeightRecorder {
  std::size_t projection = 0;
  Step every = 1;
  std::vector<Step> stamps{};
  GrowingArray<R> values{};  // [stamps, synapses]
  RecordingWindow window{};

  void note(Step stamp, const std::vector<R>& weights);
  void clear();
};

// What a state or weight recorder holds: values [stamps, columns].
template <class R>
struct Samples {
  std::vector<Step> stamps;
  std::vector<R> values;
  std::size_t columns;
};

// The samples within a window, given all of them: a reader of the latest ones copies no others.
template <class R>
Samples<R> samples_within(const std::vector<Step>& stamps, const GrowingArray<R>& values,
                          std::size_t columns, const RecordingWindow& window) {
  const auto first = std::upper_bound(stamps.begin(), stamps.end(), window.start);
  const auto last = std::upper_bound(first, stamps.end(), window.stop);
  const R* const from = values.begin() + static_cast<std::size_t>(first - stamps.begin()) * columns;
  return {{first, last}, {from, from + static_cast<std::size_t>(last - first) * columns}, columns};
}

enum class RecorderKind { spikes, state, weights };

// All recorders of a network, numbered by kind in order of creation.
template <class R>
struct Recorders {
  std::vector<SpikeRecorder> spikes;
  std::vector<StateRecorder<R>> states;
  std::vector<WeightRecorder<R>> weights;

  // Makes room for the samples of the steps (now, end]. If memory runs out, nothing has changed.
  void allot(Step now, Step end);
  // Drops the samples after `now`.
  void trim(Step now) noexcept;
  // Drops what was recorded after `now` by partitions that got further than others.
  void forget_after(Step now) noexcept;
  std::size_t count(RecorderKind kind, std::size_t recorder) const;
  const std::vector<Step>& stamps(RecorderKind kind, std::size_t recorder) const;  // of samples
  void set_window(RecorderKind kind, std::size_t recorder, const RecordingWindow& window);
  void clear(RecorderKind kind, std::size_t recorder);
  void clear();
};

extern template struct StateRecorder<float>;
extern template struct StateRecorder<double>;
extern template struct WeightRecorder<float>;
extern template struct WeightRecorder<double>;
extern template struct Recorders<float>;
extern template struct Recorders<double>;

}  // namespace spikelet
