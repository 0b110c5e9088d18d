// Decides whether one thread or all threads advance a network. Both are measured while it runs,
// because the faster choice depends on its activity and on the load of the machine.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "spikelet/core/types.hpp"

namespace spikelet {

class Pace {
 public:
  struct Part {
    bool all;  // threads, or one
    Step steps;
    double most = 0;    // time after which to stop it [ns]
    bool timed = true;  // whether to measure it
  };

  // What to run next, of `left` steps. The first parts try both. Then the faster goes on, and now
  // and then the other is tried again: less often each time that it loses. A part that is longer
  // than the run goes on in the next one, so that a run of one step decides nothing. Asked again
  // without a note, it says the same.
  Part next(Step left, Step interval) {
    if (done_.steps == 0) {
      done_ = {};
      interval = std::max<Step>(std::min(interval, left), 1);  // threads meet where a run ends
      part_ = choose(interval);
      part_.steps = std::max(part_.steps, interval);
      part_.most = limit(part_.steps);
    }
    Part rest = part_;
    rest.steps = std::min(part_.steps - done_.steps, left);
    rest.most = std::min(part_.most - done_.ns, limit(rest.steps));
    // To read the clock twice takes a tenth of a step of a small network. All threads are always
    // timed: they may have to wait for a core.
    rest.timed = part_.all || trial_ || !team_of(part_).known() ||
                 rest.steps * brief > part_.steps || done_.runs % one_of == 0;
    asked_ = rest.steps;
    return rest;
  }

  // How long it took [ns].
  void note(Step steps, double ns) {
    if (steps > 0) {
      done_.ns += ns;
      done_.timed += steps;
      pass(steps);
    }
  }
  // It was not to be timed.
  void pass(Step steps) {
    if (steps <= 0) {
      return;
    }
    const bool stopped = steps < asked_;
    ++done_.runs;
    done_.steps += steps;
    if (!stopped && done_.steps < part_.steps && done_.ns < part_.most) {
      return;
    }
    learn_from(std::exchange(done_, {}));
  }

 private:
  static constexpr double learn = 5e5, try_for = 1e6, go_on_for = 1e7;  // ns
  static constexpr double first_patience = 2e7, most_patience = 2e9;
  static constexpr double far = 4;  // so many times slower, a team waits for cores
  // Threads gain where one takes so long for an interval, as they meet once in each. The costs were
  // measured at two moments, of perhaps different activity, so one thread must be `clearly` times
  // faster there. It is if others want the cores.
  static constexpr double long_interval = 1e5, clearly = 2;
  static constexpr double late = 2;  // times what it should take
  // A woken thread may have to wait for its core as long as the system lets others run, and in
  // brief runs that is so for each run of a trial. Then the first of them is enough.
  static constexpr double longest_trial = 4 * try_for;
  static constexpr Step brief = 64, one_of = 7;  // of runs so much shorter than a part
  enum { one, all };

  struct Done {
    Step steps = 0, timed = 0, runs = 0;
    double ns = 0;  // of the timed steps
  };

  // A part has ended.
  void learn_from(Done part) {
    const Step steps = part.timed;
    Team& team = team_of(part_);
    const double cost = part.ns / static_cast<double>(steps);
    const double ns = cost * static_cast<double>(part.steps);
    // Earlier costs are out of date if another team has run since, except in a trial, and after the
    // team's own trial.
    const bool is_old = (&team != &teams_[last_]) != tried_;
    tried_ = trial_;
    last_ = static_cast<int>(&team - teams_.data());
    if (!team.known()) {
      team.ns += part.ns;
      team.steps += steps;
      team.renew(team.ns / static_cast<double>(team.steps));
      return;
    }
    is_old ? team.renew(cost) : team.add(cost);
    since_trial_ += ns;
    if (trial_) {
      const bool won = all_win() == part_.all;
      const double grows = cost > far * teams_[part_.all ? one : all].cost ? 8 : 2;
      patience_ = won ? first_patience : std::min(grows * patience_, most_patience);
      since_trial_ = 0;
    }
  }

  struct Team {
    double cost = 0;                 // ns a step: the least of the latest parts, which others
    std::array<double, 3> latest{};  // may have disturbed
    double ns = 0;                   // measured until it was known
    Step steps = 0;
    void add(double part) {
      latest = {latest[1], latest[2], part};
      cost = *std::ranges::min_element(latest);
    }
    // Another team came in between: what was measured before is old. Or that was a trial, too short
    // to count among the least.
    void renew(double part) {
      latest.fill(part);
      cost = part;
    }
    bool known() const { return ns >= learn; }
    Step in(double time) const { return static_cast<Step>(std::min(time / cost, 1e9)); }
    Step to_learn(Step interval) const { return std::max(64 * interval, steps); }
  };

  bool all_win() const {
    const double single = teams_[one].cost;
    const bool is_long = single * static_cast<double>(interval_) > long_interval;
    return teams_[all].cost < (is_long ? clearly : 1) * single;
  }

  // With fewer free cores than threads, an interval may last as long as the system lets others run.
  // And how many steps are enough to learn a cost is not known before.
  double limit(Step steps) {
    const Team& team = team_of(part_);
    const double most =
        2 * try_for + (team.known() ? late * team.cost * static_cast<double>(steps) : 0);
    return trial_ ? std::min(most, longest_trial) : most;
  }

  Team& team_of(const Part& part) { return teams_[part.all ? all : one]; }

  Part choose(Step interval) {
    trial_ = false;
    interval_ = interval;
    for (const int k : {all, one}) {
      if (!teams_[k].known()) {
        return {k == all, teams_[k].to_learn(interval)};
      }
    }
    trial_ = since_trial_ > patience_;
    const bool wins = all_win();
    const int k = wins != trial_ ? all : one;
    return {k == all, trial_ ? tried(k, wins ? all : one) : teams_[k].in(go_on_for)};
  }
  // Steps of a trial: what others disturbed in the last one must not make this one too short.
  Step tried(int team, int winner) const {
    return std::max(teams_[team].in(try_for), teams_[winner].in(try_for));
  }

  std::array<Team, 2> teams_{};
  Part part_{};     // the present one, whole
  Done done_{};     // of it, so far
  Step asked_ = 0;  // steps, last
  Step interval_ = 1;
  bool trial_ = false, tried_ = false;
  int last_ = all;
  double since_trial_ = 0, patience_ = first_patience;  // ns
};

}  // namespace spikelet
