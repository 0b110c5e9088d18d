#include "spikelet/core/event_rule.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace spikelet {
namespace {

void require(bool right, const char* what) {
  if (!right) {
    throw std::invalid_argument("EventRule: " + std::string(what));
  }
}

}  // namespace

EventRule::EventRule(Parts parts) : parts_(std::move(parts)) {
  const auto& variables = parts_.variables;
  const auto count = static_cast<int>(variables.size());
  require(count > 0, "the weight must be the first variable");
  require(variables[0].keeper == Keeper::synapse, "synapses must keep the weight");
  for (const Variable& variable : variables) {
    require(std::isfinite(variable.initial), "initial values must be finite");
    require(static_cast<int>(variable.keeper) >= 0 && variable.keeper <= Keeper::event,
            "a variable is kept by synapses (0), sources (1), targets (2) or nobody (3)");
    require(variable.keeper != Keeper::target || variable.initial == 0,
            "variables of targets must begin with 0");
  }
  require(kept_by(Keeper::target).size() <= most_of_target, "targets keep at most 3 variables");
  require(parts_.transmit >= 0 && parts_.transmit < count, "transmit must be a variable");
  const auto passing = [&](int v) {
    return v >= 0 && v < count && variables[static_cast<std::size_t>(v)].keeper == Keeper::event;
  };
  require(parts_.signal == -1 || passing(parts_.signal), "nobody may keep the signal");
  require(std::ranges::all_of(parts_.reads, passing, &Read::variable),
          "nobody may keep what is read of the targets");
  std::vector<int> place(variables.size(), -1);
  for (std::size_t k = 0; k < parts_.order.size(); ++k) {
    const int v = parts_.order[k];
    require(v >= 0 && v < count && place[static_cast<std::size_t>(v)] < 0,
            "order must have each variable once");
    place[static_cast<std::size_t>(v)] = static_cast<int>(k);
  }
  require(parts_.order.size() == variables.size(), "order must have each variable once");
  for (const auto& [of, by, rate] : parts_.rates) {
    require(of >= 0 && of < count && by >= -1 && by < count, "rates must name variables");
    require(std::isfinite(rate), "rates must be finite");
    const Keeper keeper = variables[static_cast<std::size_t>(of)].keeper;
    if (by < 0) {
      require(keeper != Keeper::target, "variables of targets must have no constant rate");
      continue;
    }
    require(variables[static_cast<std::size_t>(by)].keeper == keeper,
            "variables that act on each other must have one keeper");
    require(of != by || rate <= 0, "variables must not grow by themselves");
    require(place[static_cast<std::size_t>(by)] <= place[static_cast<std::size_t>(of)],
            "variables must act only on those that follow in order");
  }
  for (const auto& program : parts_.programs) {
    require(program != nullptr, "all programs must be given");
    require(program->parts().states.size() == variables.size(),
            "the states of a program must be the variables");
  }
}

std::size_t EventRule::first(Event event) const {
  std::size_t sum = 0;
  for (int k = 0; k < event; ++k) {
    sum += parts_.programs[static_cast<std::size_t>(k)]->parts().coefficients;
  }
  return sum;
}

std::vector<int> EventRule::kept_by(Keeper keeper) const {
  std::vector<int> found;
  for (std::size_t v = 0; v < parts_.variables.size(); ++v) {
    if (parts_.variables[v].keeper == keeper) {
      found.push_back(static_cast<int>(v));
    }
  }
  return found;
}

bool EventRule::moves(Keeper keeper) const {
  return std::ranges::any_of(parts_.rates, [&](const Rate& rate) {
    return rate.rate != 0 && parts_.variables[static_cast<std::size_t>(rate.of)].keeper == keeper;
  });
}

}  // namespace spikelet
