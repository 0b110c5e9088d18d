#include "spikelet/network/integer_store.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "network/line_rows.hpp"
#include "network/row_gatherer.hpp"

namespace spikelet {

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
void IntegerStore<R>::build(const Group& group, std::size_t span, std::uint32_t elements,
                            std::span<IntegerSums> sums) {
  constexpr std::size_t signs = 2;  // weights >= 0, and < 0
  RowGatherer<R> gatherer(group.feeds);
  const std::size_t channels = gatherer.channels().size();
  std::vector<RowGrid> grid;
  std::vector<RowSizes> sizes(channels * signs);
  std::array<RowEntries<R>, signs> apart;
  const auto split = [&](const RowEntries<R>& row) {
    for (RowEntries<R>& entries : apart) {
      entries.clear();
    }
    for (const RowEntry<R>& entry : row) {
      apart[entry.weight < 0].push_back(entry);
    }
  };
  // Memory is reserved from a sample of the sources; untouched memory costs nothing.
  const std::size_t stride = gatherer.for_some([&](Gid, const auto&) {
    for (std::size_t c = 0; c < channels; ++c) {
      split(gatherer.by_delay(c));
      for (std::size_t s = 0; s < signs; ++s) {
        for_segments(apart[s], SIZE_MAX, [&](std::size_t begin, std::size_t end) {
          sizes[c * signs + s].segments += 1;
          sizes[c * signs + s].lines += (end - begin + IntegerLine::size - 1) / IntegerLine::size;
        });
      }
    }
  });
  std::vector<Part> parts;
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    sizes[k].scale(stride);
    const int channel = gatherer.channels()[k / signs];
    const IntegerSums& to = sums[static_cast<std::size_t>(channel)];
    const int shift = std::ilogb(group.step) - std::ilogb(group.sum_step.at(channel));
    grid.push_back({group.step, k % signs == 1, shift, &to.at()});
    parts.push_back(
        {channel, std::make_unique<LineRows<R, IntegerLine>>(elements, sizes[k], grid[k])});
  }
  std::vector<bool> used(parts.size());
  gatherer.for_all([&](Gid source, const auto&) {
    for (std::size_t c = 0; c < channels; ++c) {
      split(gatherer.by_delay(c));
      for (std::size_t s = 0; s < signs; ++s) {
        const std::size_t k = c * signs + s;
        if (apart[s].empty()) {
          continue;
        }
        parts[k].rows->append(source, apart[s]);
        used[k] = true;
        // A neuron spikes at most once in a step, and so each synapse adds to a sum at most once.
        IntegerSums& to = sums[static_cast<std::size_t>(parts[k].channel)];
        const auto most = static_cast<std::uint32_t>(most_grid_steps) << grid[k].shift;
        for (const RowEntry<R>& entry : apart[s]) {
          to.expect(entry.target, most);
        }
      }
    }
  });
  for (std::size_t k = 0; k < parts.size(); ++k) {
    if (used[k]) {
      parts[k].rows->close(span);
      parts_.push_back(std::move(parts[k]));
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
GidRange IntegerStore<R>::sources() const {
  GidRange all = GidRange::none();
  for (const Part& part : parts_) {
    all = all.joined(part.rows->sources());
  }
  return all;
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
    part.rows->visit_within(source, targets, [&](SynapseRef<R> synapse) {
      synapse.channel = part.channel;
      visitor(synapse);
    });
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
