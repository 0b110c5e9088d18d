#include "spikelet/network/plastic_check.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>

#include "spikelet/core/event_rule.hpp"
#include "spikelet/network/closed_rows.hpp"

namespace spikelet {
namespace {

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument("the plastic state does not fit this projection: " + what);
}

void require(bool fits, const char* what) {
  if (!fits) {
    refuse(what);
  }
}

void require_size(std::size_t found, std::size_t expected, const std::string& name) {
  if (found != expected) {
    refuse(name + " must have " + std::to_string(expected) + " values, got " +
           std::to_string(found));
  }
}

template <class T>
void require_sizes(const std::vector<std::vector<T>>& arrays, std::size_t expected,
                   const char* name) {
  for (const std::vector<T>& values : arrays) {
    require_size(values.size(), expected, name);
  }
}

template <class T>
void require_finite(const std::vector<T>& values, const char* name) {
  for (const T x : values) {
    if (!std::isfinite(x)) {
      refuse(std::string(name) + " must be finite, got " + std::to_string(x));
    }
  }
}

template <class Values>
void require_finite_all(const Values& arrays, const char* name) {
  for (const auto& values : arrays) {
    require_finite(values, name);
  }
}

template <class T>
void require_within(const std::vector<T>& values, Step low, Step high, const char* name) {
  for (const T x : values) {
    if (static_cast<Step>(x) < low || static_cast<Step>(x) > high) {
      refuse(std::string(name) + " must lie in " + std::to_string(low) + " .. " +
             std::to_string(high) + ", got " + std::to_string(x));
    }
  }
}

// The arrays that belong together must be equally long.
template <class R>
void check_sizes(const PlasticState<R>& state, std::size_t synapses, std::size_t targets) {
  require(!state.synapse.empty(), "weights are missing");
  require_sizes(state.synapse, synapses, "synapse");
  require_sizes(state.synapse_step, synapses, "synapse_step");
  const std::size_t rows = state.row_source.size();
  require_size(state.row_delay.size(), rows, "row_delay");
  require_sizes(state.row, rows, "row");
  require_sizes(state.row_double, rows, "row_double");
  require_sizes(state.row_step, rows, "row_step");
  if (!state.counts.empty()) {
    require_size(state.counts.size(), targets, "counts");
  }
  for (const std::vector<R>& values : state.target) {
    require_size(values.size(), targets, "target");
  }
  require_size(state.post_target.size(), state.post_stamp.size(), "post_target");
  for (const std::vector<R>& values : state.post_value) {
    require_size(values.size(), state.post_stamp.size(), "post_value");
  }
  require_size(state.sent_post.size(), state.sent_step.size(), "sent_post");
  require_size(state.sent_channel.size(), state.sent_step.size(), "sent_channel");
  require_size(state.sent_value.size(), state.sent_step.size(), "sent_value");
  require_size(state.reward_level.size(), state.reward_step.size(), "reward_level");
}

template <class R>
void check_weights(const Projection<R>& projection, const std::vector<R>& weights) {
  const auto bounds = projection.rule->info().bounds(projection.rule->parameters.data());
  const auto low = static_cast<R>(bounds[0]), high = static_cast<R>(bounds[1]);
  for (const R w : weights) {
    if (w < low || w > high) {
      refuse("weights must lie in [" + std::to_string(low) + ", " + std::to_string(high) +
             "], got " + std::to_string(w));
    }
    require(projection.sign == 0 || w == 0 || std::signbit(w) == (projection.sign < 0),
            "weights of this plasticity rule must keep their sign");
  }
}

template <class R>
void check_values(const PlasticState<R>& state) {
  require_finite_all(state.synapse, "synapse");
  require_finite_all(state.row, "row");
  require_finite_all(state.row_double, "row_double");
  require_finite_all(state.target, "target");
  require_finite_all(state.post_value, "post_value");
  require_finite(state.sent_value, "sent_value");
  require_finite(state.reward_level, "reward_level");
}

// Each source and delay once, in order.
template <class R>
void check_rows(const PlasticState<R>& state, std::size_t sources) {
  const auto key = [&](std::size_t k) {
    return std::pair(state.row_source[k], state.row_delay[k]);
  };
  for (std::size_t k = 0; k < state.row_source.size(); ++k) {
    require(state.row_source[k] < sources, "row_source must hold sources of the projection");
    require(k == 0 || key(k - 1) < key(k), "rows must ascend by source, then delay");
  }
}

template <class R>
void check_posts(const PlasticState<R>& state, std::size_t targets, Step now) {
  for (std::size_t k = 0; k < state.post_stamp.size(); ++k) {
    require(state.post_target[k] < targets, "post_target must hold targets of the projection");
    require(k == 0 || state.post_stamp[k - 1] <= state.post_stamp[k], "post_stamp must ascend");
  }
  require_within(state.post_stamp, 0, now, "post_stamp");
}

// With traces, those that have potentiated come first, and among them those that are in the traces.
template <class R>
void check_flags(const PlasticState<R>& state) {
  const std::vector<R>&potentiated = state.post_value[0], &marked = state.post_value[1];
  for (std::size_t k = 0; k < potentiated.size(); ++k) {
    const R flag = potentiated[k], mark = marked[k];
    require((flag == 0 || flag == 1) && (mark == 0 || mark == 1) && mark <= flag,
            "post_value must be flags");
    require(k == 0 || (flag <= potentiated[k - 1] && mark <= marked[k - 1]),
            "post_value must not ascend");
  }
}

template <class R>
void check_sent(const PlasticState<R>& state, const Feed<R>& feed, std::size_t targets, Step now,
                Step longest) {
  const int up = feed.channel_of(R(1)), down = feed.channel_of(R(-1));
  for (std::size_t k = 0; k < state.sent_step.size(); ++k) {
    require(state.sent_post[k] < targets, "sent_post must hold targets of the projection");
    const int channel = state.sent_channel[k];
    require(channel == up || channel == down, "sent_channel must hold channels of the targets");
  }
  require_within(state.sent_step, now, now + longest, "sent_step");
}

template <class R>
void check_reward(const PlasticState<R>& state) {
  for (std::size_t k = 1; k < state.reward_step.size(); ++k) {
    require(state.reward_step[k - 1] < state.reward_step[k], "reward_step must ascend");
  }
}

// Steps that count from somewhere else than the network's first one, or not to the present.
template <class R>
void check_steps(const Projection<R>& projection, const PlasticState<R>& state, double dt, Step now,
                 Step longest) {
  if (projection.layout == PlasticLayout::closed_rows) {  // whole epochs
    const Step steps = epoch_steps(*projection.rule, dt),
               epoch = std::max<Step>(state.clock, 0) / steps;
    require_within(state.row_step[0], std::max<Step>(epoch - closed_epochs + 1, 0), epoch,
                   "row_step");
  } else {
    for (const std::vector<Step>& values : state.row_step) {
      require_within(values, -1, now, "row_step");
    }
  }
  const bool traces = projection.layout == PlasticLayout::closed_rows ||
                      projection.layout == PlasticLayout::dense_block;
  // A store makes up for each step from its clock on.
  const Step oldest = traces ? std::max<Step>(now - longest, -1) : -1;
  require_within(std::vector<Step>{state.clock}, oldest, now, "clock");
  for (const std::vector<Step>& values : state.synapse_step) {
    require_within(values, 0, now, "synapse_step");
  }
}

}  // namespace

PlasticShape plastic_shape(PlasticLayout layout, const Plasticity& plasticity, double dt) {
  const auto tau = plasticity.info().time_constants(plasticity.parameters.data());
  const std::size_t post_2 = dt / tau[trace_post_2] > 0 && tau[trace_post_2] > 0 ? 1 : 0;
  const std::size_t pre_2 = dt / tau[trace_pre_2] > 0 && tau[trace_pre_2] > 0 ? 1 : 0;
  switch (layout) {
    case PlasticLayout::dense_block:
      return {1, 0, 1 + pre_2, 0, 0, 1 + post_2};
    case PlasticLayout::closed_rows:
      return {2, 0, 1 + pre_2, 0, 1, 2 + static_cast<std::size_t>(closed_epochs) + post_2};
    case PlasticLayout::scaled_rows:
      return plasticity.varied ? PlasticShape{4, 0, 0, 0, 1, 0} : PlasticShape{1, 0, 0, 3, 1, 0};
    case PlasticLayout::programs: {
      using Keeper = EventRule::Keeper;
      const EventRule& rule = *plasticity.events;
      return {rule.kept_by(Keeper::synapse).size(),
              rule.moves(Keeper::synapse) ? 1u : 0u,
              rule.kept_by(Keeper::source).size(),
              0,
              3,
              0};
    }
    case PlasticLayout::history:
    case PlasticLayout::queued:
      break;
  }
  const std::size_t modulated = plasticity.info().modulated ? 1 : 0;
  const std::size_t own = modulated == 1 || plasticity.pairing == Pairing::nearest_pre_centered;
  return {1 + own, modulated, 2, 0, 2, 0};
}

template <class R>
void check_plastic_state(const Network<R>& network, const Projection<R>& projection,
                         const PlasticState<R>& state) {
  const std::size_t targets = network.nodes[projection.post].size;
  const Step now = network.now, longest = std::max(projection.longest, network.agreed_longest);
  check_sizes(state, projection.size, targets);
  check_values(state);
  check_weights(projection, state.synapse[0]);
  check_reward(state);
  if (state.row_source.empty()) {  // it has not run: all but the weights is as it was made
    return;
  }
  const PlasticShape shape = plastic_shape(projection.layout, *projection.rule, network.dt);
  require(state.row.size() == shape.row && state.row_double.size() == shape.row_double &&
              state.row_step.size() == shape.row_step,
          "it comes from another layout");
  // A process without targets of its own has no arrays of these.
  require(state.synapse.size() == shape.synapse &&
              state.synapse_step.size() == shape.synapse_step &&
              state.target.size() == shape.target,
          "it comes from another layout");
  require_size(state.counts.size(), targets, "counts");
  check_rows(state, network.nodes[projection.pre].size);
  check_posts(state, targets, now);
  if (shape.target > 0) {
    check_flags(state);
  }
  check_sent(state, network.feed_of(projection), targets, now, longest);
  check_steps(projection, state, network.dt, now, longest);
}

template void check_plastic_state(const Network<float>&, const Projection<float>&,
                                  const PlasticState<float>&);
template void check_plastic_state(const Network<double>&, const Projection<double>&,
                                  const PlasticState<double>&);

}  // namespace spikelet
