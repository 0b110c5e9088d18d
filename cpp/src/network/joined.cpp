#include "spikelet/network/joined.hpp"

#include <algorithm>
#include <limits>
#include <memory>
#include <numeric>
#include <utility>

#include "network/joined_inputs.hpp"

namespace spikelet {
namespace {

constexpr std::size_t no_recorder = std::numeric_limits<std::size_t>::max();
constexpr std::size_t most_elements = 1024;  // larger networks hardly gain

template <class R>
std::uint32_t padded(const Node<R>& node) {
  return static_cast<std::uint32_t>(round_up(node.size, block_size));
}

// One value if all are the same, or one for each synapse.
template <class R>
void append(auto& values, const auto& more, std::size_t before, std::size_t n) {
  if (n == 0) {
    return;
  }
  if (before == 0) {
    values.assign(more.begin(), more.end());
    return;
  }
  if (values.size() == 1 && more.size() == 1 && values[0] == more[0]) {
    return;
  }
  if (values.size() == 1) {
    values.resize(before, R(values[0]));
  }
  const std::size_t at = values.size();
  values.resize(before + n);
  if (more.size() == 1) {
    std::fill(values.begin() + static_cast<std::ptrdiff_t>(at), values.end(), more[0]);
  } else {
    std::copy(more.begin(), more.end(), values.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

}  // namespace

template <class R>
bool Joined<R>::suits(const Parts& parts) {
  const Network<R>& network = parts.network;
  return !parts.ranks && network.elements() <= most_elements && !network.nodes.empty() &&
         parts.regulations.empty() && parts.recorders.weights.empty() &&
         (network.now > 0 || parts.flight.stamps.empty()) &&
         std::ranges::none_of(network.projections,
                              [](const auto& p) { return p.rule || p.step > 0; }) &&
         std::ranges::none_of(network.nodes,
                              [](const auto& n) { return n.neurons && n.neurons->program(); });
}

template <class R>
bool Joined<R>::alike(const Parts& a, const Parts& b) {
  const auto nodes = [](const Node<R>& x, const Node<R>& y) {
    return x.neurons ? y.neurons && x.neurons->joins(*y.neurons)
                     : !y.neurons && x.events.has_value() == y.events.has_value();
  };
  const auto projections = [](const Projection<R>& x, const Projection<R>& y) {
    return x.pre == y.pre && x.post == y.post && x.receptor == y.receptor && x.born == y.born;
  };
  const auto samples = [](const StateRecorder<R>& x, const StateRecorder<R>& y) {
    return x.population == y.population && x.state == y.state && x.every == y.every &&
           x.before_reset == y.before_reset && x.window == y.window;
  };
  return a.network.dt == b.network.dt && a.network.now == b.network.now &&
         std::ranges::equal(a.network.nodes, b.network.nodes, nodes) &&
         std::ranges::equal(a.network.projections, b.network.projections, projections) &&
         std::ranges::equal(a.recorders.states, b.recorders.states, samples);
}

template <class R>
Joined<R>::Joined(std::span<Parts* const> networks)
    : network_(networks[0]->network.dt, 0, 1, nullptr),
      layout_(network_, true),
      loop_(network_, layout_, recorders_, flight_, nullptr, false) {
  for (Parts* parts : networks) {
    members_.push_back({parts, parts->network.edition});
  }
  network_.now = networks[0]->network.now;
  join_nodes();
  join_synapses();
  join_recorders();
  network_.agree();
  layout_.build();
  for (Projection<R>& projection : network_.projections) {
    projection.table.reset();
  }
  layout_.bind(recorders_);
}

template <class R>
bool Joined<R>::has(const Parts& network) const {
  return std::ranges::any_of(members_, [&](const Member& member) {
    return member.parts == &network && member.edition == network.network.edition;
  });
}

template <class R>
bool Joined<R>::joins(std::span<Parts* const> networks) const {
  return std::ranges::equal(members_, networks, {}, &Member::parts);
}

template <class R>
bool Joined<R>::fits(std::span<Parts* const> networks) const {
  const auto same = [&](const Member& member, const Parts* parts) {
    // One that has been destroyed, and another one in its place, have not run with this.
    return member.parts == parts && parts->joined.get() == this &&
           member.edition == parts->network.edition &&
           parts->recorders.states.size() == recorders_.states.size() &&
           std::ranges::none_of(parts->recorders.spikes, [&](const SpikeRecorder& recorder) {
             return recorded_[recorder.population()] == no_recorder;
           });
  };
  return std::ranges::equal(members_, networks, same);
}

template <class R>
void Joined<R>::fetch(const Parts& network, int stage) const {
  if (&network != members_[0].parts) {
    return;
  }
  layout_.fetch(stage);
  for (const JoinedDraws<R>* draws : draws_) {
    draws->fetch(stage);
  }
}

template <class R>
void Joined<R>::join_nodes() {
  for (std::size_t k = 0; k < members_[0].parts->network.nodes.size(); ++k) {
    std::vector<std::uint32_t>& owner = owner_.emplace_back();
    std::uint32_t n = 0;
    for (std::size_t m = 0; m < members_.size(); ++m) {
      members_[m].first.push_back(n);
      n += padded(members_[m].parts->network.nodes[k]);
      owner.resize(n / block_size, static_cast<std::uint32_t>(m));
    }
    Node<R> node;
    node.size = n;
    node.first_gid = network_.elements();
    network_.add(std::move(node));
    renew_node(k);
  }
}

template <class R>
void Joined<R>::renew(bool untouched) {
  // Whatever changes a network's spikes in flight moves its clock, or changes its edition.
  const Step now = members_[0].parts->network.now;
  const bool goes_on = std::exchange(whole_, false) && network_.now == now;
  if (!untouched || !goes_on || !std::ranges::all_of(network_.nodes, [&](const Node<R>& node) {
        return !node.neurons || node.neurons->goes_on(now);
      })) {
    network_.now = now;
    draws_.clear();
    network_.inputs.clear();
    for (std::size_t k = 0; k < network_.nodes.size(); ++k) {
      renew_node(k);
      renew_inputs(k);
    }
    layout_.bind_inputs();
  }
  if (!goes_on) {
    renew_flight();
    layout_.resume(flight_);
  }
  for (std::size_t s = 0; s < recorders_.states.size(); ++s) {
    recorders_.states[s].window = members_[0].parts->recorders.states[s].window;
  }
}

template <class R>
void Joined<R>::renew_node(std::size_t k) {
  std::vector<const Population<R>*> neurons;
  std::vector<PoissonSource::Part> poisson;
  std::vector<Step> stamps;
  std::vector<std::uint32_t> elements;
  for (const Member& member : members_) {
    const Node<R>& node = member.parts->network.nodes[k];
    const std::uint32_t first = member.first[k];
    if (node.neurons) {
      neurons.push_back(node.neurons.get());
    } else if (node.poisson) {
      poisson.push_back({&*node.poisson, first, first + padded(node)});
    } else {
      const std::span<const Step> all = node.events->stamps();
      const auto past =
          static_cast<std::size_t>(std::ranges::lower_bound(all, network_.now) - all.begin());
      stamps.insert(stamps.end(), all.begin() + static_cast<std::ptrdiff_t>(past), all.end());
      for (const std::uint32_t element : node.events->elements().subspan(past)) {
        elements.push_back(first + element);
      }
    }
  }
  Node<R>& node = network_.nodes[k];
  if (!neurons.empty()) {
    node.neurons = Population<R>::joined(neurons, node.first_gid, network_.now);
  } else if (!poisson.empty()) {
    node.poisson.emplace(std::move(poisson));
  } else {
    node.events.emplace(std::move(stamps), std::move(elements));
  }
}

// Of one target, in the order in which its own network's inputs act: those before a step, those
// that the step draws, and those after it.
template <class R>
void Joined<R>::renew_inputs(std::size_t k) {
  const std::size_t n = network_.nodes[k].size;
  const auto join = [&]<class Kind>(Act act, bool drawn, auto&& add) {
    std::unique_ptr<Kind> joined;
    for (const Member& member : members_) {
      for (const auto& [number, input] : member.parts->network.inputs) {
        Injector<R>& each = *input.injector;
        if (input.population == k && each.act() == act && each.drawn_in_step() == drawn &&
            each.window(network_.now).end > network_.now) {
          if (!joined) {
            joined = std::make_unique<Kind>(n, act);
          }
          add(*joined, each, member);
        }
      }
    }
    if (joined) {
      [[maybe_unused]] const Kind* made = joined.get();
      network_.inputs.insert_or_assign(
          static_cast<std::uint32_t>(network_.inputs.size()),
          Input<R>{.population = k, .streams = {}, .injector = std::move(joined)});
      if constexpr (std::is_same_v<Kind, JoinedDraws<R>>) {
        draws_.push_back(made);
      }
    }
  };
  const auto applied = [&](JoinedInput<R>& joined, Injector<R>& input, const Member& member) {
    joined.add(input, member.first[k], padded(member.parts->network.nodes[k]));
  };
  const auto drawn = [&](JoinedDraws<R>& joined, Injector<R>& input, const Member& member) {
    joined.add(input, member.first[k]);
  };
  join.template operator()<JoinedInput<R>>(Act::current, false, applied);
  join.template operator()<JoinedInput<R>>(Act::early, false, applied);
  join.template operator()<JoinedDraws<R>>(Act::early, true, drawn);
  join.template operator()<JoinedDraws<R>>(Act::late, true, drawn);
  join.template operator()<JoinedInput<R>>(Act::late, false, applied);
}

template <class R>
void Joined<R>::join_synapses() {
  for (std::size_t p = 0; p < members_[0].parts->network.projections.size(); ++p) {
    SynapseTable<R> all;
    std::vector<std::uint64_t> row = {0};
    const Projection<R>& like = members_[0].parts->network.projections[p];
    for (const Member& member : members_) {
      Projection<R>& projection = member.parts->network.projections[p];
      SynapseTable<R> own;  // drawn, or read from the stores
      if (!projection.table) {
        own = projection.drawing ? projection.drawing->table(1)
                                 : member.parts->access.synapses(projection);
      }
      const SynapseTable<R>& table = projection.table ? *projection.table : own;
      const std::size_t before = all.size();
      for (std::size_t i = 1; i < table.row.size(); ++i) {
        row.push_back(before + table.row[i]);
      }
      const auto& nodes = member.parts->network.nodes;
      row.resize(member.first[like.pre] + padded(nodes[like.pre]) + 1, row.back());
      all.post.resize(before + table.size());
      std::ranges::transform(table.post, all.post.begin() + static_cast<std::ptrdiff_t>(before),
                             [first = member.first[like.post]](auto j) { return first + j; });
      append<R>(all.weight, table.weight, before, table.size());
      append<std::uint16_t>(all.delay, table.delay, before, table.size());
    }
    all.row = std::move(row);
    network_.connect(like.pre, like.post, std::move(all), like.receptor, {}, like.born, {});
  }
}

template <class R>
void Joined<R>::join_recorders() {
  recorded_.assign(network_.nodes.size(), no_recorder);
  for (const Member& member : members_) {
    for (const SpikeRecorder& recorder : member.parts->recorders.spikes) {
      std::size_t& number = recorded_[recorder.population()];
      if (number == no_recorder) {
        number = recorders_.spikes.size();
        recorders_.spikes.emplace_back(recorder.population());
      }
    }
  }
  const auto& states = members_[0].parts->recorders.states;
  for (std::size_t s = 0; s < states.size(); ++s) {
    StateRecorder<R>& joined = recorders_.states.emplace_back();
    joined.population = states[s].population;
    joined.state = states[s].state;
    joined.every = states[s].every;
    joined.before_reset = states[s].before_reset;
    for (Member& member : members_) {
      member.columns.push_back(joined.elements.size());
      for (const std::uint32_t element : member.parts->recorders.states[s].elements) {
        joined.elements.push_back(member.first[joined.population] + element);
      }
    }
  }
}

template <class R>
void Joined<R>::renew_flight() {
  flight_ = {};
  std::vector<std::pair<Step, Gid>> spikes;
  for (const Member& member : members_) {
    const SpikesInFlight& own = member.parts->flight;
    const auto& nodes = member.parts->network.nodes;
    for (std::size_t s = 0; s < own.stamps.size(); ++s) {
      std::size_t k = 0;
      while (own.gids[s] - nodes[k].first_gid >= nodes[k].size) {
        ++k;
      }
      spikes.emplace_back(own.stamps[s], network_.nodes[k].first_gid + member.first[k] +
                                             (own.gids[s] - nodes[k].first_gid));
    }
  }
  std::ranges::sort(spikes);
  for (const auto& [stamp, gid] : spikes) {
    flight_.add({&gid, 1}, stamp);
  }
}

template <class R>
bool Joined<R>::run(Step end, const Poll& poll, bool untouched) {
  forget_run();  // another one may have failed half-way
  renew(untouched);
  recorders_.allot(network_.now, end);
  const bool stopped = loop_.run(end, poll, {}, 1);
  part_spikes();
  whole_ = true;
  return stopped;
}

template <class R>
template <class Get>
void Joined<R>::part(std::size_t n, Parted& parted, Get&& spike) const {
  // Each end is a begin until all spikes are there.
  parted.ends.assign(members_.size() + 1, 0);
  for (std::size_t s = 0; s < n; ++s) {
    ++parted.ends[spike(s).member + 1];
  }
  std::partial_sum(parted.ends.begin(), parted.ends.end(), parted.ends.begin());
  parted.stamps.resize(n);
  parted.elements.resize(n);
  for (std::size_t s = 0; s < n; ++s) {
    const auto [member, stamp, element] = spike(s);
    const std::size_t at = parted.ends[member]++;
    parted.stamps[at] = stamp;
    parted.elements[at] = element;
  }
}

// Parts the spikes that recorders of members may want, and those that are in flight.
template <class R>
void Joined<R>::part_spikes() {
  spikes_.resize(recorders_.spikes.size());
  for (std::size_t r = 0; r < recorders_.spikes.size(); ++r) {
    const std::size_t k = recorders_.spikes[r].population();
    const auto log = recorders_.spikes[r].share();
    part(log->stamps.size(), spikes_[r], [&](std::size_t s) {
      const std::size_t m = owner(k, log->elements[s]);
      return Spike{m, log->stamps[s], log->elements[s] - members_[m].first[k]};
    });
  }
  flight_.forget(network_.now - network_.longest_delay());
  part(flight_.stamps.size(), in_flight_, [&](std::size_t s) {
    std::size_t k = 0;
    while (flight_.gids[s] - network_.nodes[k].first_gid >= network_.nodes[k].size) {
      ++k;
    }
    const Gid element = flight_.gids[s] - network_.nodes[k].first_gid;
    const std::size_t m = owner(k, element);
    const Member& member = members_[m];
    return Spike{m, flight_.stamps[s],
                 member.parts->network.nodes[k].first_gid + (element - member.first[k])};
  });
}

template <class R>
void Joined<R>::give_back(std::size_t m) {
  const Member& member = members_[m];
  Parts& parts = *member.parts;
  Network<R>& network = parts.network;
  for (SpikeRecorder& recorder : parts.recorders.spikes) {
    const Parted& spikes = spikes_[recorded_[recorder.population()]];
    recorder.note_all(spikes.stamps_of(m), spikes.elements_of(m));
  }
  for (std::size_t s = 0; s < recorders_.states.size(); ++s) {
    StateRecorder<R>& to = parts.recorders.states[s];
    const StateRecorder<R>& from = recorders_.states[s];
    for (std::size_t row = 0; row < from.stamps.size(); ++row) {
      std::copy_n(from.values.data() + row * from.elements.size() + member.columns[s],
                  to.elements.size(), to.row(from.stamps[row]));
    }
  }
  for (std::size_t k = 0; k < network.nodes.size(); ++k) {
    if (network.nodes[k].neurons) {
      network.nodes[k].neurons->take(*network_.nodes[k].neurons, member.first[k], network_.now);
    }
  }
  network.now = network_.now;
  const auto stamps = in_flight_.stamps_of(m);
  const auto gids = in_flight_.elements_of(m);
  parts.flight.stamps.assign(stamps.begin(), stamps.end());
  parts.flight.gids.assign(gids.begin(), gids.end());
  parts.behind = true;
}

template <class R>
void Joined<R>::forget_run() {
  constexpr std::size_t few = 65536;  // what they take is needed again
  recorders_.clear();
  for (Parted& parted : spikes_) {
    if (parted.stamps.capacity() > few) {
      parted = {};
    }
  }
}

template class Joined<float>;
template class Joined<double>;

}  // namespace spikelet
