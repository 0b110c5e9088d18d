// A plasticity rule from text, as data: what each synapse remembers, how that moves between spikes,
// and programs that change it at spikes. Between spikes everything is linear, and so is solved
// exactly over any number of steps (network/propagator.hpp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "spikelet/core/plasticity.hpp"
#include "spikelet/core/program.hpp"

namespace spikelet {

class EventRule {
 public:
  static constexpr std::string_view name = "SynapseEquations";
  // A post spike is kept with so many values at most (PostSpike in network/plastic_store.hpp).
  static constexpr std::size_t most_of_target = 3;
  // Programs of a synapse at a spike of its source and of its target; of what all synapses of a
  // source share, at its spike; of what all synapses of a target share; and of a synapse when the
  // projection gets a signal.
  enum Event : int { on_pre, on_post, on_source, on_target, on_signal };
  static constexpr std::size_t events = 5;
  // event: a value that no later event needs.
  enum class Keeper : int { synapse, source, target, event };

  struct Variable {
    std::string name;
    Keeper keeper = Keeper::synapse;
    double initial = 0;
    bool readable = true;
  };
  // d(of)/dt has the term rate * by [per ms]; by -1: it has the constant rate.
  struct Rate {
    int of = 0, by = -1;
    double rate = 0;
  };
  // A variable that has the value of a state of the target when a spike is delivered.
  struct Read {
    int variable = 0;
    std::size_t state = 0;
  };
  struct Parts {
    // The weight is the first. All are states of every program, which writes only its own.
    std::vector<Variable> variables;
    std::vector<Rate> rates;  // variables act only on those that follow in `order`
    std::vector<int> order;
    int transmit = 0;  // the variable that a spike sends; by default the weight
    int signal = -1;   // the variable that has the value of a signal; -1: none
    std::vector<Read> reads;
    std::array<std::shared_ptr<const Program>, events> programs;
  };

  // Throws std::invalid_argument.
  explicit EventRule(Parts parts);

  const Parts& parts() const { return parts_; }
  const Program& program(Event event) const { return *parts_.programs[event]; }
  // Where the coefficients of a program begin among the rule's parameters, and how many there are.
  std::size_t first(Event event) const;
  std::size_t parameters() const { return first(static_cast<Event>(events)); }
  // The variables that one keeps.
  std::vector<int> kept_by(Keeper keeper) const;
  // Whether some variable of a keeper changes between spikes.
  bool moves(Keeper keeper) const;

  static constexpr PlasticityInfo info() {
    constexpr double all = std::numeric_limits<double>::infinity();
    return {name,
            {},
            false,
            false,
            false,
            false,
            false,
            [](const double*) { return std::array<double, trace_count>{}; },
            [](const double*) { return std::array{-all, all}; }};
  }

 private:
  Parts parts_;
};

}  // namespace spikelet
