#include "spikelet/network/integer_store.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "network/line_rows.hpp"
#include "network/queued_rows.hpp"
#include "network/row_gatherer.hpp"

namespace spikelet {
namespace {

template <class R>
using BySign = std::array<RowEntries<R>, 2>;  // weights >= 0, and < 0

template <class R>
void split(const RowEntries<R>& row, BySign<R>& apart) {
  for (RowEntries<R>& entries : apart) {
    entries.clear();
  }
  for (const RowEntry<R>& entry : row) {
    apart[entry.weight < 0].push_back(entry);
  }
}

}  // namespace

template <class R>
IntegerStore<R>::IntegerStore(std::span<const Feed<R>> feeds, std::size_t span,
                              std::uint32_t elements, std::span<IntegerSums> sums) {
  std::vector<Feed<R>> sorted(feeds.begin(), feeds.end());
  std::ranges::stable_sort(sorted, {}, &Feed<R>::step);
  std::vector<Group> groups;
  for (const Feed<R>& feed : sorted) {
    auto group = std::ranges::find_if(groups, [&](const Group& one) { return one.takes(feed); });
    if (group == groups.end()) {
      group = groups.insert(group, Group{feed.step, {}, {}});
    }
    group->sum_step.insert(
        {{feed.ends.up, feed.sum_step_up}, {feed.ends.down, feed.sum_step_down}});
    group->feeds.push_back(feed);
  }
  for (const Group& group : groups) {
    build(group, span, elements, sums);
  }
}

template <class R>
bool IntegerStore<R>::Group::takes(const Feed<R>& feed) const {
  const auto agrees = [&](int channel, double of_feed) {
    const auto found = sum_step.find(channel);
    return found == sum_step.end() || found->second == of_feed;
  };
  return feed.step == step && agrees(feed.ends.up, feed.sum_step_up) &&
         agrees(feed.ends.down, feed.sum_step_down);
}

template <class R>
IntegerStore<R>::~IntegerStore() = default;

template <class R>
void IntegerStore<R>::Part::append(Gid source, const RowEntries<R>& row) {
  rows->append(source, row);
  used = true;
}

// Chooses each form from a sample of the sources, and reserves memory; untouched memory costs
// nothing.
template <class R>
auto IntegerStore<R>::choose_forms(const Group& group, RowGatherer<R>& gatherer,
                                   std::uint32_t elements, std::span<const IntegerSums> sums) const
    -> std::vector<std::vector<Part>> {
  using Queued = QueuedRows<R, IntegerWeights<R>>;
  constexpr std::size_t signs = 2;
  std::vector<std::array<RowSizes, signs>> sizes(gatherer.channels().size());
  BySign<R> apart;
  const std::size_t stride = gatherer.for_some([&](Gid, const auto&) {
    for (std::size_t c = 0; c < sizes.size(); ++c) {
      split(gatherer.by_delay(c), apart);
      for (std::size_t s = 0; s < signs; ++s) {
        RowSizes& size = sizes[c][s];
        size.rows += apart[s].empty() ? 0 : 1;
        size.synapses += apart[s].size();
        for_segments(apart[s], SIZE_MAX, [&](std::size_t begin, std::size_t end) {
          size.segments += 1;
          size.lines += (end - begin + IntegerLine::size - 1) / IntegerLine::size;
        });
      }
    }
  });
  const bool narrow = elements + IntegerLine::size <= 65536;
  const auto [shortest, longest] = gatherer.delays();
  std::vector<std::vector<Part>> parts(sizes.size());
  for (std::size_t c = 0; c < sizes.size(); ++c) {
    const int channel = gatherer.channels()[c];
    const int shift = std::ilogb(group.step) - std::ilogb(group.sum_step.at(channel));
    const SumsAt* to = &sums[static_cast<std::size_t>(channel)].at();
    std::array<bool, signs> full;
    for (std::size_t s = 0; s < signs; ++s) {
      RowSizes& size = sizes[c][s];
      full[s] = narrow && static_cast<double>(size.lines * IntegerLine::size) <=
                              most_padding * static_cast<double>(size.synapses);
      size.scale(stride);
    }
    const auto grid = [&](Sign sign) {
      return RowGrid{group.step, sign == Sign::minus, shift, to};
    };
    const auto kept = [&](Sign sign) { return IntegerWeights<R>(grid(sign), sign == Sign::both); };
    const auto queue = [&](Sign sign, const RowSizes& size) {
      parts[c].push_back({channel, Form::queued, sign, shift,
                          std::make_unique<Queued>(elements, shortest, longest, size, kept(sign))});
    };
    // If there is room for the sign, a source is looked up once for both.
    const auto [plus, minus] = sizes[c];
    if (!full[0] && !full[1] && plus.rows > 0 && minus.rows > 0 &&
        Queued::fits(elements, shortest, longest, kept(Sign::both))) {
      queue(Sign::both, {plus.rows + minus.rows, plus.synapses + minus.synapses});
      continue;
    }
    for (const Sign sign : {Sign::plus, Sign::minus}) {
      const auto s = static_cast<std::size_t>(sign);
      if (full[s]) {
        parts[c].push_back(
            {channel, Form::lines, sign, shift,
             std::make_unique<LineRows<R, IntegerLine>>(elements, sizes[c][s], grid(sign))});
      } else {
        queue(sign, sizes[c][s]);
      }
    }
  }
  return parts;
}

template <class R>
void IntegerStore<R>::build(const Group& group, std::size_t span, std::uint32_t elements,
                            std::span<IntegerSums> sums) {
  RowGatherer<R> gatherer(group.feeds);
  std::vector<std::vector<Part>> parts = choose_forms(group, gatherer, elements, sums);
  BySign<R> gathered, sorted;
  gatherer.for_all([&](Gid source, const std::vector<RowEntries<R>>& rows) {
    for (std::size_t c = 0; c < parts.size(); ++c) {
      if (rows[c].empty()) {
        continue;
      }
      // A neuron spikes at most once in a step, and so each synapse adds to a sum at most once.
      IntegerSums& to = sums[static_cast<std::size_t>(parts[c][0].channel)];
      const auto most = static_cast<std::uint32_t>(most_grid_steps) << parts[c][0].shift;
      for (const RowEntry<R>& entry : rows[c]) {
        to.expect(entry.target, most);
      }
      if (parts[c][0].sign == Sign::both) {
        parts[c][0].append(source, rows[c]);
        continue;
      }
      split(rows[c], gathered);
      if (std::ranges::find(parts[c], Form::lines, &Part::form) != parts[c].end()) {
        split(gatherer.by_delay(c), sorted);
      }
      for (Part& part : parts[c]) {
        const auto s = static_cast<std::size_t>(part.sign);
        if (!gathered[s].empty()) {
          part.append(source, part.form == Form::lines ? sorted[s] : gathered[s]);
        }
      }
    }
  });
  for (std::vector<Part>& of_channel : parts) {
    for (Part& part : of_channel) {
      if (part.used) {
        part.rows->close(span);
        parts_.push_back(std::move(part));
      }
    }
  }
}

template <class R>
void IntegerStore<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  for (Part& part : parts_) {
    part.rows->enqueue(sources, stamp, from);
  }
}

template <class R>
void IntegerStore<R>::for_sources(const ForSource& visitor) const {
  for (const Part& part : parts_) {
    part.rows->for_sources(visitor);
  }
}

template <class R>
GidRange IntegerStore<R>::sources() const {
  return sources_of(parts_);
}

template <class R>
void IntegerStore<R>::deliver(Step step, Channels<R> input, bool early) {
  for (Part& part : parts_) {
    if (early) {
      part.rows->prepare(step);
    }
    if (early == is_early(part.channel)) {
      part.rows->deliver(step, input[static_cast<std::size_t>(part.channel)]);
    }
  }
}

template <class R>
bool IntegerStore<R>::mark_reached(std::span<std::uint64_t> blocks) const {
  return std::ranges::all_of(parts_, [&](const Part& part) {
    return !is_early(part.channel) || part.rows->mark_reached(blocks);
  });
}

template <class R>
void IntegerStore<R>::clear() {
  for (Part& part : parts_) {
    part.rows->clear();
  }
}

template <class R>
void IntegerStore<R>::visit_within(Gid source, LocalRange targets,
                                   const std::function<void(const SynapseRef<R>&)>& visitor) {
  for (Part& part : parts_) {
    part.rows->visit_within(source, targets, part.channel, visitor);
  }
}

template <class R>
std::size_t IntegerStore<R>::bytes() const {
  std::size_t sum = 0;
  for (const Part& part : parts_) {
    sum += part.rows->bytes();
  }
  return sum;
}

template class IntegerStore<float>;
template class IntegerStore<double>;

}  // namespace spikelet
