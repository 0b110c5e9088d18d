#include "spikelet/network/connection_rules.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string>

#include "network/build_table.hpp"
#include "network/draws.hpp"
#include "spikelet/core/memory.hpp"
#include "spikelet/core/parallel.hpp"

namespace spikelet {
namespace {

constexpr std::size_t target_block = 4096;  // targets that share a row's key; results depend on it
constexpr std::uint64_t total_row = std::uint64_t{1} << 53;  // a key that no synapse has

// If so many targets have few synapses of a source: a first choice below this is a gap beyond them
// all, by so much that the rounding of its logarithm does not matter. Otherwise 0.
std::uint32_t surely_none_below(double p, std::size_t targets) {
  const double expected = p * static_cast<double>(targets);
  if (expected > 0.5) {
    return 0;
  }
  const double none = std::exp(std::log1p(-p) * static_cast<double>(targets));
  return static_cast<std::uint32_t>(std::max(none * 0x1p32 - 4, 0.0));
}

void require_enough(const char* rule, std::uint64_t k, std::uint64_t candidates, bool multapses) {
  if (k > 0 && (candidates == 0 || (!multapses && k > candidates))) {
    throw std::invalid_argument(std::string(rule) + ": " + std::to_string(k) +
                                " synapses cannot be drawn from " + std::to_string(candidates) +
                                " candidates" + (multapses ? "" : " with multapses=False"));
  }
}

}  // namespace

template <class R>
Drawing<R>::Drawing(const ConnectionRule& rule, Selection pre, Selection post, bool same,
                    ValueSpec weight, ValueSpec delay, double dt, std::uint64_t seed,
                    std::uint32_t projection, int threads, Range own)
    : rule_(rule),
      pre_(std::move(pre)),
      post_(std::move(post)),
      own_(weight.values.size() > 1 || delay.values.size() > 1 ? Range{0, 0xffffffffu} : own),
      same_(same),
      weight_(std::move(weight)),
      delay_(std::move(delay)),
      dt_(dt),
      stream_(seed, Purpose::connect, projection),
      more_(seed, Purpose::connect_more, projection) {
  if (delay_.drawn()) {
    delay_table_.emplace(delay_, dt);
  }
  if (same_ && !rule_.self_connections) {
    pre_.sort();
    post_.sort();
  }
  const std::size_t n = pre_.size(), m = post_.size();
  require_memory(2, 0);
  switch (rule_.kind) {
    case ConnectionRule::Kind::fixed_total_number:
      split_total(threads);
      break;
    case ConnectionRule::Kind::fixed_indegree:
      for (std::size_t j = 0; j < m; ++j) {
        const bool skip = self_of(pre_, post_[j]) < n;
        require_enough("FixedIndegree", rule_.number, n - (skip ? 1 : 0), rule_.multapses);
      }
      break;
    case ConnectionRule::Kind::fixed_outdegree:
      for (std::size_t i = 0; i < n; ++i) {
        const bool skip = self_of(post_, pre_[i]) < m;
        require_enough("FixedOutdegree", rule_.number, m - (skip ? 1 : 0), rule_.multapses);
      }
      break;
    default:
      break;
  }
  if (rule_.by_source()) {
    size_ = owns_all() ? total(threads) : count(own_, threads);
  }
}

template <class R>
double Drawing<R>::require_memory(double each, double promised) const {
  const double bytes = each * static_cast<double>(expected());
  if (fits_in_memory(bytes, promised)) {
    return bytes;
  }
  std::ostringstream message;
  message.precision(3);
  message << "the rule would make about " << static_cast<double>(expected())
          << " synapses, which need at least " << bytes / 1e9 << " GB; this machine has "
          << available_memory() / 1e9 << " GB left";
  if (promised > 0) {
    message << ", of which the other synapses of the network need " << promised / 1e9;
  }
  message << ": make fewer, or share the network between machines (comm=)";
  throw std::length_error(message.str());
}

// About how many synapses there are onto own targets.
template <class R>
std::uint64_t Drawing<R>::expected() const {
  const auto n = static_cast<double>(pre_.size()), m = static_cast<double>(post_.size());
  double own = 0;  // targets
  if (post_.all) {
    const auto end = std::min<std::size_t>(own_.end, post_.size());
    own = static_cast<double>(end - std::min<std::size_t>(own_.begin, end));
  } else {
    own = static_cast<double>(std::ranges::count_if(
        post_.elements, [&](std::uint32_t element) { return own_.contains(element); }));
  }
  const auto number = static_cast<double>(rule_.number);
  double of_target = n * rule_.p;
  switch (rule_.kind) {
    case ConnectionRule::Kind::fixed_total_number:
      of_target = number / std::max(m, 1.0);
      break;
    case ConnectionRule::Kind::fixed_indegree:
      of_target = number;
      break;
    case ConnectionRule::Kind::fixed_outdegree:
      of_target = number * n / std::max(m, 1.0);
      break;
    case ConnectionRule::Kind::one_to_one:
      of_target = 1;
      break;
    case ConnectionRule::Kind::all_to_all:
      of_target = n;
      break;
    default:
      break;
  }
  return static_cast<std::uint64_t>(std::min(own * of_target, 1e18));
}

// Draws, and looks at sources and blocks of targets.
template <class R>
std::uint64_t Drawing<R>::work() const {
  const std::uint64_t blocks = post_.size() / target_block + 1;
  return expected() + pre_.size() * (rule_.by_source() ? blocks : 0);
}

template <class R>
std::size_t Drawing<R>::total(int threads) const {
  const std::size_t n = pre_.size(), m = post_.size();
  switch (rule_.kind) {
    case ConnectionRule::Kind::fixed_total_number:
      return rule_.number;
    case ConnectionRule::Kind::fixed_indegree:
      return m * rule_.number;
    case ConnectionRule::Kind::fixed_outdegree:
      return n * rule_.number;
    case ConnectionRule::Kind::fixed_probability:
      return count({0, 0xffffffffu}, threads);
    default: {
      std::size_t selfs = 0;
      for (std::size_t i = 0; same_ && !rule_.self_connections && i < n; ++i) {
        const std::uint64_t self = self_of(post_, pre_[i]);
        selfs += rule_.kind == ConnectionRule::Kind::all_to_all ? self < m : self == i;
      }
      return (rule_.kind == ConnectionRule::Kind::all_to_all ? n * m : n) - selfs;
    }
  }
}

// The number of synapses onto elements of `own`, for a rule that is drawn by source.
template <class R>
std::size_t Drawing<R>::count(Range own, int threads) const {
  constexpr std::size_t rows = 256;
  const std::size_t n = pre_.size(), m = post_.size();
  const auto begin =
                 static_cast<std::uint32_t>(post_.all ? std::min<std::size_t>(own.begin, m) : 0),
             end = static_cast<std::uint32_t>(post_.all ? std::min<std::size_t>(own.end, m) : m);
  std::vector<std::size_t> sums(n / rows + 1, 0);
  parallel_for(team_for(threads, work()), sums.size(), [&](std::size_t part) {
    for (std::size_t i = part * rows; i < std::min(n, (part + 1) * rows); ++i) {
      draw_row(i, begin, end, false, [&](std::uint64_t, std::uint32_t, const Draw&, std::size_t j) {
        sums[part] += own.contains(post_[j]) ? 1 : 0;
      });
    }
  });
  return std::accumulate(sums.begin(), sums.end(), std::size_t{0});
}

// The position in `other` of the element that would be a self-connection, or the size of `other` if
// there is none to avoid.
template <class R>
std::uint64_t Drawing<R>::self_of(const Selection& other, std::uint32_t element) const {
  if (!same_ || rule_.self_connections) {
    return other.size();
  }
  return other.find(element);
}

// Given how many synapses each source has in a block of targets, uniformly drawn pairs are
// independent rows of uniform targets. So only these numbers are drawn here: first how many
// synapses fall into each block, then the source of each.
template <class R>
void Drawing<R>::split_total(int threads) {
  const std::size_t n = pre_.size(), m = post_.size();
  const std::size_t blocks = (m + target_block - 1) / target_block;
  std::vector<std::uint64_t> candidates(blocks);
  for (std::size_t b = 0; b < blocks; ++b) {
    candidates[b] = n * std::min(target_block, m - b * target_block);
  }
  if (same_ && !rule_.self_connections) {
    for (std::size_t i = 0; i < n; ++i) {
      const std::uint64_t self = self_of(post_, pre_[i]);
      if (self < m) {
        --candidates[self / target_block];
      }
    }
  }
  std::uint64_t left = 0, number = rule_.number;
  for (const std::uint64_t c : candidates) {
    left += c;
  }
  require_enough("FixedTotalNumber", number, left, rule_.multapses);
  if (!rule_.multapses) {
    return;
  }
  std::vector<std::uint64_t> in_block(blocks);
  Uniforms uniforms(stream_, total_row);
  for (std::size_t b = 0; b < blocks && number > 0; ++b) {
    const double share = static_cast<double>(candidates[b]) / static_cast<double>(left);
    in_block[b] = binomial(uniforms, number, share);
    number -= in_block[b];
    left -= candidates[b];
  }
  std::size_t first_block = 0, last_block = blocks;
  if (post_.all) {
    first_block = std::min<std::size_t>(own_.begin / target_block, blocks);
    last_block = std::min((own_.end + target_block - 1) / target_block, blocks);
  }
  std::vector<std::uint64_t> self(n, m);
  for (std::size_t i = 0; same_ && !rule_.self_connections && i < n; ++i) {
    self[i] = self_of(post_, pre_[i]);
  }
  const int team = team_for(threads, rule_.number);
  std::vector<std::vector<SourceCounts::Entry>> counted(last_block - first_block);
  parallel_for(team, counted.size(), [&](std::size_t own_block) {
    const std::size_t b = first_block + own_block;
    SourceCounts counts(n, in_block[b]);
    const std::uint64_t first = b * target_block, width = std::min(target_block, m - first);
    // Numbers have 32 bits; longer sequences continue in a further row.
    for (std::uint64_t done = 0, row = 0; done < in_block[b]; ++row) {
      const std::uint64_t chunk = std::min<std::uint64_t>(in_block[b] - done, 1u << 30);
      Draws draws(stream_, more_, total_row | (row << 24) | (b + 1), chunk);
      for (std::uint32_t k = 0; k < chunk; ++k) {
        const Draw draw = draws[k];
        std::uint64_t i = draws.below(draw.choice(), n, k);
        std::uint64_t j = first + ((std::uint64_t{draw.second()} * width) >> 32);
        for (std::uint64_t again = 1; self[i] == j; ++again) {  // a pair that is not a candidate
          const Words w = more_.words(total_row | (again << 48) | (row << 24) | (b + 1), k);
          i = (std::uint64_t{w[0]} * n) >> 32;
          j = first + ((std::uint64_t{w[1]} * width) >> 32);
        }
        counts.add(i);
      }
      done += chunk;
    }
    counted[own_block] = counts.entries();
  });
  counts_ = BlockCounts(n, first_block, std::move(counted));
}

// Calls emit(key, n, draw, j) for each synapse of the source at position i of pre onto positions
// [begin, end) of post; key and n identify its draw. values: whether emit takes more from the draw
// than the pair.
template <class R>
template <class Emit>
void Drawing<R>::draw_row(std::size_t i, std::uint32_t begin, std::uint32_t end, bool values,
                          Emit&& emit) const {
  const std::size_t m = post_.size();
  const std::uint32_t source = pre_[i];
  const std::uint64_t self = self_of(post_, source);
  struct Block {
    std::uint64_t first, width, key;
  };
  const auto block = [&](std::size_t b) {
    const std::uint64_t first = b * target_block;
    return Block{first, std::min<std::uint64_t>(target_block, m - first),
                 std::uint64_t{source} | std::uint64_t{b} << 32};
  };
  const auto within = [&](std::uint64_t j) { return j - begin < std::uint64_t{end} - begin; };
  // If the rule draws nothing, draws are keyed by the target itself.
  const auto keyed_by_target = [&](std::size_t from, std::size_t to) {
    Draws draws(stream_, more_, source, values ? to : 0);
    for (std::size_t j = from; j < to; ++j) {
      if (self != j) {
        const std::uint32_t number = post_[j];
        emit(std::uint64_t{source}, number, values ? draws[number] : Draw{}, j);
      }
    }
  };
  switch (rule_.kind) {
    case ConnectionRule::Kind::all_to_all:
      keyed_by_target(begin, std::min<std::size_t>(end, m));
      break;
    case ConnectionRule::Kind::one_to_one:
      if (within(i)) {
        keyed_by_target(i, i + 1);
      }
      break;
    case ConnectionRule::Kind::fixed_probability: {
      if (rule_.p <= 0) {
        break;
      }
      const double scale = rule_.p < 1 ? 1 / std::log1p(-rule_.p) : 0;
      const std::uint32_t none_below = surely_none_below(rule_.p, target_block);
      for (std::size_t b = begin / target_block; b * target_block < end; ++b) {
        const Block own = block(b);
        if (none_below > 0 && Draw::choice_of(stream_.words(own.key, 0)) < none_below) {
          continue;
        }
        Draws draws(stream_, more_, own.key,
                    static_cast<std::uint64_t>(rule_.p * static_cast<double>(own.width)) + 8);
        double j = -1;
        for (std::uint32_t number = 0;; ++number) {  // geometric gaps between connected targets
          const Draw draw = draws[number];
          j += 1 + (rule_.p < 1 ? std::floor(std::log(uniform(draw.choice())) * scale) : 0);
          if (!(j < static_cast<double>(own.width))) {
            break;
          }
          const std::uint64_t target = own.first + static_cast<std::uint64_t>(j);
          if (target != self && within(target)) {
            emit(own.key, number, draw, target);
          }
        }
      }
      break;
    }
    case ConnectionRule::Kind::fixed_outdegree: {
      Draws draws(stream_, more_, source, rule_.number);
      choose(draws, m, rule_.number, rule_.multapses, self,
             [&](std::uint32_t number, const Draw& draw, std::uint64_t j) {
               if (within(j)) {
                 emit(std::uint64_t{source}, number, draw, j);
               }
             });
      break;
    }
    case ConnectionRule::Kind::fixed_total_number:
      for (const BlockCounts::Entry& entry :
           counts_.of(i, static_cast<std::uint32_t>(begin / target_block))) {
        if (entry.block * target_block >= end) {
          break;
        }
        const Block own = block(entry.block);
        Draws draws(stream_, more_, own.key, entry.count);
        choose(draws, own.width, entry.count, true, self - own.first,
               [&](std::uint32_t number, const Draw& draw, std::uint64_t j) {
                 if (within(own.first + j)) {
                   emit(own.key, number, draw, own.first + j);
                 }
               });
      }
      break;
    case ConnectionRule::Kind::fixed_indegree:
      break;  // not by source
  }
}

// Calls add(i, j, key, n, draw) for each synapse of a rule that is not by source, onto positions
// [begin, end) of post.
template <class R>
template <class Add>
void Drawing<R>::draw_by_target(std::size_t begin, std::size_t end, Add&& add) const {
  const std::size_t n = pre_.size(), m = post_.size();
  if (rule_.kind == ConnectionRule::Kind::fixed_indegree) {
    for (std::size_t j = begin; j < end; ++j) {
      if (!own_.contains(post_[j])) {
        continue;
      }
      const std::uint64_t key = post_[j];
      Draws draws(stream_, more_, key, rule_.number);
      choose(draws, n, rule_.number, rule_.multapses, self_of(pre_, post_[j]),
             [&](std::uint32_t number, const Draw& draw, std::uint64_t i) {
               add(i, j, key, number, draw);
             });
    }
    return;
  }
  if (end != m) {  // a total number without repeats: drawn in one piece, with the last target
    return;
  }
  std::uint64_t candidates = std::uint64_t{n} * m;
  for (std::size_t i = 0; same_ && !rule_.self_connections && i < n; ++i) {
    candidates -= self_of(post_, pre_[i]) < m ? 1 : 0;
  }
  NumberSet seen(std::min(rule_.number, candidates - rule_.number));
  std::uint32_t number = 0;
  Draws draws(stream_, more_, 0, ~std::uint64_t{0});
  const auto fresh = [&] {  // a candidate not drawn yet
    for (;; ++number) {
      const Draw draw = draws[number];
      const std::uint64_t i = draws.below(draw.choice(), n, number),
                          j = (std::uint64_t{draw.second()} * m) >> 32;
      if (self_of(post_, pre_[i]) != j && seen.insert(i * m + j)) {
        ++number;
        return std::pair(i, j);
      }
    }
  };
  const std::uint64_t key =
      std::uint64_t{1} << 32;  // a row of its own, as the words of the others are used for pairs
  Draws values(stream_, more_, key, rule_.number);
  const auto emit = [&](std::uint64_t i, std::uint64_t j, std::uint32_t k) {
    add(i, j, key, k, values[k]);
  };
  if (rule_.number <= candidates / 2) {
    for (std::uint32_t k = 0; k < rule_.number; ++k) {
      const auto [i, j] = fresh();
      emit(i, j, k);
    }
    return;
  }
  for (std::uint64_t k = rule_.number; k < candidates; ++k) {  // draws those that are left out
    fresh();
  }
  std::uint32_t k = 0;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::uint64_t self = self_of(post_, pre_[i]);
    for (std::uint64_t j = 0; j < m; ++j) {
      if (self != j && !seen.contains(i * m + j)) {
        emit(i, j, k++);
      }
    }
  }
}

// Sets the weight and the delay of a synapse, as far as they are drawn (pointers not null).
template <class R>
template <class AnyDraw>
void Drawing<R>::set_values(const AnyDraw& draw, std::uint64_t row, std::uint32_t n, R* weight,
                            std::uint16_t* delay) const {
  if (weight != nullptr) {
    *weight = static_cast<R>(draw_value(weight_, draw.weight(), [&](std::uint32_t attempt) {
      const Words w = more_.words(row | std::uint64_t{attempt} << 54, n);
      return uniform(w[1], w[2]);
    }));
  }
  if (delay != nullptr) {
    *delay = delay_table_->draw(draw.delay());
    if (*delay == 0) {
      delay_table_->refuse(dt_);
    }
  }
}

template <class R>
bool Drawing<R>::deferrable(double low, double high) const {
  const auto [least, most] = weight_.range();
  const bool delays_fit = delay_.drawn() ? !delay_table_->may_fail() : delay_.values.size() == 1;
  // Drawing may give up if little of the distribution is within limits.
  const bool weights_fit = weight_.drawn()
                               ? weight_.limit != ValueSpec::Limit::redraw ||
                                     weight_.below(weight_.high) - weight_.below(weight_.low) > 0.1
                               : weight_.values.size() == 1;
  return rule_.by_source() && pre_.all && post_.all && delays_fit && weights_fit && least >= low &&
         most <= high && post_.size() < 0xffffffffu;
}

template <class R>
std::pair<Step, Step> Drawing<R>::delays() const {
  if (delay_.drawn()) {
    return delay_table_->range();
  }
  const Step steps = delay_steps(delay_.values[0], dt_);
  return {steps, steps};
}

template <class R>
void Drawing<R>::row(std::uint32_t i, std::uint32_t begin, std::uint32_t end,
                     std::vector<DrawnSynapse<R>>& out) const {
  DrawnSynapse<R> synapse{0, 1, R(0)};
  synapse.weight =
      weight_.drawn() ? R(0) : static_cast<R>(on_grid(weight_.values[0], weight_.step));
  synapse.delay = delay_.drawn() ? std::uint16_t{0} : delay_steps(delay_.values[0], dt_);
  draw_row(i, begin, end, weight_.drawn() || delay_.drawn(),
           [&](std::uint64_t key, std::uint32_t n, const Draw& draw, std::size_t j) {
             synapse.post = static_cast<std::uint32_t>(j);
             set_values(draw, key, n, weight_.drawn() ? &synapse.weight : nullptr,
                        delay_.drawn() ? &synapse.delay : nullptr);
             out.push_back(synapse);
           });
}

template <class R>
SynapseTable<R> Drawing<R>::table(int threads) const {
  const std::size_t n = pre_.size(), m = post_.size();
  const bool values = weight_.drawn() || delay_.drawn();
  auto table = build_table<R>(
      pre_.population_size, weight_.drawn(), delay_.drawn(), team_for(threads, work()),
      [&](std::size_t part, std::size_t parts, auto&& add) {
        const auto share = [&](std::size_t size, std::size_t p) { return size * p / parts; };
        const auto begin = static_cast<std::uint32_t>(
                       post_.all ? std::min<std::size_t>(own_.begin, m) : 0),
                   end = static_cast<std::uint32_t>(post_.all ? std::min<std::size_t>(own_.end, m)
                                                              : m);
        const auto add_own = [&](std::size_t i, std::size_t j, auto&& set) {
          if (own_.contains(post_[j])) {
            add(pre_[i], post_[j], set);
          }
        };
        if (!rule_.by_source()) {
          draw_by_target(share(m, part), share(m, part + 1),
                         [&](std::size_t i, std::size_t j, std::uint64_t key, std::uint32_t k,
                             const Draw& draw) {
                           add_own(i, j, [&](R* weight, std::uint16_t* delay) {
                             set_values(draw, key, k, weight, delay);
                           });
                         });
          return;
        }
        for (std::size_t i = share(n, part); i < share(n, part + 1); ++i) {
          draw_row(i, begin, end, values,
                   [&](std::uint64_t key, std::uint32_t k, const Draw& draw, std::size_t j) {
                     add_own(i, j, [&](R* weight, std::uint16_t* delay) {
                       set_values(draw, key, k, weight, delay);
                     });
                   });
        }
      },
      true, expected());

  // Given values: one for all, or one for each synapse in canonical order.
  const auto given = [&](const char* what, const ValueSpec& spec, auto& to, auto&& convert) {
    if (spec.values.size() != 1 && spec.values.size() != table.size()) {
      throw std::invalid_argument(
          std::string(what) + " must have one value for all synapses, or one for each of the " +
          std::to_string(table.size()) + ", got " + std::to_string(spec.values.size()));
    }
    to.resize(spec.values.size());
    std::transform(spec.values.begin(), spec.values.end(), to.begin(), convert);
  };
  if (!weight_.drawn()) {
    given("weight", weight_, table.weight,
          [&](double w) { return static_cast<R>(on_grid(w, weight_.step)); });
  }
  if (!delay_.drawn()) {
    given("delay", delay_, table.delay, [&](double ms) { return delay_steps(ms, dt_); });
  }
  return table;
}

template class Drawing<float>;
template class Drawing<double>;

}  // namespace spikelet
