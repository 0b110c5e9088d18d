#include "spikelet/network/network.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "core/text.hpp"
#include "spikelet/core/event_rule.hpp"

namespace spikelet {
namespace {

// The parameters of the synapses onto these targets.
template <class R>
std::shared_ptr<const SynapseParameters> restricted(const Plasticity& rule,
                                                    const SynapseTable<R>& table, Range own) {
  const bool may = rule.info().short_term || rule.events != nullptr;
  if (!may || rule.varied->size() != rule.parameters.size()) {
    throw std::invalid_argument(std::string(rule.info().name) +
                                ": parameters must be single numbers, not one for each synapse");
  }
  auto kept = std::make_shared<SynapseParameters>(rule.varied->size());
  for (std::size_t c = 0; c < kept->size(); ++c) {
    const std::vector<double>& values = (*rule.varied)[c];
    if (!values.empty() && values.size() != table.size()) {
      const std::string_view name = rule.events ? "a parameter" : rule.info().parameters[c];
      throw std::invalid_argument(std::string(name) + " must have " + std::to_string(table.size()) +
                                  " values, one for each synapse" + ", got " +
                                  std::to_string(values.size()));
    }
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (own.contains(table.post[k])) {
        (*kept)[c].push_back(values[k]);
      }
    }
  }
  return kept;
}

}  // namespace

template <class R>
Network<R>::Network(double dt_, std::uint64_t seed_, int threads_, Communicator* ranks)
    : dt(dt_), seed(seed_), threads(threads_), ranks_(ranks) {}

template <class R>
Range Network<R>::own(std::size_t node) const {
  return own_range(node, nodes[node].size, ranks_ ? ranks_->rank() : 0,
                   ranks_ ? ranks_->size() : 1);
}

template <class R>
Node<R> Network<R>::make_node(std::size_t n) const {
  if (n > 0xffffffffu - gids_ - 2 * block_size) {
    throw std::length_error("a network must have at most 2^32 neurons and sources");
  }
  Node<R> node;
  node.size = n;
  node.first_gid = gids_;
  return node;
}

template <class R>
std::size_t Network<R>::add(Node<R>&& node) {
  nodes.push_back(std::move(node));
  gids_ += static_cast<Gid>(nodes.back().size);
  changed = true;
  ++edition;
  return nodes.size() - 1;
}

template <class R>
std::size_t Network<R>::add_neurons(std::size_t model, std::size_t n,
                                    const ParameterValues& parameters, bool subtract) {
  Node<R> node = make_node(n);
  const Range owned =
      own_range(nodes.size(), n, ranks_ ? ranks_->rank() : 0, ranks_ ? ranks_->size() : 1);
  node.neurons =
      std::make_unique<Population<R>>(model, n, owned, node.first_gid, dt, parameters, subtract);
  node.neurons->rebase(now);
  return add(std::move(node));
}

template <class R>
std::size_t Network<R>::add_program(std::shared_ptr<const Program> program, std::size_t n,
                                    const ProgramValues& values) {
  Node<R> node = make_node(n);
  const Range owned =
      own_range(nodes.size(), n, ranks_ ? ranks_->rank() : 0, ranks_ ? ranks_->size() : 1);
  node.neurons =
      std::make_unique<Population<R>>(std::move(program), n, owned, node.first_gid, dt, values);
  node.neurons->rebase(now);
  return add(std::move(node));
}

template <class R>
std::size_t Network<R>::add_events(std::size_t n, std::vector<Step> stamps,
                                   std::vector<std::uint32_t> elements) {
  Node<R> node = make_node(n);
  node.events.emplace(std::move(stamps), std::move(elements));
  return add(std::move(node));
}

template <class R>
std::size_t Network<R>::add_poisson(std::size_t n, std::span<const double> rates) {
  Node<R> node = make_node(n);
  node.poisson.emplace(n, seed, static_cast<std::uint32_t>(nodes.size()));
  node.poisson->set_rates(rates, dt);
  return add(std::move(node));
}

template <class R>
Node<R>& Network<R>::neurons_at(std::size_t population) {
  if (population >= nodes.size() || !nodes[population].neurons) {
    throw std::invalid_argument("an input must act on neurons, and population " +
                                std::to_string(population) + " has none");
  }
  return nodes[population];
}

template <class R>
void Network<R>::check_ends(const SynapseTable<R>& table, std::size_t pre, std::size_t post,
                            std::optional<Step> born) const {
  if (pre >= nodes.size() || post >= nodes.size() || !nodes[post].neurons) {
    throw std::invalid_argument(
        "synapses must lead from a population of the network to one of neurons");
  }
  if (table.row.size() != nodes[pre].size + 1) {
    throw std::invalid_argument("synapses must have one row for each source");
  }
  const std::size_t targets = nodes[post].size;
  if (std::any_of(table.post.begin(), table.post.end(), [&](auto j) { return j >= targets; })) {
    throw std::invalid_argument("targets must be elements of the target population");
  }
  if (std::any_of(table.delay.begin(), table.delay.end(), [](auto d) { return d == 0; })) {
    throw std::invalid_argument("delays must be at least one step");
  }
  if (born && (*born < -1 || *born > now)) {
    throw std::invalid_argument("born must be -1 or a step that has passed, got " +
                                std::to_string(*born));
  }
}

template <class R>
void Network<R>::check(const SynapseTable<R>& table, std::size_t post, Receptor receptor,
                       const std::optional<Plasticity>& rule) const {
  const Ends ends = nodes[post].neurons->receptors().ends(receptor);
  const bool magnitudes = ends.magnitude && !ends.by_sign();
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (rule) {
    const auto bounds = rule->info().bounds(rule->parameters.data());
    low = bounds[0];
    high = bounds[1];
  }
  if (rule && ends.early() && !rule->tie_potentiates) {
    for (const std::uint16_t d : table.delay) {
      if (dendritic_part(d, rule->axonal_fraction) == 0) {
        throw std::invalid_argument(
            "axonal_fraction must leave at least one step of each delay dendritic where "
            "coincidence = \"ignore\" and synapses act on V_m at once, got " +
            text(rule->axonal_fraction));
      }
    }
  }
  for (const R w : table.weight) {
    if (!std::isfinite(w)) {
      throw std::invalid_argument("weight must be finite, got " + std::to_string(w));
    }
    if (magnitudes && w < 0) {
      throw std::invalid_argument(
          "weight must be >= 0 if receptor= is given, because weights are then magnitudes, got " +
          std::to_string(w));
    }
    if (!(w >= static_cast<R>(low) && w <= static_cast<R>(high))) {
      throw std::invalid_argument("weight must lie in [w_min, w_max] = [" + text(low) + ", " +
                                  text(high) + "] of its plasticity, got " + text(w));
    }
  }
}

template <class R>
Projection<R> Network<R>::make_projection(std::size_t pre, std::size_t post, std::size_t size,
                                          Receptor receptor, std::optional<Step> born) const {
  Projection<R> projection;
  projection.pre = pre;
  projection.post = post;
  projection.size = size;
  projection.receptor = receptor;
  projection.born = born.value_or(now == 0 ? -1 : now);
  return projection;
}

template <class R>
std::size_t Network<R>::add(Projection<R>&& projection) {
  const Projection<R>& added = projections.emplace_back(std::move(projection));
  if (added.step > 0) {
    sum_steps_.add(added.post, feed_of(added).ends, added.step);
  }
  changed = true;
  ++edition;
  return projections.size() - 1;
}

template <class R>
double Network<R>::weight_step(const WeightBits& bits, double low, double high, std::size_t pre,
                               std::size_t post, Receptor receptor, bool fixed) const {
  const Ends ends = nodes[post].neurons->receptors().ends(receptor);
  return grid_of(bits, {low, high, post, ends, fixed, nodes[pre].neurons != nullptr}, sum_steps_);
}

template <class R>
std::size_t Network<R>::connect(std::size_t pre, std::size_t post, SynapseTable<R> table,
                                Receptor receptor, const std::optional<Plasticity>& rule,
                                std::optional<Step> born, std::function<std::size_t()> total,
                                WeightBits bits) {
  if (ranks_ && !total) {
    total = [n = table.size()] { return n; };
  }
  check_ends(table, pre, post, born);
  check(table, post, receptor, rule);  // all of it, so that all processes report what is wrong
  std::optional<Plasticity> own_rule = rule;
  if (rule && rule->varied) {
    own_rule->varied = restricted(*rule, table, own(post));
  }
  if (own_rule) {
    own_rule->seed = seed;
  }
  for (std::size_t k = 0;
       own_rule && own_rule->events && k < own_rule->events->parts().reads.size(); ++k) {
    const std::size_t read = own_rule->events->parts().reads[k].state;
    for (const auto& [channel, state] : nodes[post].neurons->receptors().late()) {
      if (static_cast<std::size_t>(state) == read) {
        throw std::invalid_argument(
            "on_pre must read states that no spikes are added to: other spikes arrive at that "
            "time");
      }
    }
  }
  const auto [least, most] = std::ranges::minmax_element(table.weight);
  const double step = table.weight.empty()
                          ? weight_step(bits, 0, 0, pre, post, receptor, !rule)
                          : weight_step(bits, *least, *most, pre, post, receptor, !rule);
  if (step > 0) {
    std::ranges::transform(table.weight, table.weight.begin(),
                           [&](R w) { return static_cast<R>(on_grid(w, step)); });
  }
  table.restrict_to(own(post));
  Projection<R> projection = make_projection(pre, post, table.size(), receptor, born);
  projection.step = step;
  projection.rule = std::move(own_rule);
  projection.total = std::move(total);
  if (!table.delay.empty()) {
    const auto [lo, hi] = std::minmax_element(table.delay.begin(), table.delay.end());
    projection.shortest = *lo;
    projection.longest = *hi;
  }
  projection.table = std::move(table);
  if (!rule) {
    return add(std::move(projection));
  }
  if (rule->info().modulated) {
    const auto& p = rule->parameters;
    projection.reward = std::make_unique<RewardSignal>(dt, p[reward_tau], p[reward_tau_eligibility],
                                                       p[reward_baseline]);
  }
  for (std::size_t k = 0; k < projection.size; ++k) {
    projection.initial_weights.push_back(projection.table->weight_of(k));
  }
  const TableFacts facts(*projection.table, own(post), nodes[post].size);
  if (ranks_) {
    projection.facts = facts;
  } else {
    choose_plastic_layout(projection, facts);
  }
  return add(std::move(projection));
}

template <class R>
std::size_t Network<R>::connect(std::size_t pre, std::size_t post, Drawing<R> drawing,
                                Receptor receptor, const std::optional<Plasticity>& rule,
                                WeightBits bits) {
  const Ends ends = nodes[post].neurons->receptors().ends(receptor);
  const bool magnitudes = ends.magnitude && !ends.by_sign();
  const double most = std::numeric_limits<R>::max();
  // A table puts the synapses of negative weight last among those of a pair, and so do stores that
  // keep receptors apart.
  const auto [low, high] = drawing.weights();
  const double step = weight_step(bits, low, high, pre, post, receptor, !rule);
  drawing.round_weights(step);
  std::function<std::size_t()> total;
  if (ranks_ && drawing.counts_by_drawing()) {  // the caller pays for the count
    total = [known = std::optional<std::size_t>{}, shared = std::make_shared<Drawing<R>>(drawing),
             n = threads]() mutable {
      known = known ? *known : shared->total(n);
      return *known;
    };
  } else if (ranks_) {
    total = [n = drawing.total(1)] { return n; };
  }
  if (rule || (low < 0 && high > 0 && !ends.by_sign()) ||
      !drawing.deferrable(magnitudes ? 0.0 : -most, most)) {
    drawing.require_memory(
        4.0 + (rule || drawing.draws_weights() ? sizeof(R) : 0) + (drawing.draws_delays() ? 2 : 0),
        promised);
    if (step > 0) {  // no value of the table may choose another one
      bits.largest = step * most_grid_steps;
    }
    return connect(pre, post, drawing.table(threads), receptor, rule, {}, std::move(total), bits);
  }
  // At least a target of 2 bytes, and a weight where it is not that of all.
  const double bytes = drawing.require_memory(
      step == 0 && drawing.draws_weights() ? 2.0 + sizeof(R) : 2.0, promised);
  const auto [shortest, longest] = drawing.delays();
  Projection<R> projection = make_projection(pre, post, drawing.size(), receptor, {});
  projection.shortest = shortest;
  projection.longest = longest;
  projection.total = std::move(total);
  projection.step = step;
  projection.drawing = std::move(drawing);
  const std::size_t index = add(std::move(projection));
  promised += bytes;
  return index;
}

template <class R>
std::uint32_t Network<R>::inject(std::size_t population,
                                 std::optional<std::span<const std::uint32_t>> elements,
                                 const MakeInjector<R>& make, const InputKey& key) {
  constexpr std::uint32_t most = 1u << 24;  // the numbers of a purpose
  const Node<R>& node = neurons_at(population);
  const auto found = key.number ? inputs.find(*key.number) : inputs.end();
  std::vector<std::uint32_t> kept = key.streams             ? *key.streams
                                    : found == inputs.end() ? std::vector<std::uint32_t>{}
                                                            : found->second.streams;
  InputSite site{Targets(node.size, own(population), elements),
                 node.neurons->receptors(),
                 dt,
                 seed,
                 kept,
                 !kept.empty()};
  while (site.streams.size() < max_streams) {
    site.streams.push_back(kept.empty() ? streams + static_cast<std::uint32_t>(site.streams.size())
                                        : kept[0]);
  }
  Input<R> input{population, kept, make(site)};
  if (kept.empty()) {
    const std::size_t count = input.injector->streams();
    if (count > most - streams) {
      throw std::length_error("a network must have at most 2^24 inputs with random numbers");
    }
    input.streams.assign(site.streams.begin(),
                         site.streams.begin() + static_cast<std::ptrdiff_t>(count));
  }
  const std::uint32_t number = key.number.value_or(input.streams[0]);
  const auto count = static_cast<std::uint32_t>(input.streams.size());
  inputs.insert_or_assign(number, std::move(input));
  if (kept.empty()) {
    streams += count;
  }
  inputs_changed = true;
  return number;
}

template <class R>
void Network<R>::remove_input(std::uint32_t number) {
  inputs.erase(number);
  inputs_changed = true;
}

template <class R>
Feed<R> Network<R>::feed_of(const Projection<R>& projection) const {
  Feed<R> feed;
  feed.pre_gid = nodes[projection.pre].first_gid;
  feed.sources = static_cast<std::uint32_t>(nodes[projection.pre].size);
  feed.ends = nodes[projection.post].neurons->receptors().ends(projection.receptor);
  feed.one_channel = projection.one_channel;
  feed.step = projection.step;
  return feed;
}

template <class R>
const SynapseTable<R>& Network<R>::table_of(Projection<R>& projection) const {
  if (!projection.table) {
    projection.table = projection.drawing->table(threads);
    projection.drawing.reset();
  }
  return *projection.table;
}

// From what no later change of weights undoes.
template <class R>
void Network<R>::choose_plastic_layout(Projection<R>& projection, const TableFacts& facts) const {
  const Plasticity& rule = *projection.rule;
  const Feed<R> feed = feed_of(projection);
  const auto [low, high] = rule.info().bounds(rule.parameters.data());
  if (low >= 0 || high <= 0) {
    projection.one_channel = feed.channel_of(static_cast<R>(low >= 0 ? 1 : -1));
  } else if (!feed.ends.by_sign()) {
    projection.one_channel = feed.channel_of(R(1));
  } else if (rule.info().keeps_sign && facts.up() != facts.down()) {
    projection.sign = facts.up() ? 1 : -1;
    projection.one_channel = feed.channel_of(static_cast<R>(projection.sign));
  }
  projection.one_delay = facts.delay();
  projection.layout =
      choose_layout(rule, facts.one_delay(), facts.full_rows(), projection.one_channel >= 0,
                    facts.few_by_delay(), facts.longest_delay());
}

template <class R>
std::vector<R> Network<R>::initial_state(std::size_t population, std::size_t state) const {
  const Node<R>& node = nodes[population];
  return node.initial.empty() ? node.neurons->raw_state(state) : node.initial[state];
}

template <class R>
void Network<R>::set_initial_state(std::size_t population, std::size_t state,
                                   std::vector<R> values) {
  Node<R>& node = neurons_at(population);
  if (state >= node.neurons->state_count() ||
      (values.size() != node.size && values.size() != node.neurons->raw_state(state).size())) {
    throw std::invalid_argument("initial states must have one value for each neuron");
  }
  node.initial.resize(node.neurons->state_count());
  if (values.size() == node.size) {  // of all processes
    const Range part = own(population);
    const auto at = [&](std::size_t i) {
      return values.begin() + static_cast<std::ptrdiff_t>(std::min(i, node.size));
    };
    values = std::vector<R>(at(part.begin), at(part.end));
  }
  node.initial[state] = std::move(values);
}

template <class R>
typename Network<R>::InitialStates Network<R>::initial_states() const {
  InitialStates all;
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const Node<R>& node = nodes[k];
    if (!node.neurons || node.initial.size() >= node.neurons->state_count()) {
      continue;
    }
    std::vector<std::vector<R>> states = node.initial;
    while (states.size() < node.neurons->state_count()) {
      states.push_back(node.neurons->raw_state(states.size()));
    }
    all.emplace_back(k, std::move(states));
  }
  return all;
}

template <class R>
void Network<R>::keep(InitialStates&& states) noexcept {
  for (auto& [k, of_node] : states) {
    nodes[k].initial = std::move(of_node);
  }
}

template <class R>
void Network<R>::restart(Step at, Step born) {
  now = at;
  ++edition;
  kernels_due = at;
  // Synapses created at different times have different stores, whose sums are added one after the
  // other. From now on all are as old.
  const auto first = std::ranges::find_if(projections, [](const auto& p) { return !p.rule; });
  changed = changed || std::any_of(first, projections.end(), [&](const Projection<R>& p) {
              return !p.rule && p.born != first->born;
            });
  inputs_changed = true;  // some that were over may be to come
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    if (Population<R>* neurons = nodes[k].neurons.get()) {
      for (std::size_t s = 0; s < neurons->state_count(); ++s) {
        neurons->set_raw_state(s, initial_state(k, s));
      }
      neurons->set_held(std::vector<std::int32_t>(nodes[k].size, 0), at);
    }
  }
  for (Projection<R>& projection : projections) {
    projection.plastic.reset();
    projection.born = born;
    if (projection.reward) {
      projection.reward->clear();
    }
  }
}

template <class R>
Step Network<R>::longest_delay() const {
  Step longest = std::max(agreed_longest, longest_signal);
  for (const Projection<R>& projection : projections) {
    longest = std::max(longest, projection.longest);
  }
  return longest;
}

template class Network<float>;
template class Network<double>;

}  // namespace spikelet
