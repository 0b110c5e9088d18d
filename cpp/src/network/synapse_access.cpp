#include "spikelet/network/synapse_access.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/text.hpp"
#include "spikelet/network/integer_store.hpp"
#include "spikelet/network/static_store.hpp"

namespace spikelet {
namespace {

// The targets that have synapses.
template <class R>
std::vector<std::uint32_t> targets_of(const SynapseTable<R>& table, std::size_t n) {
  std::vector<bool> found(n);
  for (const std::uint32_t j : table.post) {
    found[j] = true;
  }
  std::vector<std::uint32_t> targets;
  for (std::uint32_t j = 0; j < n; ++j) {
    if (found[j]) {
      targets.push_back(j);
    }
  }
  return targets;
}

}  // namespace

// What reads the weight of a static synapse.
template <class R>
auto SynapseAccess<R>::reader(const Projection<R>& projection) const {
  const Ends ends = network_.feed_of(projection).ends;
  return [magnitudes = ends.magnitude && ends.by_sign(), down = ends.down](const SynapseRef<R>& s) {
    return magnitudes && s.channel == down ? R(0) - s.value() : R(0) + s.value();  // no -0
  };
}

template <class R>
std::vector<R> SynapseAccess<R>::stored_weights(const Projection<R>& projection) {
  if (projection.rule) {
    return plastic_.weights(projection);
  }
  std::vector<R> values(projection.size);
  const auto weight_of = reader(projection);
  layout_.for_each_synapse(projection,
                           [&](std::uint64_t index, std::uint32_t, const StoredSynapse<R>& s) {
                             values[index] = weight_of(s.synapse);
                           });
  projection.to_canonical(values);
  return values;
}

template <class R>
std::vector<R> SynapseAccess<R>::weights(Projection<R>& projection) {
  if (projection.in_stores) {
    return stored_weights(projection);
  }
  const SynapseTable<R>& table = network_.table_of(projection);
  std::vector<R> values(projection.size);
  for (std::size_t k = 0; k < projection.size; ++k) {
    values[k] = table.weight_of(k);
  }
  return values;
}

template <class R>
SynapseTable<R> SynapseAccess<R>::synapses(Projection<R>& projection, bool with_weights) {
  if (!projection.in_stores) {
    return network_.table_of(projection);
  }
  SynapseTable<R> table;
  table.row = RowStarts(network_.nodes[projection.pre].size);
  table.post.resize(projection.size);
  std::vector<std::uint16_t> delays(projection.size);
  std::vector<R> weights(projection.rule || !with_weights ? 0 : projection.size);
  const auto weight_of = reader(projection);
  layout_.for_each_synapse(
      projection, [&](std::uint64_t index, std::uint32_t source, const StoredSynapse<R>& s) {
        table.row.add(source);
        table.post[index] = s.post;
        delays[index] = s.synapse.delay;
        if (!weights.empty()) {
          weights[index] = weight_of(s.synapse);
        }
      });
  projection.to_canonical(delays);
  table.delay.assign(delays.begin(), delays.end());
  if (!with_weights) {
    return table;
  }
  if (projection.rule) {
    weights = plastic_.weights(projection);
  } else {
    projection.to_canonical(weights);
  }
  table.weight.assign(weights.begin(), weights.end());
  return table;
}

// Writes the weights of static synapses into their stores. Returns false, and writes nothing, if a
// sign changed, and with it the receptor, or if weights that were one no longer are. Weights of 0
// stay where they are.
template <class R>
bool SynapseAccess<R>::write_static(const Projection<R>& projection, std::span<const R> stored) {
  const Feed<R> feed = network_.feed_of(projection);
  const bool one = std::ranges::adjacent_find(stored, std::not_equal_to{}) == stored.end();
  bool in_place = true;
  layout_.for_each_synapse(projection, [&](std::uint64_t index, std::uint32_t,
                                           const StoredSynapse<R>& s) {
    const R weight = stored[index], sent = feed.sent(weight);
    in_place &= (weight == 0 || (feed.channel_of(weight) == s.synapse.channel &&
                                 (s.synapse.sign == 0 || (sent < 0) == (s.synapse.sign < 0)))) &&
                (!s.synapse.shared || sent == s.synapse.value() || (one && !s.synapse.mixed));
  });
  if (in_place) {
    layout_.for_each_synapse(
        projection, [&](std::uint64_t index, std::uint32_t, const StoredSynapse<R>& s) {
          // To add -0 changes nothing, not even another -0.
          const R sent = feed.sent(stored[index]);
          s.synapse.set(sent == 0 && s.synapse.channel != feed.ends.up ? -R(0) : sent);
        });
  }
  return in_place;
}

template <class R>
void SynapseAccess<R>::check(const Projection<R>& projection, std::span<const R> given) const {
  const double most = projection.step * most_grid_steps;
  for (const R w : given) {
    if (projection.step > 0 && std::abs(on_grid(w, projection.step)) > most) {
      throw std::invalid_argument(
          "weights of 16 bits in steps of " + text(projection.step) + " must be at most " +
          text(most) + " in magnitude, got " + text(w) +
          "; connect with weight_dtype=Int16(largest=...) to leave room for larger ones");
    }
    if (projection.sign != 0 && w != 0 && std::signbit(w) != (projection.sign < 0)) {
      throw std::invalid_argument("weights of this plasticity rule must keep their sign, got " +
                                  std::to_string(w));
    }
  }
}

template <class R>
void SynapseAccess<R>::set_weights(Projection<R>& projection, std::span<const R> given) {
  ++network_.edition;
  std::vector<R> canonical_values(given.begin(), given.end());
  for (R& w : canonical_values) {
    w = static_cast<R>(on_grid(w, projection.step));
  }
  given = canonical_values;
  std::vector<R> stored = canonical_values;
  for (const auto& [canonical, at] : projection.reorder) {
    stored[at] = given[canonical];
  }
  if (projection.in_stores && projection.rule) {
    plastic_.finish(projection);
    layout_.for_each_synapse(projection,
                             [&](std::uint64_t index, std::uint32_t, const StoredSynapse<R>& s) {
                               *s.synapse.weight = stored[index];
                             });
    return;
  }
  if (projection.in_stores) {
    if (write_static(projection, stored)) {
      projection.drawing.reset();
      return;
    }
    projection.table = synapses(projection);
    projection.drawing.reset();
    projection.in_stores = false;
  }
  network_.table_of(projection);
  projection.table->weight.assign(given.begin(), given.end());
  if (!projection.rule) {
    projection.table->compact();
  }
  network_.changed = true;
}

template <class R>
PlasticState<R> SynapseAccess<R>::plastic_state(std::size_t number) {
  Projection<R>& projection = network_.projections[number];
  PlasticState<R> state;
  if (projection.plastic) {
    state = *projection.plastic;
    state.spread(network_.nodes[projection.post].size);
    return state;
  }
  if (projection.table) {
    state.synapse.push_back(weights(projection));
  } else {
    state = plastic_.state(projection);
  }
  if (projection.reward) {
    state.reward_step = projection.reward->times();
    state.reward_level = projection.reward->levels();
  }
  return state;
}

template <class R>
std::vector<std::uint32_t> SynapseAccess<R>::counts(const Projection<R>& projection) const {
  if (projection.plastic) {
    PlasticState<R> state = *projection.plastic;
    state.spread(network_.nodes[projection.post].size);
    return state.counts;
  }
  return projection.in_stores ? plastic_.counts(projection) : std::vector<std::uint32_t>{};
}

template <class R>
void SynapseAccess<R>::set_plastic_state(Projection<R>& projection, const PlasticState<R>& state) {
  if (projection.table) {  // goes into the stores when they are built
    projection.table->weight.assign(state.synapse[0].begin(), state.synapse[0].end());
    projection.plastic = state;
    if (!state.counts.empty()) {
      projection.plastic->keep(targets_of(*projection.table, network_.nodes[projection.post].size));
    }
  } else {
    plastic_.set_state(projection, state);
  }
}

template <class R>
std::string SynapseAccess<R>::describe(std::size_t number) const {
  const Projection<R>& projection = network_.projections[number];
  if (projection.rule) {
    return std::string(layout_name(projection.layout));
  }
  if (!projection.in_stores) {
    return "not laid out yet";
  }
  std::string text;
  const auto name = [&](bool used, const char* form) {
    if (used) {
      text += (text.empty() ? "" : " and ") + std::string(form);
    }
  };
  if (projection.step > 0) {
    using Store = IntegerStore<R>;
    name(layout_.template has_form<Store>(projection, Store::Form::lines), "cache lines");
    name(layout_.template has_form<Store>(projection, Store::Form::queued), "queued rows");
    text += text.empty() ? "" : " of 16-bit weights";
  } else {
    using Store = StaticStore<R>;
    name(layout_.template has_form<Store>(projection, Store::Form::lines), "cache lines");
    name(layout_.template has_form<Store>(projection, Store::Form::one_weight),
         "cache lines of one weight");
    name(layout_.template has_form<Store>(projection, Store::Form::queued), "queued rows");
  }
  return text.empty() ? "no synapses" : text;
}

template <class R>
void SynapseAccess<R>::unload() {
  struct Unloaded {
    Projection<R>* projection;
    SynapseTable<R> table;
    std::optional<PlasticState<R>> plastic;
  };
  std::vector<Unloaded> all;
  for (std::size_t k = 0; k < network_.projections.size(); ++k) {
    Projection<R>& projection = network_.projections[k];
    if (!projection.in_stores || projection.drawing) {
      continue;
    }
    Unloaded& one = all.emplace_back(&projection, synapses(projection));
    if (projection.rule) {
      one.plastic = plastic_state(k);
      one.plastic->keep(targets_of(one.table, network_.nodes[projection.post].size));
      one.table.weight.assign(one.plastic->synapse[0].begin(), one.plastic->synapse[0].end());
    } else {
      one.table.compact();
    }
  }
  // Nothing has changed so far; from here on nothing can fail.
  for (Unloaded& one : all) {
    one.projection->table = std::move(one.table);
    one.projection->plastic = std::move(one.plastic);
  }
  for (Projection<R>& projection : network_.projections) {
    projection.in_stores = false;
  }
}

template <class R>
void SynapseAccess<R>::load() {
  for (const Projection<R>& projection : network_.projections) {
    if (projection.plastic) {
      plastic_.set_state(projection, *projection.plastic);
    }
  }
}

template <class R>
void SynapseAccess<R>::forget_tables() noexcept {
  for (Projection<R>& projection : network_.projections) {
    projection.table.reset();
    projection.plastic.reset();
    projection.in_stores = true;
  }
}

template class SynapseAccess<float>;
template class SynapseAccess<double>;

}  // namespace spikelet
