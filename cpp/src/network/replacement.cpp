#include "spikelet/network/replacement.hpp"

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

namespace spikelet {
namespace {

// The last of some items, which is taken off.
template <class T>
T take_last(std::vector<T>& items, std::size_t number) {
  if (number + 1 >= items.size()) {
    throw std::invalid_argument("only an earlier one can be replaced, got number " +
                                std::to_string(number));
  }
  T last = std::move(items.back());
  items.pop_back();
  return last;
}

// The layout of synapses that would have another one, for a state of a layout of that name.
PlasticLayout layout_for(std::string_view storage, PlasticLayout chosen, const Plasticity& rule) {
  using enum PlasticLayout;
  const bool replays = storage == layout_name(history) || storage == layout_name(queued);
  if (replays && chosen != scaled_rows && chosen != programs) {
    return chosen == queued ? queued : history;
  }
  if (storage == layout_name(closed_rows) && chosen == dense_block && rule.info().summable) {
    return closed_rows;
  }
  if (storage != layout_name(chosen)) {
    throw std::invalid_argument("these synapses cannot have the state of " + std::string(storage));
  }
  return chosen;
}

}  // namespace

template <class R>
void replace_projection(Network<R>& network, std::size_t number, std::string_view storage) {
  if (network.projections.back().facts) {
    network.agree();  // with the other processes on the layout
  }
  Projection<R> fresh = take_last(network.projections, number);
  Projection<R>& old = network.projections[number];
  if (fresh.rule && !storage.empty()) {
    for (const R w : fresh.initial_weights) {
      if (old.sign != 0 && w != 0 && std::signbit(w) != (old.sign < 0)) {
        throw std::invalid_argument("weights of this plasticity rule must keep their sign, got " +
                                    std::to_string(w));
      }
    }
    fresh.layout = layout_for(storage, fresh.layout, *fresh.rule);
    fresh.sign = old.sign;
    fresh.one_channel = old.one_channel;
    if (fresh.size == 0) {
      fresh.one_delay = old.one_delay;
    }
  }
  old = std::move(fresh);
}

template <class R>
void replace_population(Network<R>& network, std::size_t number) {
  if (network.nodes.back().size > 0) {
    throw std::invalid_argument("only a population without elements can replace another one");
  }
  Node<R> fresh = take_last(network.nodes, number);
  fresh.first_gid = network.nodes[number].first_gid;
  network.nodes[number] = std::move(fresh);
}

std::vector<double> initial_values(const EventRule& rule, EventRule::Keeper keeper) {
  std::vector<double> values;
  for (const int v : rule.kept_by(keeper)) {
    values.push_back(rule.parts().variables[static_cast<std::size_t>(v)].initial);
  }
  return values;
}

template void replace_projection(Network<float>&, std::size_t, std::string_view);
template void replace_projection(Network<double>&, std::size_t, std::string_view);
template void replace_population(Network<float>&, std::size_t);
template void replace_population(Network<double>&, std::size_t);

}  // namespace spikelet
