// Connection rules: which pairs of two populations are connected, and with what weight and delay.
// One draw of a counter-based stream determines a synapse; it is keyed by projection, row (source
// and block of targets, or target) and number in the row. Any thread can therefore draw any slice
// of the targets, without the others and as often as needed.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/block_counts.hpp"
#include "spikelet/network/distribution.hpp"
#include "spikelet/network/ranks.hpp"
#include "spikelet/network/selection.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

struct ConnectionRule {
  enum class Kind {
    all_to_all,
    one_to_one,
    fixed_probability,
    fixed_indegree,
    fixed_outdegree,
    fixed_total_number
  };
  Kind kind = Kind::all_to_all;
  double p = 1.0;            // fixed_probability
  std::uint64_t number = 0;  // fixed_indegree, fixed_outdegree, fixed_total_number
  bool self_connections = true;
  bool multapses = true;

  // Whether the synapses of one source can be drawn without those of the others.
  bool by_source() const {
    return kind != Kind::fixed_indegree && (kind != Kind::fixed_total_number || multapses);
  }
};

template <class R>
struct DrawnSynapse {
  std::uint32_t post;
  std::uint16_t delay;
  R weight;
};

// The synapses of a rule, drawn instead of stored. Synapses of one pair count as created in order
// of delay.
template <class R>
class Drawing {
 public:
  // same: both selections belong to one population; dt [ms] converts delays; threads are for
  // counting. Throws std::invalid_argument for what cannot be drawn. Only synapses onto elements of
  // `own` are drawn; but if weights or delays are lists, these have an entry for every synapse, and
  // the table has every synapse.
  Drawing(const ConnectionRule& rule, Selection pre, Selection post, bool same, ValueSpec weight,
          ValueSpec delay, double dt, std::uint64_t seed, std::uint32_t projection, int threads = 1,
          Range own = {0, 0xffffffffu});

  // Whether row() may be called and never throws, because weights lie in [low, high] and no delay
  // can be out of bounds. Then nothing is stored until the synapses are laid out.
  bool deferrable(double low, double high) const;
  std::size_t size() const { return size_; }  // if deferrable: onto own targets
  // Onto all targets.
  std::size_t total(int threads) const;
  bool counts_by_drawing() const { return rule_.kind == ConnectionRule::Kind::fixed_probability; }
  std::pair<Step, Step> delays() const;  // if deferrable: shortest, longest
  bool draws_weights() const { return weight_.drawn(); }
  std::pair<double, double> weights() const { return weight_.range(); }
  bool draws_delays() const { return delay_.drawn(); }
  // Returns what its synapses need, of so many bytes each. Throws std::length_error if that and
  // `promised` bytes for others are not left.
  double require_memory(double each, double promised) const;
  void round_weights(double step) { weight_.step = step; }  // to the multiples of it

  // Appends the synapses of source i onto targets [begin, end), in an order that does not depend on
  // these bounds.
  void row(std::uint32_t i, std::uint32_t begin, std::uint32_t end,
           std::vector<DrawnSynapse<R>>& out) const;
  // All synapses. Throws std::invalid_argument for a delay that does not round to 1 .. max_delay
  // steps, and for lists of weights or delays whose length is not the number of synapses.
  SynapseTable<R> table(int threads = 1) const;

 private:
  template <class Emit>
  void draw_row(std::size_t row, std::uint32_t begin, std::uint32_t end, bool values,
                Emit&& emit) const;
  template <class Add>
  void draw_by_target(std::size_t begin, std::size_t end, Add&& add) const;
  template <class Draw>
  void set_values(const Draw& draw, std::uint64_t row, std::uint32_t n, R* weight,
                  std::uint16_t* delay) const;
  void split_total(int threads);
  std::uint64_t expected() const;
  std::uint64_t work() const;
  bool owns_all() const { return own_.begin == 0 && own_.end >= post_.population_size; }
  std::size_t count(Range own, int threads) const;
  std::uint64_t self_of(const Selection& other, std::uint32_t element) const;

  ConnectionRule rule_;
  Selection pre_, post_;
  Range own_;
  bool same_;
  ValueSpec weight_, delay_;
  double dt_;
  Stream stream_, more_;
  std::optional<DelayTable> delay_table_;
  BlockCounts counts_;  // fixed_total_number: of own blocks of targets
  std::size_t size_ = 0;
};

}  // namespace spikelet
