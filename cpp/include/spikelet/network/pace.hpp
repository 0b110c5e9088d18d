// Decides whether one thread or all threads advance a network. Both are measured while it runs,
// because the faster choice depends on its activity and on the load of the machine. One thread is
// faster still if a small network is folded, that is, laid out as one partition; this takes a new
// layout.
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
    bool fold = false;  // as one partition
    double most = 0;    // time after which to stop it [ns]
    bool timed = true;  // whether to measure it
  };

  // What to run next, of `left` steps. The first parts try both. Then the faster goes on, and now
  // and then the other is tried again: less often each time that it loses. A part that is longer
  // than the run goes on in the next one, so that a run of one step decides nothing. Asked again
  // without a note, it says the same.
  Part next(Step left, Step interval, bool may_fold = false) {
    if (done_.steps == 0 || (part_.fold && !may_fold)) {
      done_ = {};
      interval = std::max<Step>(std::min(interval, left), 1);  // threads meet where a run ends
      part_ = choose(interval, may_fold);
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
  // A new layout takes longer than a trial, so it needs a better reason than two costs that differ
  // by chance: `sure` times.
  static constexpr double fold_after = 5e7, folded_patience = 1e9, sure = 1.5;
  // Threads gain where one takes so long for an interval, as they meet once in each. The costs were
  // measured at two moments, of perhaps different activity, so one thread must be `clearly` times
  // faster there. It is if others want the cores.
  static constexpr double long_interval = 1e5, clearly = 2;
  static constexpr double late = 2;  // times what it should take
  // A woken thread may have to wait for its core as long as the system lets others run, and in
  // brief runs that is so for each run of a trial. Then the first of them is enough.
  static constexpr double longest_trial = 4 * try_for;
  static constexpr Step brief = 64, one_of = 7;  // of runs so much shorter than a part
  // Cost of one thread, folded, in that of unfolded. Beyond these bounds it was the activity that
  // changed between the two.
  static constexpr double typical_gain = 0.8, least_gain = 0.5, most_gain = 1;
  // It differs much between networks, so it is measured where it decides.
  static constexpr double hoped_gain = 0.6;
  enum { one, all, folded };

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
    total_ += ns;
    since_trial_ = part_.fold == folded_ ? since_trial_ : 0;
    since_unfolded_ = folded_ && !part_.fold && !trial_ ? 0 : since_unfolded_ + ns;
    const bool enters = part_.fold && !folded_;
    folded_ = part_.fold;
    if (!team.known()) {
      team.ns += part.ns;
      team.steps += steps;
      team.renew(team.ns / static_cast<double>(team.steps));
      if (part_.fold) {
        gain_ = gain_of(team.cost);
      }
      return;
    }
    is_old ? team.renew(cost) : team.add(cost);
    if (enters) {
      gain_ = (gain_ + gain_of(cost)) / 2;
    }
    // The cost of one thread in one layout predicts its cost in the other.
    if (part_.fold) {
      teams_[one].renew(team.cost / gain_);
    } else if (!part_.all && teams_[folded].known()) {
      teams_[folded].renew(gain_ * team.cost);
    }
    since_trial_ += ns;
    if (trial_) {
      const bool won = all_wins() == part_.all;
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

  // A step of one thread, folded if that is possible.
  double single_cost() const {
    if (!may_fold_) {
      return teams_[one].cost;
    }
    return teams_[folded].known() ? teams_[folded].cost : gain_ * teams_[one].cost;
  }

  double gain_of(double folded_cost) const {
    return std::clamp(folded_cost / teams_[one].cost, least_gain, most_gain);
  }

  bool all_win_over(double single) const {
    const bool is_long = teams_[one].cost * static_cast<double>(interval_) > long_interval;
    return teams_[all].cost < (is_long ? clearly : 1) * single;
  }
  bool all_wins() const { return all_win_over(single_cost()); }

  // With fewer free cores than threads, an interval may last as long as the system lets others run.
  // And how many steps are enough to learn a cost is not known before.
  double limit(Step steps) {
    const Team& team = team_of(part_);
    const double most =
        2 * try_for + (team.known() ? late * team.cost * static_cast<double>(steps) : 0);
    return trial_ ? std::min(most, longest_trial) : most;
  }

  Team& team_of(const Part& part) { return teams_[part.all ? all : part.fold ? folded : one]; }

  Part choose(Step interval, bool may_fold) {
    trial_ = false;
    interval_ = interval;
    may_fold_ = may_fold;
    for (const int k : {all, one}) {
      if (!teams_[k].known()) {
        return {k == all, teams_[k].to_learn(interval)};
      }
    }
    const bool all_wins = this->all_wins();
    const bool may_win =
        teams_[folded].known() ? !all_wins : teams_[all].cost > hoped_gain * teams_[one].cost;
    const bool folds = may_win && total_ > fold_after && since_unfolded_ > folded_patience;
    if (may_fold && (folded_ || folds)) {
      if (!teams_[folded].known()) {
        return {false, teams_[folded].to_learn(interval), true};
      }
      trial_ = folded_ && since_trial_ > std::max(patience_, folded_patience);
      const double margin = settled_ ? sure : 1;
      const bool leaves = trial_ || teams_[all].cost * margin < teams_[folded].cost;
      settled_ = folded_ && !leaves;
      return leaves ? Part{true, trial_ ? tried(all, folded) : teams_[all].in(go_on_for)}
                    : Part{false, teams_[folded].in(go_on_for), true};
    }
    trial_ = since_trial_ > patience_;
    const bool wins = all_win_over(teams_[one].cost);  // as it is laid out
    const int k = wins != trial_ ? all : one;
    return {k == all, trial_ ? tried(k, wins ? all : one) : teams_[k].in(go_on_for)};
  }
  // Steps of a trial: what others disturbed in the last one must not make this one too short.
  Step tried(int team, int winner) const {
    return std::max(teams_[team].in(try_for), teams_[winner].in(try_for));
  }

  std::array<Team, 3> teams_{};
  Part part_{};     // the present one, whole
  Done done_{};     // of it, so far
  Step asked_ = 0;  // steps, last
  Step interval_ = 1;
  bool trial_ = false, tried_ = false, may_fold_ = false;
  bool folded_ = false;   // in the last part
  bool settled_ = false;  // folded, and measured to be faster
  int last_ = all;
  double gain_ = typical_gain;
  // [ns] since_unfolded_: since all threads won over the folded network, if they did.
  double total_ = 0, since_trial_ = 0, since_unfolded_ = folded_patience;
  double patience_ = first_patience;
};

}  // namespace spikelet
