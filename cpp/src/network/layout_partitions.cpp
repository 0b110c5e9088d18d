// How a network is divided: which projections share a store, and which elements a partition.
#include <algorithm>
#include <bit>
#include <map>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include "network/row_gatherer.hpp"
#include "spikelet/network/integer_store.hpp"
#include "spikelet/network/layout.hpp"

namespace spikelet {
namespace {

constexpr std::size_t local_limit =
    65408;  // elements of a partition: 16-bit targets, less the spare ones
constexpr std::size_t short_segment = 24;  // synapses
constexpr std::size_t line_segment = 8;    // shorter ones would not fill lines
constexpr Step wide_delays = 1 << 13;      // range, in which a queued synapse fits 32 bits
constexpr int short_code_bits = 24;        // of target and delay of a queued synapse
template <class R>
constexpr std::size_t most_synapses =
    100'000'000 * Line<R>::size;  // of a partition: numbers of lines have 27 bits, less padding
constexpr std::size_t first_level_elements = 5120;  // of which a buffer fits the cache well
constexpr std::size_t worth_a_thread =
    6144;  // elements below which synchronisation costs more than a second thread gains

}  // namespace

// Gives each projection its store. Static projections share a store as long as a synapse's source
// and target identify its projection. Projections added later must not deliver earlier spikes, so
// they get stores of their own.
template <class R>
void Layout<R>::place_stores() {
  store_born_.clear();
  // Stores of projections that were added at the same time and have weights of the same bits. The
  // first ones have a projection of each pair of populations, as many as `placed` says.
  std::map<std::pair<Step, bool>, std::vector<std::size_t>> alike;
  std::map<std::tuple<Step, bool, std::size_t, std::size_t>, std::size_t> placed;
  for (Projection<R>& projection : network_.projections) {
    if (projection.rule) {
      continue;
    }
    const bool integer = projection.step > 0;
    std::vector<std::size_t>& stores = alike[{projection.born, integer}];
    std::size_t& before = placed[{projection.born, integer, projection.pre, projection.post}];
    if (before == stores.size()) {
      stores.push_back(store_born_.size());
      store_born_.push_back(projection.born);
    }
    projection.store = stores[before++];
  }
  for (Projection<R>& projection : network_.projections) {
    if (projection.rule) {
      projection.store = store_born_.size();
      store_born_.push_back(projection.born);
    }
  }
}

// About how many synapses a source has for one delay.
template <class R>
std::size_t Layout<R>::segment_length() const {
  std::size_t synapses = 0, segments = 0;
  std::set<std::size_t> sources;
  Step spread = 1;
  for (const Projection<R>& projection : network_.projections) {
    if (projection.size > 0) {
      synapses += projection.size;
      spread = std::max(spread, projection.longest - projection.shortest + 1);
      if (sources.insert(projection.pre).second) {
        segments += network_.nodes[projection.pre].size;
      }
    }
  }
  return segments == 0 ? 0 : synapses / (segments * static_cast<std::size_t>(spread));
}

// Elements of a wide partition whose rows are queued: as many as have short codes.
template <class R>
std::size_t Layout<R>::wide_limit() const {
  Step shortest = max_delay, longest = 1;
  for (const Projection<R>& projection : network_.projections) {
    shortest = std::min(shortest, projection.shortest);
    longest = std::max(longest, projection.longest);
  }
  const auto spread = static_cast<std::uint64_t>(std::max(longest - shortest, Step{0}));
  const int target_bits = std::max(short_code_bits - static_cast<int>(std::bit_width(spread)),
                                   static_cast<int>(std::bit_width(most_targets)) - 1);
  return (std::size_t{1} << target_bits) - 128;
}

// Whether partitions may be wide: plastic synapses have 16-bit targets.
template <class R>
bool Layout<R>::may_be_wide() const {
  return std::ranges::none_of(network_.projections, [](const Projection<R>& projection) {
    return projection.rule || projection.longest - projection.shortest >= wide_delays;
  });
}

// Whether most synapses with weights of 16 bits would be in lines if there were so many partitions:
// wide ones have no lines for them. From a sample of the rows, as delays may be uneven.
template <class R>
bool Layout<R>::integers_fill_lines(std::size_t parts) const {
  std::vector<Feed<R>> feeds;
  for (const Projection<R>& projection : network_.projections) {
    if (projection.step > 0) {
      const Range own = network_.own(projection.post);
      feeds.push_back(feed_of(projection, own.begin, own.end));
    }
  }
  // Each partition adds half a line of padding.
  const auto shortest = static_cast<std::size_t>(static_cast<double>(parts * IntegerLine::size) /
                                                 (2 * (IntegerStore<R>::most_padding - 1)));
  std::size_t in_lines = 0, queued = 0;
  RowGatherer<R> gatherer(feeds);
  gatherer.for_some([&](Gid, const auto&) {
    for (std::size_t c = 0; c < gatherer.channels().size(); ++c) {
      for_segments(gatherer.by_delay(c), SIZE_MAX, [&](std::size_t begin, std::size_t end) {
        (end - begin < shortest ? queued : in_lines) += end - begin;
      });
    }
  });
  return in_lines > queued;
}

template <class R>
std::size_t Layout<R>::partition_count() const {
  const std::size_t nodes = network_.nodes.size();
  std::size_t elements = 0, synapses = 0;
  for (std::size_t k = 0; k < nodes; ++k) {
    elements += network_.own(k).size();
  }
  for (const Projection<R>& projection : network_.projections) {
    synapses += projection.size;
  }
  const auto parts = [](std::size_t all, std::size_t most) { return (all + most - 1) / most; };
  // Each population may round up by one block in each partition.
  const std::size_t rounding = std::min(nodes * block_size, local_limit / 2);
  const auto threads = static_cast<std::size_t>(network_.threads);
  const std::size_t wanted =
      adapt_ ? std::clamp<std::size_t>(elements / worth_a_thread, 1, threads) : threads;
  std::size_t fit = std::max(
      {wanted, parts(elements, local_limit - rounding), parts(synapses, most_synapses<R>)});
  // Each partition looks up each spike: where it would find few synapses, fewer partitions pay.
  if (fit > wanted && segment_length() < short_segment * fit && may_be_wide() &&
      !integers_fill_lines(fit)) {
    const auto fit_of = [&](std::size_t limit) {
      return std::max(
          {wanted, parts(elements, limit - rounding), parts(synapses, most_synapses<R>)});
    };
    fit = fit_of(most_targets - 128);  // as wide as lines reach
    if (segment_length() < line_segment * fit) {
      fit = fit_of(wide_limit());
    }
  }
  // More partitions keep what events are added to in the first-level cache; this pays only while a
  // source's segments stay long. Each thread gets a whole number of them.
  const std::size_t cached = std::min(elements / first_level_elements + 1, segment_length() / 128);
  return round_up(std::max(fit, cached), wanted);
}

template <class R>
void Layout<R>::split() {
  const std::size_t n = partition_count();
  bound_spikes_ = bound_states_ = 0;
  partitions.clear();
  partitions.resize(n);
  for (std::size_t k = 0; k < network_.nodes.size(); ++k) {
    const Range owned = network_.own(k);
    const std::size_t node_blocks = owned.size() / block_size;
    for (std::size_t p = 0; p < n; ++p) {
      // Rotated by k, so that the single blocks of many small populations spread over the
      // partitions.
      const std::size_t q = (p + k) % n;
      const std::size_t begin = owned.begin + node_blocks * q / n * block_size,
                        end = owned.begin + node_blocks * (q + 1) / n * block_size;
      if (begin == end) {
        continue;
      }
      Partition<R>& partition = partitions[p];
      Slice<R>& slice = partition.slices.emplace_back();
      slice.node = k;
      slice.begin = static_cast<std::uint32_t>(begin);
      slice.end = static_cast<std::uint32_t>(end);
      slice.local = static_cast<std::uint32_t>(partition.elements);
      if (network_.nodes[k].neurons) {
        partition.elements += end - begin;
      }
    }
  }
  for (Partition<R>& partition : partitions) {
    if (partition.elements > (may_be_wide() ? wide_limit() : local_limit)) {
      throw std::length_error("too many small populations for one partition: use more threads");
    }
    for (const Slice<R>& slice : partition.slices) {
      if (const auto& neurons = network_.nodes[slice.node].neurons) {
        for (std::size_t r = 0; r < neurons->receptors().size(); ++r) {
          partition.need_channel(neurons->receptors().channel(r));
        }
      }
    }
    partition.stores.resize(store_born_.size());
    partition.mail = std::make_unique<std::array<Mail, 2>>();
    std::size_t chunk = 0;  // the largest: small networks are many, and must not take more
    for (const Slice<R>& slice : partition.slices) {
      chunk =
          std::max<std::size_t>(chunk, std::min<std::size_t>(slice.end - slice.begin, step_chunk));
    }
    partition.scratch.resize(2 * chunk);
    partition.external.resize(chunk);
  }
}

template void Layout<float>::place_stores();
template void Layout<float>::split();
template void Layout<double>::place_stores();
template void Layout<double>::split();

}  // namespace spikelet
