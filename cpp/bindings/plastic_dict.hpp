// The state of a plastic projection as a dict of arrays.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "array.hpp"
#include "spikelet/network/simulator.hpp"

namespace spikelet {

// Calls visit(name, array) for each array of a plastic state. Lists of arrays have numbered names.
template <class State, class Visit>
void for_each_array(State& state, Visit&& visit) {
  const auto list = [&](const std::string& name, auto& arrays) {
    for (std::size_t k = 0; k < arrays.size(); ++k) {
      visit(name + "." + std::to_string(k), arrays[k]);
    }
  };
  list("synapse", state.synapse);
  list("synapse_step", state.synapse_step);
  visit("row_source", state.row_source);
  visit("row_delay", state.row_delay);
  list("row", state.row);
  list("row_double", state.row_double);
  list("row_step", state.row_step);
  list("target", state.target);
  visit("counts", state.counts);
  visit("post_stamp", state.post_stamp);
  visit("post_target", state.post_target);
  list("post_value", state.post_value);
  visit("sent_step", state.sent_step);
  visit("sent_post", state.sent_post);
  visit("sent_channel", state.sent_channel);
  visit("sent_value", state.sent_value);
  visit("reward_step", state.reward_step);
  visit("reward_level", state.reward_level);
}

template <class R>
py::dict plastic_state(Simulator<R>& s, std::size_t projection) {
  auto [state, initial] = [&] {
    const auto parts = s.brief();
    return std::pair(parts->access.plastic_state(projection),
                     parts->network.projections[projection].initial_weights);
  }();
  py::dict d;
  for_each_array(state, [&](const std::string& key, auto& values) {
    d[key.c_str()] = to_array(std::move(values));
  });
  d["clock"] = state.clock;
  d["initial"] = to_array(std::move(initial));
  return d;
}

template <class R>
void set_plastic_state(Simulator<R>& s, std::size_t projection, const py::dict& d) {
  PlasticState<R> state;
  const auto count = [&](const char* key, auto& arrays) {
    while (d.contains(std::string(key) + "." + std::to_string(arrays.size()))) {
      arrays.emplace_back();
    }
  };
  count("synapse", state.synapse);
  count("synapse_step", state.synapse_step);
  count("row", state.row);
  count("row_double", state.row_double);
  count("row_step", state.row_step);
  count("target", state.target);
  const auto item = [&](const std::string& key) {
    if (!d.contains(key)) {
      throw py::value_error("set_plastic_state: the state needs the entry " + key);
    }
    return py::object(d[key.c_str()]);
  };
  const auto get = [&](const std::string& key, auto& to) {
    using T = typename std::remove_reference_t<decltype(to)>::value_type;
    to = as_vector(item(key).template cast<Array<T>>());
  };
  for_each_array(state, get);
  state.clock = item("clock").template cast<Step>();
  std::vector<R> initial;
  get("initial", initial);
  s.set_plastic_state(projection, state, std::move(initial));
}

}  // namespace spikelet
