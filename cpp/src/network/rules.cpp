#include "spikelet/network/rules.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <unordered_set>

#include "network/build_table.hpp"

namespace spikelet {
namespace {

// A sequence of uniform integers and reals for one row of draws: four words of each counter are
// used in turn.
class Sequence {
 public:
  Sequence(const Stream& stream, std::uint64_t row) : stream_(stream), row_(row) {}

  std::uint32_t word() {
    if (used_ == 4) {
      words_ = stream_.words(row_, counter_++);
      used_ = 0;
    }
    return words_[static_cast<std::size_t>(used_++)];
  }
  double real() {
    const std::uint32_t high = word();
    return uniform(high, word());
  }
  // Uniform in [0, n), unbiased (Lemire 2019).
  std::uint64_t below(std::uint64_t n) {
    if (n > 0xffffffffu) {
      return static_cast<std::uint64_t>(real() * static_cast<double>(n));
    }
    const auto bound = static_cast<std::uint32_t>(n);
    std::uint64_t product = std::uint64_t{word()} * bound;
    if (static_cast<std::uint32_t>(product) < bound) {
      const std::uint32_t reject = (0u - bound) % bound;
      while (static_cast<std::uint32_t>(product) < reject) {
        product = std::uint64_t{word()} * bound;
      }
    }
    return product >> 32;
  }

 private:
  const Stream& stream_;
  std::uint64_t row_;
  std::uint32_t counter_ = 0;
  int used_ = 4;
  Words words_{};
};

// k of n candidates for one row; `forbidden` (or n) is left out. With repeats, or without (Floyd
// 1987).
void choose(Sequence& draws, std::uint64_t n, std::uint64_t k, bool repeats,
            std::uint64_t forbidden, std::vector<std::uint64_t>& chosen) {
  const bool skip = forbidden < n;
  const std::uint64_t m = n - (skip ? 1 : 0);
  chosen.clear();
  if (repeats) {
    for (std::uint64_t i = 0; i < k; ++i) {
      chosen.push_back(draws.below(m));
    }
  } else {
    std::unordered_set<std::uint64_t> seen;
    for (std::uint64_t j = m - k; j < m; ++j) {
      const std::uint64_t t = draws.below(j + 1);
      chosen.push_back(seen.insert(t).second ? t : j);
      seen.insert(chosen.back());
    }
  }
  if (skip) {
    for (std::uint64_t& c : chosen) {
      c += c >= forbidden ? 1 : 0;
    }
  }
}

void require_enough(const char* rule, std::uint64_t k, std::uint64_t candidates, bool multapses) {
  if (k > 0 && (candidates == 0 || (!multapses && k > candidates))) {
    throw std::invalid_argument(std::string(rule) + ": " + std::to_string(k) +
                                " synapses cannot be drawn from " + std::to_string(candidates) +
                                " candidates" + (multapses ? "" : " with multapses=False"));
  }
}

// Calls add(pre, post, key) for each pair that the rule connects, the same each time; key names the
// pair's draws.
template <class Add>
void walk_pairs(const Rule& rule, const Selection& pre, const Selection& post, bool same,
                const Stream& stream, Add&& add_elements) {
  const std::size_t n = pre.size(), m = post.size();
  const auto add = [&](std::size_t i, std::size_t j, std::uint64_t key) {
    add_elements(pre[i], post[j], key);
  };
  const auto key = [](std::size_t row, std::size_t k) { return (std::uint64_t{row} << 32) | k; };
  const auto is_self = [&](std::size_t i, std::size_t j) { return same && pre[i] == post[j]; };
  // Position in `other` of the element that would be a self connection, or other.size() if there is
  // none to avoid.
  const auto self_of = [&](const Selection& other, std::uint32_t element) -> std::size_t {
    if (!same || rule.self_connections) {
      return other.size();
    }
    if (other.all) {
      return element;
    }
    const auto at = std::find(other.elements.begin(), other.elements.end(), element);
    return static_cast<std::size_t>(at - other.elements.begin());
  };
  std::vector<std::uint64_t> chosen;

  switch (rule.kind) {
    case Rule::Kind::all_to_all:
      for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < m; ++j) {
          if (rule.self_connections || !is_self(i, j)) {
            add(i, j, key(post[j], pre[i]));
          }
        }
      }
      break;
    case Rule::Kind::one_to_one:
      for (std::size_t i = 0; i < n; ++i) {
        if (rule.self_connections || !is_self(i, i)) {
          add(i, i, key(post[i], pre[i]));
        }
      }
      break;
    case Rule::Kind::fixed_probability: {
      const double scale = rule.p < 1 ? 1 / std::log1p(-rule.p) : 0;
      for (std::size_t j = 0; j < m && rule.p > 0; ++j) {
        Sequence draws(stream, post[j]);
        for (double i = -1;;) {  // geometric gaps between the sources that are connected
          i += 1 + (rule.p < 1 ? std::floor(std::log(uniform(draws.word())) * scale) : 0);
          if (!(i < static_cast<double>(n))) {
            break;
          }
          const auto source = static_cast<std::size_t>(i);
          if (rule.self_connections || !is_self(source, j)) {
            add(source, j, key(post[j], pre[source]));
          }
        }
      }
      break;
    }
    case Rule::Kind::fixed_indegree:
      for (std::size_t j = 0; j < m; ++j) {
        Sequence draws(stream, post[j]);
        const std::size_t self = self_of(pre, post[j]);
        require_enough("FixedIndegree", rule.number, n - (self < n ? 1 : 0), rule.multapses);
        choose(draws, n, rule.number, rule.multapses, self, chosen);
        for (std::size_t k = 0; k < chosen.size(); ++k) {
          add(chosen[k], j, key(post[j], k));
        }
      }
      break;
    case Rule::Kind::fixed_outdegree:
      for (std::size_t i = 0; i < n; ++i) {
        Sequence draws(stream, pre[i]);
        const std::size_t self = self_of(post, pre[i]);
        require_enough("FixedOutdegree", rule.number, m - (self < m ? 1 : 0), rule.multapses);
        choose(draws, m, rule.number, rule.multapses, self, chosen);
        for (std::size_t k = 0; k < chosen.size(); ++k) {
          add(i, chosen[k], key(pre[i], k));
        }
      }
      break;
    case Rule::Kind::fixed_total_number: {
      std::vector<std::uint32_t> self(n, static_cast<std::uint32_t>(m));
      std::uint64_t candidates = std::uint64_t{n} * m;
      if (same && !rule.self_connections) {
        for (std::size_t i = 0; i < n; ++i) {
          self[i] = static_cast<std::uint32_t>(self_of(post, pre[i]));
          candidates -= self[i] < m ? 1 : 0;
        }
      }
      require_enough("FixedTotalNumber", rule.number, candidates, rule.multapses);
      Sequence draws(stream, 0);
      std::unordered_set<std::uint64_t> seen;
      if (!rule.multapses &&
          rule.number > candidates / 2) {  // draw the pairs that are left out instead
        while (seen.size() < candidates - rule.number) {
          const std::uint64_t pair = draws.below(std::uint64_t{n} * m);
          if (self[pair / m] != pair % m) {
            seen.insert(pair);
          }
        }
        std::uint64_t k = 0;
        for (std::uint64_t pair = 0; pair < std::uint64_t{n} * m; ++pair) {
          if (self[pair / m] != pair % m && !seen.contains(pair)) {
            add(pair / m, pair % m, k++);
          }
        }
        break;
      }
      for (std::uint64_t k = 0; k < rule.number;) {
        const std::uint64_t i = draws.below(n), j = draws.below(m);
        if (self[i] != j && (rule.multapses || seen.insert(i * m + j).second)) {
          add(i, j, k++);
        }
      }
      break;
    }
  }
}

}  // namespace

double draw_value(const ValueSpec& spec, const Stream& stream, std::uint64_t key,
                  const Words& words, std::size_t half) {
  for (std::uint32_t attempt = 0; attempt < 1000; ++attempt) {
    const Words w = attempt == 0 ? words : stream.words(key, attempt);
    const auto u = [&] { return uniform(w[2 * half], w[2 * half + 1]); };
    double x = 0;
    switch (spec.kind) {
      case ValueSpec::Kind::values:
        return spec.values[0];
      case ValueSpec::Kind::normal:
        x = spec.a + spec.b * normal_quantile(u());
        break;
      case ValueSpec::Kind::lognormal:
        x = std::exp(spec.a + spec.b * normal_quantile(u()));
        break;
      case ValueSpec::Kind::uniform:
        x = spec.a + (spec.b - spec.a) * u();
        break;
      case ValueSpec::Kind::exponential:
        x = -spec.a * std::log(u());
        break;
    }
    if (spec.limit == ValueSpec::Limit::clip) {
      return std::clamp(x, spec.low, spec.high);
    }
    if (spec.limit == ValueSpec::Limit::none || (x >= spec.low && x <= spec.high)) {
      return x;
    }
  }
  throw std::invalid_argument(
      "redraw=(" + std::to_string(spec.low) + ", " + std::to_string(spec.high) +
      "): 1000 draws in a row fell outside; the interval holds almost none of the distribution");
}

template <class R>
SynapseTable<R> connect_by_rule(const Rule& rule, const Selection& pre, const Selection& post,
                                bool same, const ValueSpec& weight, const ValueSpec& delay,
                                double dt, std::uint64_t seed, std::uint32_t projection) {
  const auto to_steps = [&](double ms) {
    const double steps = std::floor(ms / dt + 0.5);
    if (!(ms >= dt * (1 - 1e-6)) || steps > static_cast<double>(max_delay)) {
      throw std::invalid_argument(
          "delay: every delay must lie between dt = " + std::to_string(dt) + " ms and " +
          std::to_string(max_delay) + " steps, got " + std::to_string(ms) +
          " ms; limit a distribution with clip=(lo, hi) or redraw=(lo, hi)");
    }
    return static_cast<std::uint16_t>(steps);
  };
  const bool draw_weights = weight.kind != ValueSpec::Kind::values,
             draw_delays = delay.kind != ValueSpec::Kind::values;
  const Stream pairs(seed, Purpose::connect, projection), values(seed, Purpose::values, projection);
  auto table = build_table<R>(
      pre.population_size, draw_weights, draw_delays,
      [&](auto&& add) { walk_pairs(rule, pre, post, same, pairs, add); },
      [&](std::uint64_t key, R* w, std::uint16_t* d) {
        if (w == nullptr && d == nullptr) {
          return;
        }
        const Words words = values.words(key, 0);
        if (w != nullptr) {
          *w = static_cast<R>(draw_value(weight, values, key, words, 0));
        }
        if (d != nullptr) {
          *d = to_steps(draw_value(delay, values, key, words, 1));
        }
      },
      true);

  // Given values: one for all, or one a synapse in canonical order.
  const auto given = [&](const char* what, const ValueSpec& spec, auto& to, auto&& convert) {
    if (spec.values.size() != 1 && spec.values.size() != table.size()) {
      throw std::invalid_argument(
          std::string(what) + ": one value for all synapses or one for each of the " +
          std::to_string(table.size()) + ", got " + std::to_string(spec.values.size()));
    }
    to.resize(spec.values.size());
    std::transform(spec.values.begin(), spec.values.end(), to.begin(), convert);
  };
  if (!draw_weights) {
    given("weight", weight, table.weight, [](double w) { return static_cast<R>(w); });
  }
  if (!draw_delays) {
    given("delay", delay, table.delay, to_steps);
  }
  return table;
}

template SynapseTable<float> connect_by_rule<float>(const Rule&, const Selection&, const Selection&,
                                                    bool, const ValueSpec&, const ValueSpec&,
                                                    double, std::uint64_t, std::uint32_t);
template SynapseTable<double> connect_by_rule<double>(const Rule&, const Selection&,
                                                      const Selection&, bool, const ValueSpec&,
                                                      const ValueSpec&, double, std::uint64_t,
                                                      std::uint32_t);

}  // namespace spikelet
