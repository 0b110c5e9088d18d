// What the step loop asks of a set of synapses, and what building one needs to know. A store
// belongs to one partition (a slice of the targets): only its owner touches it.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "spikelet/core/model.hpp"
#include "spikelet/network/connection_rules.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

enum class Receptor : int { by_sign = -1, excitatory = 0, inhibitory = 1 };

// One projection as one partition sees it: the targets [post_begin, post_end) sit at `local` and
// after.
template <class R>
struct Feed {
  std::size_t projection = 0;
  const SynapseTable<R>* table = nullptr;  // its synapses,
  const Drawing<R>* drawing = nullptr;     // or how to draw them
  Gid pre_gid = 0;
  std::uint32_t sources = 0;
  std::uint32_t post_begin = 0, post_end = 0, local = 0;
  std::uint32_t table_begin = 0;  // first target that the table knows
  Receptor receptor = Receptor::by_sign;
  bool early = false, conductance = false;  // of the target model
  int one_channel = -1;                     // of all weights, now and later; -1: it depends
  std::uint16_t delay = 0;  // of all synapses, also where there are none; 0: as the table has it

  int channel_of(R weight) const {
    if (early) {
      return early_channel;
    }
    if (receptor == Receptor::by_sign) {
      return weight < 0 ? inhibitory_channel : excitatory_channel;
    }
    return static_cast<int>(receptor);
  }
  R sent(R weight) const { return conductance && weight < 0 ? -weight : weight; }
};

// A synapse met on a walk over one source's row.
template <class R>
struct SynapseRef {
  std::uint16_t delay;
  std::uint16_t target;  // local
  R* weight;             // as stored
  int channel;
  std::size_t position;  // in a plastic store
  bool shared = false;   // the weight is not this synapse's alone
};

template <class R>
class SynapseStore {
 public:
  SynapseStore() = default;
  SynapseStore& operator=(const SynapseStore&) = delete;
  virtual ~SynapseStore() = default;

  // A spike of `source`: noted for each delay of its row that arrives at `from` or later. Called in
  // order of (stamp, source).
  virtual void enqueue(Gid source, Step stamp, Step from) = 0;
  // The same for all spikes of a step, so that rows can be fetched ahead.
  virtual void enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
    for (const Gid source : sources) {
      enqueue(source, stamp, from);
    }
  }
  // Adds all events that arrive at the end of `step`: first those of the early channel, and in a
  // second call all others.
  virtual void deliver(Step step, const std::array<R*, max_channels>& input, bool early) = 0;
  virtual std::size_t bytes() const = 0;  // of synapses and rows
  // Forgets everything but the weights: arrivals, traces.
  virtual void clear() = 0;
  // Visits the synapses of one source, by channel, delay and position.
  virtual void visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) = 0;

 protected:
  SynapseStore(const SynapseStore&) = default;
};

// Arrivals by step: a ring of lists. `span` is the longest time from noting to delivery, in steps.
template <class Entry>
class Calendar {
 public:
  void resize(std::size_t span) {
    std::size_t size = 1;
    while (size <= span) {
      size *= 2;
    }
    lists_.assign(size, {});
  }
  void clear() {
    for (std::vector<Entry>& list : lists_) {
      list.clear();
    }
  }
  std::vector<Entry>& at(Step step) {
    return lists_[static_cast<std::size_t>(step) & (lists_.size() - 1)];
  }

 private:
  std::vector<std::vector<Entry>> lists_ = std::vector<std::vector<Entry>>(1);
};

}  // namespace spikelet
