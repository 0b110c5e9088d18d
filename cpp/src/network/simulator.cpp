// Building a network.
#include "spikelet/network/simulator.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace spikelet {
namespace {

std::string number(double x) {
  std::ostringstream text;
  text << x;
  return text.str();
}

}  // namespace

template <class R>
Simulator<R>::Simulator(double dt, std::uint64_t seed, int threads, bool adapt,
                        std::unique_ptr<Communicator> ranks)
    : dt_(dt), seed_(seed), threads_(threads), adapt_(adapt), ranks_(std::move(ranks)) {
  if (ranks_) {
    exchange_ = std::make_unique<SpikeExchange>(*ranks_);
  }
}

template <class R>
Simulator<R>::~Simulator() = default;

template <class R>
Range Simulator<R>::own(std::size_t population) const {
  return own_range(population, nodes_[population].size, ranks_ ? ranks_->rank() : 0,
                   ranks_ ? ranks_->size() : 1);
}

template <class R>
void Simulator<R>::require_idle() const {
  if (busy_) {
    throw std::logic_error("the network is running in another thread");
  }
}

template <class R>
Simulator<R>::Use::Use(std::atomic<bool>& busy) : busy_(busy) {
  if (busy_.exchange(true)) {
    throw std::logic_error("the network is running in another thread");
  }
}

template <class R>
auto Simulator<R>::add_node(std::size_t n) -> Node& {
  require_idle();
  if (n > 0xffffffffu - sources_ - 2 * block_size) {
    throw std::length_error("a network holds at most 2^32 elements");
  }
  Node& node = nodes_.emplace_back();
  node.size = n;
  node.first_gid = sources_;
  sources_ += static_cast<Gid>(n);
  dirty_ = true;
  return node;
}

template <class R>
std::size_t Simulator<R>::add_neurons(std::size_t model, std::size_t n,
                                      const ParameterValues& parameters, bool subtract) {
  Node& node = add_node(n);
  node.neurons = std::make_unique<Population<R>>(model, n, own(nodes_.size() - 1), node.first_gid,
                                                 dt_, parameters, subtract);
  node.neurons->rebase(now_);
  return nodes_.size() - 1;
}

template <class R>
std::size_t Simulator<R>::add_events(std::size_t n, std::vector<Step> stamps,
                                     std::vector<std::uint32_t> elements) {
  add_node(n).events.emplace(std::move(stamps), std::move(elements));
  return nodes_.size() - 1;
}

template <class R>
std::size_t Simulator<R>::add_poisson(std::size_t n, std::span<const double> rates) {
  Node& node = add_node(n);
  node.poisson.emplace(n, seed_, static_cast<std::uint32_t>(nodes_.size() - 1));
  node.poisson->set_rates(rates, dt_);
  return nodes_.size() - 1;
}

template <class R>
std::size_t Simulator<R>::connect(std::size_t pre, std::size_t post, SynapseTable<R> table,
                                  Receptor receptor, const std::optional<Plasticity>& rule,
                                  std::optional<Step> born, std::function<std::size_t()> total) {
  require_idle();
  if (ranks_ && !total) {
    total = [n = table.size()] { return n; };
  }
  const bool magnitudes =
      nodes_[post].neurons->model().conductance && receptor != Receptor::by_sign;
  double low = -std::numeric_limits<double>::infinity(), high = -low;
  if (rule) {
    const auto bounds = rule->info().bounds(rule->parameters.data());
    low = bounds[0];
    high = bounds[1];
    if (nodes_[post].neurons->model().early() && !rule->tie_potentiates) {
      for (const std::uint16_t d : table.delay) {
        if (dendritic_part(d, rule->axonal_fraction) == 0) {
          throw std::invalid_argument(
              "axonal_fraction must leave at least one step of each delay dendritic where "
              "coincidence = \"ignore\" and synapses act on V_m at once, got " +
              number(rule->axonal_fraction));
        }
      }
    }
  }
  for (const R w : table.weight) {
    if (!std::isfinite(w)) {
      throw std::invalid_argument("weight must be finite, got " + std::to_string(w));
    }
    if (magnitudes && w < 0) {
      throw std::invalid_argument("weight must be >= 0 nS where receptor= names one, got " +
                                  std::to_string(w));
    }
    if (!(w >= static_cast<R>(low) && w <= static_cast<R>(high))) {
      throw std::invalid_argument("weight must lie in [w_min, w_max] = [" + number(low) + ", " +
                                  number(high) + "] of its plasticity, got " + number(w));
    }
  }
  table.restrict_to(own(post));  // what is wrong with lists was told on all processes by now
  Projection& projection = add_projection(pre, post, table.size(), receptor, born);
  projection.rule = rule;
  if (rule && rule->info().modulated) {
    const auto& p = rule->parameters;
    projection.reward = std::make_unique<RewardSignal>(
        dt_, p[reward_tau], p[reward_tau_eligibility], p[reward_baseline]);
  }
  if (!table.delay.empty()) {
    const auto [lo, hi] = std::minmax_element(table.delay.begin(), table.delay.end());
    projection.shortest = *lo;
    projection.longest = *hi;
  }
  if (rule) {
    for (std::size_t k = 0; k < table.size(); ++k) {
      projection.initial_weights.push_back(table.weight_of(k));
    }
  }
  projection.total = std::move(total);
  projection.table = std::move(table);
  if (rule) {
    const TableFacts facts(*projection.table, own(post), nodes_[post].size);
    if (ranks_) {
      projection.facts = facts;
    } else {
      choose_storage(projection, facts);
    }
  }
  dirty_ = true;
  return projections_.size() - 1;
}

template <class R>
auto Simulator<R>::add_projection(std::size_t pre, std::size_t post, std::size_t size,
                                  Receptor receptor, std::optional<Step> born) -> Projection& {
  Projection& projection = projections_.emplace_back();
  projection.pre = pre;
  projection.post = post;
  projection.size = size;
  projection.receptor = receptor;
  projection.born = born.value_or(now_ == 0 ? -1 : now_);
  dirty_ = true;
  return projection;
}

template <class R>
std::size_t Simulator<R>::connect(std::size_t pre, std::size_t post, Drawing<R> drawing,
                                  Receptor receptor, const std::optional<Plasticity>& rule) {
  require_idle();
  const bool magnitudes =
      nodes_[post].neurons->model().conductance && receptor != Receptor::by_sign;
  const double most = std::numeric_limits<R>::max();
  // Of a pair's synapses, a table puts those of negative weight last, and so do stores that keep
  // receptors apart.
  const auto [low, high] = drawing.weights();
  const bool by_sign = receptor == Receptor::by_sign && !nodes_[post].neurons->model().early();
  std::function<std::size_t()> total;
  if (ranks_ && drawing.counts_by_drawing()) {  // whoever asks pays for it
    total = [known = std::optional<std::size_t>{}, shared = std::make_shared<Drawing<R>>(drawing),
             threads = threads_]() mutable {
      known = known ? *known : shared->total(threads);
      return *known;
    };
  } else if (ranks_) {
    total = [n = drawing.total(1)] { return n; };
  }
  if (rule || (low < 0 && high > 0 && !by_sign) ||
      !drawing.deferrable(magnitudes ? 0.0 : -most, most)) {
    return connect(pre, post, drawing.table(threads_), receptor, rule, {}, std::move(total));
  }
  const auto [shortest, longest] = drawing.delays();
  Projection& projection = add_projection(pre, post, drawing.size(), receptor, {});
  projection.shortest = shortest;
  projection.longest = longest;
  projection.total = std::move(total);
  projection.drawing = std::move(drawing);
  return projections_.size() - 1;
}

template <class R>
void Simulator<R>::inject_poisson(std::size_t population, const std::vector<double>& rates,
                                  const std::vector<double>& weights, int channel) {
  require_idle();
  Node& node = nodes_[population];
  const ModelInfo& model = node.neurons->model();
  std::vector<double> sent = weights;
  if (model.conductance) {
    std::transform(sent.begin(), sent.end(), sent.begin(), [](double w) { return std::abs(w); });
  }
  node.injectors.push_back(std::make_unique<PoissonInput<R>>(
      node.size, rates, sent, model.early() ? int{early_channel} : channel, dt_, seed_,
      injectors_++));
  dirty_ = true;
}

template <class R>
void Simulator<R>::inject_current(std::size_t population, std::vector<R> values,
                                  std::size_t columns, Step start) {
  require_idle();
  Node& node = nodes_[population];
  node.injectors.push_back(
      std::make_unique<CurrentInput<R>>(std::move(values), columns, node.size, start));
  ++injectors_;
  dirty_ = true;
}

template <class R>
void Simulator<R>::inject_noise(std::size_t population, const std::vector<double>& mean,
                                const std::vector<double>& std, Step every, Step start) {
  require_idle();
  Node& node = nodes_[population];
  node.injectors.push_back(
      std::make_unique<NoiseInput<R>>(node.size, mean, std, every, start, seed_, injectors_++));
  dirty_ = true;
}

template class Simulator<float>;
template class Simulator<double>;

}  // namespace spikelet
