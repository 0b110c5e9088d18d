// Connection rules: which pairs of two populations are connected, and with what weight and delay.
// Each draw is keyed by (seed, projection, target or source, number), so one slice of the targets
// can be drawn without the others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "spikelet/core/random.hpp"
#include "spikelet/network/synapses.hpp"

namespace spikelet {

struct Rule {
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
};

// Where a value of each synapse comes from.
struct ValueSpec {
  enum class Kind { values, normal, lognormal, uniform, exponential };
  enum class Limit { none, clip, redraw };
  Kind kind = Kind::values;
  std::vector<double> values{
      0.0};  // Kind::values: one for all, or one a synapse in canonical order
  double
      a = 0.0,
      b = 0.0;  // normal: mean, std; lognormal: mu, sigma; uniform: low, high; exponential: scale
  Limit limit = Limit::none;
  double low = 0.0, high = 0.0;
};

// The elements of a population that take part: all of it, or the listed ones.
struct Selection {
  std::size_t population_size = 0;
  std::vector<std::uint32_t> elements;  // empty and all = true: every element
  bool all = true;

  std::size_t size() const { return all ? population_size : elements.size(); }
  std::uint32_t operator[](std::size_t i) const {
    return all ? static_cast<std::uint32_t>(i) : elements[i];
  }
};

// One draw of a distribution in double precision: attempt 0 uses words[2 * half] and the next,
// given the stream's words of this key; redrawing takes further ones.
double draw_value(const ValueSpec& spec, const Stream& stream, std::uint64_t key,
                  const Words& words, std::size_t half);

// The synapses of a rule. `same` tells that both selections belong to one population. dt in ms
// converts delays; throws std::invalid_argument for a delay that does not round to 1 .. max_delay
// steps, and for what cannot be drawn. Drawn synapses of one pair count as created in order of
// their delays.
template <class R>
SynapseTable<R> connect_by_rule(const Rule& rule, const Selection& pre, const Selection& post,
                                bool same, const ValueSpec& weight, const ValueSpec& delay,
                                double dt, std::uint64_t seed, std::uint32_t projection);

}  // namespace spikelet
