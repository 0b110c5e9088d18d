#include "spikelet/network/static_store.hpp"

#include <algorithm>
#include <utility>

#include "network/line_rows.hpp"
#include "network/queued_rows.hpp"
#include "network/row_gatherer.hpp"

namespace spikelet {
namespace {

// Beyond it, synapses are queued one by one.
constexpr double most_padding = 1.3;

constexpr std::size_t lines_for(std::size_t synapses, std::size_t size) {
  return (synapses + size - 1) / size;
}

// The lines of one weight for a segment: a line ends where the weight changes.
template <class R>
std::size_t shared_lines(std::span<const RowEntry<R>> segment) {
  std::size_t lines = 0;
  for (std::size_t k = 0; k < segment.size();) {
    std::size_t same = k + 1;
    while (same < segment.size() && segment[same].weight == segment[k].weight) {
      ++same;
    }
    lines += lines_for(same - k, SharedLine<R>::size);
    k = same;
  }
  return lines;
}

}  // namespace

template <class R>
StaticStore<R>::StaticStore(std::span<const Feed<R>> feeds, std::size_t span,
                            std::uint32_t elements) {
  RowGatherer<R> gatherer(feeds);
  choose_forms(gatherer, elements);
  std::vector<bool> used(channels_.size());
  gatherer.for_all([&](Gid source, const std::vector<RowEntries<R>>& rows) {
    for (std::size_t k = 0; k < channels_.size(); ++k) {
      if (!rows[k].empty()) {
        channels_[k].rows->append(
            source, channels_[k].form == Form::queued ? rows[k] : gatherer.by_delay(k));
        used[k] = true;
      }
    }
  });
  for (std::size_t k = used.size(); k-- > 0;) {
    if (!used[k]) {
      channels_.erase(channels_.begin() + static_cast<std::ptrdiff_t>(k));
    }
  }
  for (Channel& channel : channels_) {
    channel.rows->close(span);
  }
}

template <class R>
StaticStore<R>::StaticStore(StaticStore&&) noexcept = default;
template <class R>
StaticStore<R>::~StaticStore() = default;

// Chooses each form from a sample of the sources, and reserves memory; untouched memory costs
// nothing.
template <class R>
void StaticStore<R>::choose_forms(RowGatherer<R>& gatherer, std::uint32_t elements) {
  std::vector<RowSizes> sizes(gatherer.channels().size());
  std::vector<std::size_t> shared(sizes.size());
  const auto measure = [&](Gid, const std::vector<RowEntries<R>>& rows) {
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      sizes[k].rows += rows[k].empty() ? 0 : 1;
      sizes[k].synapses += rows[k].size();
      const RowEntries<R>& row = gatherer.by_delay(k);
      for_segments(row, SIZE_MAX, [&](std::size_t begin, std::size_t end) {
        ++sizes[k].segments;
        sizes[k].lines += lines_for(end - begin, Line<R>::size);
        shared[k] += shared_lines(std::span(row).subspan(begin, end - begin));
      });
    }
  };
  const std::size_t stride = gatherer.for_some(measure);
  const bool wide = elements + SharedLine<R>::size > 65536;
  const auto [shortest, longest] = gatherer.delays();
  for (std::size_t k = 0; k < sizes.size(); ++k) {
    RowSizes& size = sizes[k];
    // Lines are faster while they are mostly full: for one weight, up to 60 % of the synapses may
    // be padding.
    const auto synapses = static_cast<double>(size.synapses);
    const bool one = !wide && gatherer.one_weight() &&
                     static_cast<double>(shared[k] * SharedLine<R>::size) <= 1.6 * synapses;
    const bool full = elements + Line<R>::size <= most_targets &&
                      static_cast<double>(size.lines * Line<R>::size) <= most_padding * synapses;
    if (one) {
      size.lines = shared[k];
    }
    size.scale(stride);
    Channel& channel = channels_.emplace_back();
    channel.number = static_cast<std::size_t>(gatherer.channels()[k]);
    if (one) {
      channel.form = Form::one_weight;
      channel.rows = std::make_unique<LineRows<R, SharedLine<R>>>(elements, size);
    } else if (full) {
      channel.form = Form::lines;
      channel.rows = std::make_unique<LineRows<R, Line<R>>>(elements, size);
    } else {
      channel.form = Form::queued;
      channel.rows = std::make_unique<QueuedRows<R>>(elements, shortest, longest, size);
    }
  }
}

template <class R>
void StaticStore<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  for (Channel& channel : channels_) {
    channel.rows->enqueue(sources, stamp, from);
  }
}

template <class R>
void StaticStore<R>::fetch() const {
  for (const Channel& channel : channels_) {
    channel.rows->fetch();
  }
}

template <class R>
GidRange StaticStore<R>::sources() const {
  return sources_of(channels_);
}

template <class R>
void StaticStore<R>::for_sources(const ForSource& visitor) const {
  for (const Channel& channel : channels_) {
    channel.rows->for_sources(visitor);
  }
}

template <class R>
void StaticStore<R>::deliver(Step step, Channels<R> input, bool early) {
  for (Channel& channel : channels_) {
    if (early) {
      channel.rows->prepare(step);
    }
    if (early == is_early(static_cast<int>(channel.number))) {
      channel.rows->deliver(step, input[channel.number]);
    }
  }
}

template <class R>
bool StaticStore<R>::mark_reached(std::span<std::uint64_t> blocks) const {
  return std::ranges::all_of(channels_, [&](const Channel& channel) {
    return !is_early(static_cast<int>(channel.number)) || channel.rows->mark_reached(blocks);
  });
}

template <class R>
void StaticStore<R>::clear() {
  for (Channel& channel : channels_) {
    channel.rows->clear();
  }
}

template <class R>
void StaticStore<R>::visit_within(Gid source, LocalRange targets,
                                  const std::function<void(const SynapseRef<R>&)>& visitor) {
  for (Channel& channel : channels_) {
    channel.rows->visit_within(source, targets, static_cast<int>(channel.number), visitor);
  }
}

template <class R>
std::size_t StaticStore<R>::bytes() const {
  std::size_t sum = 0;
  for (const Channel& channel : channels_) {
    sum += channel.rows->bytes();
  }
  return sum;
}

template class StaticStore<float>;
template class StaticStore<double>;

}  // namespace spikelet
