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

}  // namespace

template <class R>
void replace_projection(Network<R>& network, std::size_t number, Succession succession) {
  Projection<R> fresh = take_last(network.projections, number);
  Projection<R>& old = network.projections[number];
  if (fresh.rule && succession != Succession::anew) {
    for (const R w : fresh.initial_weights) {
      if (old.sign != 0 && w != 0 && std::signbit(w) != (old.sign < 0)) {
        throw std::invalid_argument("weights of this plasticity rule must keep their sign, got " +
                                    std::to_string(w));
      }
    }
    fresh.layout = succession == Succession::same ? old.layout : PlasticLayout::history;
    fresh.sign = old.sign;
    fresh.one_channel = old.one_channel;
    fresh.one_delay = succession == Succession::same ? old.one_delay : std::uint16_t{0};
    fresh.facts.reset();
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

template void replace_projection(Network<float>&, std::size_t, Succession);
template void replace_projection(Network<double>&, std::size_t, Succession);
template void replace_population(Network<float>&, std::size_t);
template void replace_population(Network<double>&, std::size_t);

}  // namespace spikelet
