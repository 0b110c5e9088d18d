// Networks that a thread of run_all() takes at once.
#include <algorithm>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "network/poller.hpp"
#include "spikelet/network/joined.hpp"
#include "spikelet/network/simulator.hpp"

namespace spikelet {

namespace {

// How many steps pay for joining a network with others: it takes as long as some steps save, which
// depend on the synapses, and less where the network would be laid out anyway.
template <class R>
Step steps_that_pay(const Network<R>& network) {
  constexpr Step fewest = 100;
  constexpr std::size_t most = 65536;
  std::size_t synapses = 0;
  for (const Projection<R>& projection : network.projections) {
    synapses += projection.size;
  }
  return synapses > most ? std::numeric_limits<Step>::max()
                         : fewest + static_cast<Step>(synapses) / (network.changed ? 6 : 2);
}

}  // namespace

// Whether joining a network pays with a run of so many steps: the steps of all its runs by itself
// count. Once joined, even a run of one step is faster, until its synapses change.
template <class R>
bool Simulator<R>::pays_to_join(Parts& network, Step steps) {
  const Step enough = steps_that_pay(network.network);
  if (enough == std::numeric_limits<Step>::max()) {
    return false;
  }
  if (network.joined && network.joined->has(network)) {
    return true;
  }
  if (network.joined) {
    network.joined.reset();
    network.alone = 0;
  }
  network.alone += steps;
  return network.alone >= enough;
}

template <class R>
bool Simulator<R>::joined() {
  const Look look = this->look();
  return look->joined && look->joined->has(*look);
}

template <class R>
std::size_t Simulator<R>::worth_joining(std::span<Simulator* const> networks, Step steps,
                                        std::size_t most) {
  constexpr std::size_t most_elements = 4096;  // what they share stays in the cache
  std::size_t count = 0, elements = 0;
  try {
    {
      Use first = networks[0]->even_if_broken();
      first.overlook();  // what it counts is no change
      if (!pays_to_join(*first, steps)) {
        return 1;
      }
    }
    for (; count < std::min(networks.size(), most); ++count) {
      const std::size_t own = networks[count]->look_even_if_broken()->network.elements();
      elements += round_up(own, block_size);
      if (elements > most_elements) {
        break;
      }
    }
  } catch (const InUse&) {  // as its run will say
  }
  return std::max<std::size_t>(count, 1);
}

template <class R>
void Simulator<R>::run_together(std::span<Simulator* const> networks, Step steps, const Poll& poll,
                                std::span<std::exception_ptr> errors) {
  std::vector<bool> through(networks.size());
  for (std::size_t k = 0; k < networks.size() && !poll(networks[k]->now()); ++k) {
    if (through[k]) {
      continue;
    }
    try {
      run_joined(networks, k, steps, poll, errors, through);
    } catch (...) {  // nothing has changed: each will say what fails
    }
    if (!through[k]) {
      errors[k] = caught([&] { networks[k]->run(steps, poll, 1); });
    }
  }
}

template <class R>
void Simulator<R>::run_joined(std::span<Simulator* const> networks, std::size_t first, Step steps,
                              const Poll& poll, std::span<std::exception_ptr> errors,
                              std::vector<bool>& through) {
  struct Member {
    std::size_t number;
    Use use;
    typename Network<R>::InitialStates initial;
  };
  std::vector<Member> members;
  std::vector<Parts*> parts;
  members.reserve(networks.size() - first);
  parts.reserve(networks.size() - first);
  bool untouched = true;
  for (std::size_t k = first; k < networks.size(); ++k) {
    if (through[k]) {
      continue;
    }
    try {
      Use use = networks[k]->lengthy();
      Parts& own = *use;
      // One that was settled by a run joined with the others suits, and is like them.
      const bool settled = !use.touched() && own.joined &&
                           (parts.empty() || (untouched && own.joined == parts[0]->joined));
      if (settled ||
          (Joined<R>::suits(own) && (parts.empty() || Joined<R>::alike(*parts[0], own)))) {
        members.push_back({k, std::move(use), own.network.initial_states()});
        parts.push_back(&own);
        untouched = untouched && settled;
      }
    } catch (...) {  // in use or broken, as its own run will say
    }
  }
  if (members.size() < 2 || steps == 0) {  // a run of no steps does not even emit at time 0
    return;
  }
  const Step begin = parts[0]->network.now, end = begin + steps;
  if (parts[0]->next_stop(end) < end) {  // longer than the clocks of neurons reach
    return;
  }
  std::shared_ptr<Joined<R>> joined = parts[0]->joined;
  if (!joined || !joined->fits(parts)) {
    // With other networks, each may be joined with others again in the next run: count anew.
    if (joined && !joined->joins(parts) && steps < steps_that_pay(parts[0]->network)) {
      parts[0]->joined.reset();
      parts[0]->alone = steps;
      return;
    }
    joined = std::make_shared<Joined<R>>(parts);
    untouched = false;
  }
  Poller poller;
  auto ask = [&](Step step) { return poller(poll, step); };
  joined->run(end, std::ref(ask), untouched);
  for (std::size_t m = 0; m < members.size(); ++m) {
    const std::size_t k = members[m].number;
    through[k] = true;
    errors[k] = caught([&] {
      parts[m]->recorders.allot(begin, joined->now());  // nothing has changed if it fails
      members[m].use.change("a run", [&] {
        parts[m]->network.keep(std::move(members[m].initial));
        joined->give_back(m);
        parts[m]->network.require_numbers();
        parts[m]->joined = joined;
      });
      members[m].use.settle();
    });
    if (errors[k]) {
      parts[m]->joined.reset();  // which is ahead of it
    }
    parts[m]->recorders.trim(parts[m]->network.now);  // of one that failed
    networks[k]->now_ = parts[m]->network.now;
  }
  joined->forget_run();
}

template bool Simulator<float>::joined();
template bool Simulator<double>::joined();
template std::size_t Simulator<float>::worth_joining(std::span<Simulator* const>, Step,
                                                     std::size_t);
template std::size_t Simulator<double>::worth_joining(std::span<Simulator* const>, Step,
                                                      std::size_t);
template void Simulator<float>::run_together(std::span<Simulator* const>, Step, const Poll&,
                                             std::span<std::exception_ptr>);
template void Simulator<double>::run_together(std::span<Simulator* const>, Step, const Poll&,
                                              std::span<std::exception_ptr>);

}  // namespace spikelet
