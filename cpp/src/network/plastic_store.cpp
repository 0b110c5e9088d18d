#include "spikelet/network/plastic_store.hpp"

#include <tuple>
#include <utility>

#include "network/event_rows.hpp"
#include "network/history_store.hpp"
#include "network/queued_history.hpp"
#include "spikelet/network/closed_rows.hpp"
#include "spikelet/network/dense_block.hpp"
#include "spikelet/network/scaled_rows.hpp"

namespace spikelet {
namespace {

// The sources and the targets of a feed that have synapses there.
template <class R>
std::pair<SourceIndex, TargetNumbers> ends_of(const Feed<R>& feed) {
  const SynapseTable<R>& table = *feed.table;
  std::vector<Gid> sources;
  std::vector<std::uint32_t> targets;
  std::vector<std::uint8_t> found(feed.post_end - feed.post_begin);
  table.row.for_each([&](std::uint32_t i, std::uint64_t begin, std::uint64_t end) {
    bool has = false;
    for (std::uint64_t k = begin; k < end; ++k) {
      const std::uint32_t j = table.post[k] - feed.post_begin;
      if (j < found.size()) {
        has = true;
        found[j] = 1;
      }
    }
    if (has) {
      sources.push_back(feed.pre_gid + i);
    }
  });
  for (std::uint32_t j = 0; j < found.size(); ++j) {
    if (found[j] != 0) {
      targets.push_back(feed.post_begin + j);
    }
  }
  return {SourceIndex(sources), TargetNumbers(std::move(targets))};
}

}  // namespace

template <class R>
PlasticStore<R>::PlasticStore(const Feed<R>& feed, const Plasticity& plasticity, double dt,
                              std::size_t span)
    : feed_(feed), plasticity_(plasticity), dt_(dt), span_(static_cast<Step>(span)) {
  std::tie(index_, targets_) = ends_of(feed);
  counts_.resize(targets_.size());
  const auto [low, high] = plasticity.info().bounds(plasticity.parameters.data());
  low_ = static_cast<R>(low);
  high_ = static_cast<R>(high);
  sent_.resize(span);
}

template <class R>
void PlasticStore<R>::note_posts(std::span<const Gid> gids, Gid post_gid, Step stamp) {
  constexpr std::size_t ahead = 4;
  const auto with = [&](std::size_t k, auto&& f) {
    const std::uint32_t target = k < gids.size() ? targets_.of(gids[k] - post_gid) : targets_.none;
    if (target != targets_.none) {
      f(target);
    }
  };
  for (std::size_t k = 0; k < gids.size(); ++k) {
    with(k + ahead, [&](std::uint32_t target) { fetch_post(target); });
    with(k, [&](std::uint32_t target) {
      ++counts_[target];
      note_post(target, stamp);
    });
  }
}

template <class R>
void PlasticStore<R>::deliver_sent(Step step, Channels<R> input) {
  std::vector<Sent<R>>& events = sent_.at(step);
  for (const Sent<R>& sent : events) {
    input[sent.channel][sent.target] += sent.value;
  }
  events.clear();
}

template <class R>
void PlasticStore<R>::for_each_sent(Step now,
                                    const std::function<void(Step, const Sent<R>&)>& visitor) {
  for (Step arrival = now; arrival < now + span_; ++arrival) {
    for (const Sent<R>& sent : sent_.at(arrival)) {
      visitor(arrival, sent);
    }
  }
}

template <class R>
void PlasticStore<R>::clear() {
  sent_.clear();
  std::fill(counts_.begin(), counts_.end(), 0u);
}

std::string_view layout_name(PlasticLayout layout) {
  switch (layout) {
    case PlasticLayout::dense_block:
      return "dense block";
    case PlasticLayout::closed_rows:
      return "rows in closed form";
    case PlasticLayout::scaled_rows:
      return "rows, scaled by spike";
    case PlasticLayout::programs:
      return "rows that run programs";
    case PlasticLayout::queued:
      return "queued rows with spike history";
    default:
      return "rows with spike history";
  }
}

std::vector<std::pair<std::string_view, Readable>> readable(const Plasticity& plasticity) {
  if (plasticity.events) {
    std::vector<std::pair<std::string_view, Readable>> found;
    const auto& variables = plasticity.events->parts().variables;
    for (std::size_t v = 1; v < variables.size(); ++v) {
      if (variables[v].readable) {
        found.emplace_back(variables[v].name,
                           static_cast<Readable>(static_cast<std::size_t>(Readable::variable) + v));
      }
    }
    return found;
  }
  if (plasticity.info().short_term) {
    return {{"x", Readable::x}, {"y", Readable::y}, {"u", Readable::u}};
  }
  constexpr std::array<std::pair<std::string_view, Readable>, trace_count> all{
      {{"Kplus", Readable::pre},
       {"Kminus", Readable::post},
       {"Kplus_triplet", Readable::pre_2},
       {"Kminus_triplet", Readable::post_2}}};
  const auto tau = plasticity.info().time_constants(plasticity.parameters.data());
  std::vector<std::pair<std::string_view, Readable>> found;
  for (int k = 0; k < trace_count; ++k) {
    if (tau[k] > 0) {
      found.push_back(all[k]);
    }
  }
  if (plasticity.info().modulated) {
    found.emplace_back("c", Readable::eligibility);
  }
  return found;
}

// Synapses can share traces only if they have one delay and a pair of spikes counts the same,
// whatever the synapse saw before. Full rows then become a matrix, which suits any rule and takes
// half the memory, as it needs no indices. Otherwise, potentiations that may be summed need no
// history.
//
// Rows by source need dendritic delays, and each weight waits in a list. They pay where rows by
// delay would be short.
PlasticLayout choose_layout(const Plasticity& plasticity, bool one_delay, bool full_rows,
                            bool one_channel, bool few_by_delay, std::uint16_t longest) {
  const bool shared =
      plasticity.pairing == Pairing::all_to_all || plasticity.pairing == Pairing::nearest_symmetric;
  const PlasticityInfo& info = plasticity.info();
  if (plasticity.events) {
    return PlasticLayout::programs;
  }
  if (info.short_term) {
    return PlasticLayout::scaled_rows;
  }
  const bool dendritic = dendritic_part(longest, plasticity.axonal_fraction) == longest;
  if (!one_delay && few_by_delay && dendritic && !info.modulated) {
    return PlasticLayout::queued;
  }
  if (!one_delay || !one_channel || !shared || info.modulated) {
    return PlasticLayout::history;
  }
  return full_rows       ? PlasticLayout::dense_block
         : info.summable ? PlasticLayout::closed_rows
                         : PlasticLayout::history;
}

template <class R>
std::unique_ptr<PlasticStore<R>> make_plastic_store(PlasticLayout layout, const Feed<R>& feed,
                                                    const Plasticity& plasticity, double dt,
                                                    std::size_t span, Step born,
                                                    const RewardSignal* reward) {
  std::unique_ptr<PlasticStore<R>> store;
  switch (layout) {
    case PlasticLayout::dense_block:
      store = std::make_unique<DenseBlock<R>>(feed, plasticity, dt, span);
      break;
    case PlasticLayout::closed_rows:
      store = std::make_unique<ClosedRows<R>>(feed, plasticity, dt, span);
      break;
    case PlasticLayout::scaled_rows:
      store = std::make_unique<ScaledRows<R>>(feed, plasticity, dt, span);
      break;
    case PlasticLayout::history:
      store = make_history_store<R>(feed, plasticity, dt, span, reward);
      break;
    case PlasticLayout::programs:
      store = std::make_unique<EventRows<R>>(feed, plasticity, dt, span);
      break;
    case PlasticLayout::queued:
      store = std::make_unique<QueuedHistory<R>>(feed, plasticity, dt, span);
      break;
  }
  store->start(born);
  return store;
}

template class PlasticStore<float>;
template class PlasticStore<double>;
template std::unique_ptr<PlasticStore<float>> make_plastic_store(PlasticLayout, const Feed<float>&,
                                                                 const Plasticity&, double,
                                                                 std::size_t, Step,
                                                                 const RewardSignal*);
template std::unique_ptr<PlasticStore<double>> make_plastic_store(PlasticLayout,
                                                                  const Feed<double>&,
                                                                  const Plasticity&, double,
                                                                  std::size_t, Step,
                                                                  const RewardSignal*);

}  // namespace spikelet
