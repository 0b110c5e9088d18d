// A store: a set of synapses as the step loop sees it, and what is needed to build one. A store
// belongs to one partition, and only the partition's thread touches it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <vector>

#include "spikelet/core/fetch.hpp"
#include "spikelet/core/receptors.hpp"
#include "spikelet/network/connection_rules.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

// Elements that the buffer of a channel has in addition to those of neurons: padding is added
// there.
inline constexpr std::size_t spare = 32;

// One projection as one partition sees it: the targets [post_begin, post_end) are at local index
// `local` and after.
template <class R>
struct Feed {
  std::size_t projection = 0;
  const SynapseTable<R>* table = nullptr;  // its synapses, or
  const Drawing<R>* drawing = nullptr;     // how to draw them
  Gid pre_gid = 0;
  std::uint32_t sources = 0;
  std::uint32_t post_begin = 0, post_end = 0, local = 0;
  std::uint32_t table_begin = 0;  // first target that the table has
  Ends ends{};
  int one_channel = -1;     // of all weights, now and later; -1: it depends on the weight
  std::uint16_t delay = 0;  // of all synapses, even if there are none; 0: see the table
  double step = 0;          // of the grid of 16-bit weights; 0: floats
  double sum_step_up = 0, sum_step_down = 0;  // of what these are added to

  int channel_of(R weight) const { return weight < 0 ? ends.down : ends.up; }
  R sent(R weight) const { return ends.magnitude && weight < 0 ? -weight : weight; }
};

// A synapse visited on a walk over one source's row.
template <class R>
struct SynapseRef {
  std::uint16_t delay;
  std::uint32_t target;  // local
  R* weight;             // as stored; null: it has 16 bits
  int channel;
  std::size_t position;  // in a plastic store
  bool shared = false;   // other synapses share this weight,
  bool mixed = false;    // and some of these are not among the targets that are visited
  int sign = 0;          // -1: only weights < 0 may be here, 1: only others; 0: any
  unsigned char* magnitude = nullptr;  // two bytes of a weight of 16 bits: how many of
  R step = R(0);                       // these it is, which are negative if the weight is

  static SynapseRef of_16_bits(std::uint16_t delay, std::uint32_t target, int channel,
                               unsigned char* magnitude, double step, bool negative) {
    return {delay, target, nullptr,           channel,   0,
            false, false,  negative ? -1 : 1, magnitude, static_cast<R>(negative ? -step : step)};
  }

  R value() const {
    if (weight != nullptr) {
      return *weight;
    }
    std::uint16_t steps;
    std::memcpy(&steps, magnitude, sizeof steps);
    return static_cast<R>(steps) * step;
  }
  // One of 16 bits must be on the grid, and have the sign.
  void set(R value) const {
    if (weight != nullptr) {
      *weight = value;
    } else {
      const auto steps = static_cast<std::uint16_t>(value / step + R(0.5));
      std::memcpy(magnitude, &steps, sizeof steps);
    }
  }
};

// Local targets [begin, end).
struct LocalRange {
  std::uint32_t begin = 0, end = 0xffffffffu;

  bool contains(std::uint32_t target) const { return target - begin < end - begin; }
};

// Elements, both ends included.
struct GidRange {
  Gid first = 0, last = 0xffffffffu;

  static GidRange none() { return {1, 0}; }
  GidRange joined(GidRange other) const {
    return first > last ? other
           : other.first > other.last
               ? *this
               : GidRange{std::min(first, other.first), std::max(last, other.last)};
  }
};

// By channel: what its events are added to, by local target; null where a partition has no such
// channel.
template <class R>
using Channels = std::span<R* const>;

// Called with a source, and bounds of the delays of its synapses [steps].
using ForSource = std::function<void(Gid source, Step shortest, Step longest)>;

template <class R>
class SynapseStore {
 public:
  SynapseStore() = default;
  SynapseStore& operator=(const SynapseStore&) = delete;
  virtual ~SynapseStore() = default;

  // Notes a spike of `source` for each delay of its row with which it arrives at `from` or later.
  // Called in order of (stamp, source).
  virtual void enqueue(Gid source, Step stamp, Step from) = 0;
  // The same for all spikes of a step, so that rows can be fetched ahead.
  virtual void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
    for (const Gid source : sources) {
      enqueue(source, stamp, from);
    }
  }
  // Between these are all sources with synapses; spikes of others need not be noted.
  virtual GidRange sources() const { return {}; }
  // Visits the sources that have synapses, in any order, with bounds of their delays; one of them
  // perhaps several times, for parts of its synapses.
  virtual void for_sources(const ForSource& visitor) const {
    const GidRange range = sources();
    for (std::uint64_t source = range.first; source <= range.last; ++source) {
      visitor(static_cast<Gid>(source), 1, max_delay);
    }
  }
  // Whether a step in which no noted spike arrives has nothing to deliver.
  virtual bool waits() const { return false; }
  // Before a span of steps: fetches what is small. After others have run, it is no longer in the
  // cache, and each spike would wait for its row.
  virtual void fetch() const {}
  // For a thread that has other networks to run first: everything that is small.
  virtual void fetch_ahead() const { fetch(); }
  // Adds all events that arrive at the end of `step`: a first call adds those of early channels, a
  // second one all others.
  virtual void deliver(Step step, Channels<R> input, bool early) = 0;
  // After a first call of deliver: sets the bit of each block of the partition's elements that its
  // events reached. False: they are many or not known, and any block may have been reached.
  virtual bool mark_reached(std::span<std::uint64_t> /*blocks*/) const { return false; }
  virtual std::size_t bytes() const = 0;  // that synapses and rows take
  // Whether events in flight have copies of their weights. If these are set, the store must be
  // cleared and the spikes noted again.
  virtual bool copies_weights() const { return false; }
  // Forgets arrivals and traces, and keeps the weights.
  virtual void clear() = 0;
  // Visits the synapses of one source, by channel; those of one target and delay by position.
  virtual void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) = 0;
  // The same for those onto some targets only, all that a projection has. Where projections share
  // rows, a walk over one of them meets all of them, so others must cost little.
  virtual void visit_within(Gid source, LocalRange targets,
                            const std::function<void(const SynapseRef<R>&)>& visitor) {
    visit(source, [&](const SynapseRef<R>& synapse) {
      if (targets.contains(synapse.target)) {
        visitor(synapse);
      }
    });
  }

 protected:
  SynapseStore(const SynapseStore&) = default;
};

// Arrivals by step: a ring of lists. span: the longest time from noting to delivery [steps].
template <class Entry>
class Calendar {
 public:
  void resize(std::size_t span) {
    std::size_t size = 1;
    while (size <= span) {
      size *= 2;
    }
    size_ = size;
    lists_.assign(1, {});
  }
  void clear() {
    for (std::vector<Entry>& list : lists_) {
      list.clear();
    }
  }
  void fetch() const { fetch_values(lists_); }
  void push(Step step, const Entry& entry) {
    if (lists_.size() < size_) {
      lists_.resize(size_);
    }
    at(step).push_back(entry);
  }
  std::vector<Entry>& at(Step step) {
    return lists_[static_cast<std::size_t>(step) & (lists_.size() - 1)];
  }

 private:
  std::size_t size_ = 1;
  // Until the first entry, one list, which is empty: many stores never have one.
  std::vector<std::vector<Entry>> lists_ = std::vector<std::vector<Entry>>(1);
};

}  // namespace spikelet
