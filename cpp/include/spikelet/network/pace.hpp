// Whether all threads of a network or one of them advance it faster: measured while it runs, as
// that depends on its activity, and on what else the machine does.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "spikelet/core/types.hpp"

namespace spikelet {

class Pace {
 public:
  struct Part {
    bool all;  // threads, or one
    Step steps;
  };

  // What to run next, of `left` steps. The first parts try both. Then the faster goes on, and now
  // and then the other is tried again: less often each time that it loses.
  Part next(Step left, Step interval) {
    part_ = choose(interval);
    part_.steps = std::clamp<Step>(part_.steps, interval, std::max(left, interval));
    part_.steps = std::min(part_.steps, left);
    return part_;
  }

  // How long it took [ns].
  void note(Step steps, double ns) {
    if (steps <= 0) {
      return;
    }
    Team& team = teams_[part_.all ? 1 : 0];
    const double cost = ns / static_cast<double>(steps);
    if (!team.known()) {
      team.ns += ns;
      team.steps += steps;
      team.cost = team.ns / static_cast<double>(team.steps);
      return;
    }
    team.cost = trial_ ? cost : (team.cost + cost) / 2;
    since_trial_ += ns;
    if (trial_) {
      const Team& other = teams_[part_.all ? 0 : 1];
      patience_ = team.cost < other.cost ? first_patience : std::min(2 * patience_, most_patience);
      since_trial_ = 0;
    }
  }

 private:
  static constexpr double learn = 5e5, try_for = 1e6, go_on_for = 1e7;  // ns
  static constexpr double first_patience = 5e7, most_patience = 4e9;

  struct Team {
    double cost = 0;  // ns a step
    double ns = 0;    // measured until it was known
    Step steps = 0;
    bool known() const { return ns >= learn; }
    Step in(double time) const { return static_cast<Step>(std::min(time / cost, 1e9)); }
  };

  Part choose(Step interval) {
    trial_ = false;
    for (const bool all : {true, false}) {
      const Team& team = teams_[all ? 1 : 0];
      if (!team.known()) {
        return {all, std::max(64 * interval, team.steps)};
      }
    }
    const bool all = teams_[1].cost < teams_[0].cost;
    trial_ = since_trial_ > patience_;
    const Team& faster = teams_[all ? 1 : 0];
    return {all != trial_, faster.in(trial_ ? try_for : go_on_for)};
  }

  std::array<Team, 2> teams_{};  // one thread, and all
  Part part_{};
  bool trial_ = false;
  double since_trial_ = 0, patience_ = first_patience;
};

}  // namespace spikelet
