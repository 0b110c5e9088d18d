#include "spikelet/network/static_store.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace spikelet {
namespace {

template <class R>
struct RowEntry {
  std::uint16_t delay, target;
  R weight;
};

// The entries of one source's row in one channel, by delay; among equals in order of projection,
// then target.
template <class R>
class RowGatherer {
 public:
  RowGatherer(std::span<const Feed<R>> feeds, int channel)
      : channel_(channel), count_(max_delay + 1) {
    for (const Feed<R>& feed : feeds) {
      feeds_.push_back(&feed);
    }
    std::stable_sort(feeds_.begin(), feeds_.end(),
                     [](const Feed<R>* a, const Feed<R>* b) { return a->pre_gid < b->pre_gid; });
  }

  // Sources must be asked for in ascending order.
  const std::vector<RowEntry<R>>& gather(Gid source) {
    while (end_ < feeds_.size() && feeds_[end_]->pre_gid <= source) {
      ++end_;
    }
    unsorted_.clear();
    for (std::size_t f = begin_; f < end_; ++f) {
      const Feed<R>& feed = *feeds_[f];
      const SynapseTable<R>& table = *feed.table;
      const std::size_t i = source - feed.pre_gid;
      if (i + 1 >= table.row.size()) {
        begin_ += f == begin_ ? 1 : 0;  // all its sources are behind us
        continue;
      }
      const auto first = table.post.begin() + static_cast<std::ptrdiff_t>(table.row[i]);
      const auto last = table.post.begin() + static_cast<std::ptrdiff_t>(table.row[i + 1]);
      const auto lo = std::lower_bound(first, last, feed.post_begin);
      const auto hi = std::lower_bound(lo, last, feed.post_end);
      for (auto it = lo; it != hi; ++it) {
        const auto k = static_cast<std::size_t>(it - table.post.begin());
        const R weight = table.weight_of(k);
        if (feed.channel_of(weight) == channel_) {
          unsorted_.push_back({table.delay_of(k),
                               static_cast<std::uint16_t>(feed.local + (*it - feed.post_begin)),
                               feed.sent(weight)});
        }
      }
    }
    sort_by_delay();
    return sorted_;
  }

 private:
  void sort_by_delay() {
    std::uint32_t low = max_delay, high = 0;
    for (const RowEntry<R>& e : unsorted_) {
      low = std::min<std::uint32_t>(low, e.delay);
      high = std::max<std::uint32_t>(high, e.delay);
    }
    sorted_.resize(unsorted_.size());
    if (low >= high) {
      sorted_.swap(unsorted_);
      return;
    }
    std::fill(count_.begin() + low, count_.begin() + high + 1, 0u);
    for (const RowEntry<R>& e : unsorted_) {
      ++count_[e.delay];
    }
    std::uint32_t sum = 0;
    for (std::uint32_t d = low; d <= high; ++d) {
      sum += std::exchange(count_[d], sum);
    }
    for (const RowEntry<R>& e : unsorted_) {
      sorted_[count_[e.delay]++] = e;
    }
  }

  int channel_;
  std::vector<const Feed<R>*> feeds_;
  std::size_t begin_ = 0, end_ = 0;
  std::vector<RowEntry<R>> unsorted_, sorted_;
  std::vector<std::uint32_t> count_;
};

// Calls f(begin, end) for each run of equal delay, at most `longest` entries each.
template <class R, class F>
void for_segments(const std::vector<RowEntry<R>>& row, std::size_t longest, F&& f) {
  for (std::size_t begin = 0; begin < row.size();) {
    std::size_t end = begin + 1;
    while (end < row.size() && row[end].delay == row[begin].delay && end - begin < longest) {
      ++end;
    }
    f(begin, end);
    begin = end;
  }
}

}  // namespace

template <class R>
StaticStore<R>::StaticStore(std::span<const Feed<R>> feeds, std::size_t sources, std::size_t span,
                            std::uint16_t dummies)
    : dummies_(dummies) {
  for (int channel = 0; channel < max_channels; ++channel) {
    build(channel, feeds, sources);
    channel_[channel].calendar.resize(span);
  }
}

template <class R>
void StaticStore<R>::build(int channel, std::span<const Feed<R>> feeds, std::size_t sources) {
  ChannelRows& c = channel_[channel];
  constexpr std::size_t longest = 65535;

  // First walk: sizes, to choose the form and to allocate once.
  std::size_t synapses = 0, segments = 0, lines = 0, packed = 0, first_source = sources,
              last_source = 0;
  RowGatherer<R> counter(feeds, channel);
  for (std::size_t source = 0; source < sources; ++source) {
    const auto& row = counter.gather(static_cast<Gid>(source));
    synapses += row.size();
    if (!row.empty()) {
      first_source = std::min(first_source, source);
      last_source = source;
    }
    for_segments(row, longest, [&](std::size_t begin, std::size_t end) {
      ++segments;
      lines += (end - begin + Line::size - 1) / Line::size;
      packed += packed_units(static_cast<std::uint32_t>(end - begin));
    });
  }
  if (synapses == 0) {
    return;
  }
  // Lines are faster while they are mostly full: up to 28 % of padding.
  c.lines_form = static_cast<double>(lines * sizeof(Line)) <=
                 1.28 * static_cast<double>(synapses * (sizeof(R) + 2));
  const std::size_t total = c.lines_form ? lines : packed;
  if (total > 0xffffffffu || segments > 0xffffffffu) {
    throw std::length_error(
        "a partition cannot hold more than 2^32 units of synapse data: use more threads");
  }
  c.first_source = static_cast<Gid>(first_source);
  c.rows.resize(last_source - first_source + 2);
  c.segments.reserve(segments);
  (c.lines_form ? c.lines.reserve(lines) : c.packed.reserve(packed));

  RowGatherer<R> gatherer(feeds, channel);
  for (std::size_t source = first_source; source <= last_source + 1; ++source) {
    Row& header = c.rows[source - first_source];
    header = {static_cast<std::uint32_t>(c.lines_form ? c.lines.size() : c.packed.size()),
              static_cast<std::uint32_t>(c.segments.size()),
              {0, 0}};
    if (source > last_source) {
      break;
    }
    const auto& row = gatherer.gather(static_cast<Gid>(source));
    for_segments(row, longest, [&](std::size_t begin, std::size_t end) {
      const auto count = static_cast<std::uint32_t>(end - begin);
      if (c.lines_form) {
        for (std::size_t k = begin; k < end; k += Line::size) {
          Line& line = c.lines.emplace_back();
          for (int l = 0; l < Line::size; ++l) {
            const bool real = k + static_cast<std::size_t>(l) < end;
            line.weight[l] = real ? row[k + static_cast<std::size_t>(l)].weight : R(0);
            line.target[l] = real ? row[k + static_cast<std::size_t>(l)].target
                                  : static_cast<std::uint16_t>(
                                        dummies_ + l);  // distinct: no store-to-load chains
          }
        }
      } else {
        const std::size_t at = c.packed.size();
        c.packed.resize(at + packed_units(count));
        auto* targets = reinterpret_cast<std::uint16_t*>(c.packed.data() + at + count);
        for (std::uint32_t k = 0; k < count; ++k) {
          c.packed[at + k] = row[begin + k].weight;
          std::memcpy(targets + k, &row[begin + k].target, sizeof(std::uint16_t));
        }
      }
      const auto stored = c.lines_form ? (count + Line::size - 1) / Line::size : count;
      const Segment segment{row[begin].delay, static_cast<std::uint16_t>(stored)};
      if (begin == 0) {
        header.segment = segment;
      } else {
        c.segments.push_back(segment);
      }
    });
  }
}

template <class R>
void StaticStore<R>::prefetch(Gid source) const {
  for (const ChannelRows& c : channel_) {
    if (c.has(source)) {
      __builtin_prefetch(c.rows.data() + (source - c.first_source));
    }
  }
}

template <class R>
void StaticStore<R>::enqueue(Gid source, Step stamp, Step from) {
  for (ChannelRows& c : channel_) {
    if (!c.has(source)) {
      continue;
    }
    for_segments_of(c, source, [&](std::uint32_t first, Segment segment) {
      const Step arrival = stamp + segment.delay - 1;
      if (arrival >= from) {
        c.calendar.at(arrival).push_back({first, segment.count});
      }
      if (arrival == from &&
          c.lines_form) {  // due in the coming step: the lines come while neurons are updated
        for (std::uint32_t l = 0; l < std::min<std::uint32_t>(segment.count, 8); ++l) {
          __builtin_prefetch(c.lines.data() + first + l);
        }
      }
    });
  }
}

template <class R>
void StaticStore<R>::deliver(Step step, const std::array<R*, max_channels>& input, bool early) {
  for (int k = 0; k < max_channels; ++k) {
    if (early == (k == early_channel) && !channel_[k].rows.empty()) {
      channel_[k].lines_form ? deliver_lines(channel_[k], step, input[k])
                             : deliver_packed(channel_[k], step, input[k]);
    }
  }
}

template <class R>
void StaticStore<R>::deliver_lines(ChannelRows& c, Step step, R* input) {
  constexpr std::size_t ahead = 64, stride = 16;  // lines in flight; numbers written at once
  auto& arrivals = c.calendar.at(step);
  if (arrivals.empty()) {
    return;
  }
  // A flat list: no mispredicted end of each segment, and a prefetch distance constant in lines.
  std::size_t n = 0;
  for (const Arrival& a : arrivals) {
    n += a.count;
  }
  if (list_.size() < n + ahead + stride) {
    list_.resize(2 * (n + ahead + stride));
  }
  std::uint32_t* out = list_.data();
  for (const Arrival& a : arrivals) {
    std::uint32_t k = 0;
    do {
      for (std::uint32_t l = 0; l < stride; ++l) {
        out[k + l] = a.first + k + l;
      }
      k += stride;
    } while (k < a.count);
    out += a.count;
  }
  std::fill(out, out + ahead, out[-1]);
  arrivals.clear();

  const Line* lines = c.lines.data();
  for (std::size_t i = 0; i < std::min(n, ahead); ++i) {
    __builtin_prefetch(lines + list_[i]);
  }
  const std::uint32_t* list = list_.data();
  for (std::size_t i = 0; i < n; ++i) {
    __builtin_prefetch(lines + list[i + ahead]);
    const Line& line = lines[list[i]];
#pragma GCC unroll 16
    for (int l = 0; l < Line::size; ++l) {
      input[line.target[l]] += line.weight[l];
    }
  }
}

template <class R>
void StaticStore<R>::deliver_packed(ChannelRows& c, Step step, R* input) {
  constexpr std::size_t ahead = 16;
  auto& arrivals = c.calendar.at(step);
  const R* data = c.packed.data();
  const std::size_t n = arrivals.size();
  for (std::size_t i = 0; i < std::min(n, ahead); ++i) {
    __builtin_prefetch(data + arrivals[i].first);
  }
  for (std::size_t i = 0; i < n; ++i) {
    if (i + ahead < n) {
      const auto* next = reinterpret_cast<const char*>(data + arrivals[i + ahead].first);
      const std::size_t length = arrivals[i + ahead].count * (sizeof(R) + 2);
      for (std::size_t byte = 0; byte < std::min<std::size_t>(length, 256); byte += 64) {
        __builtin_prefetch(next + byte);
      }
    }
    const R* weight = data + arrivals[i].first;
    const std::uint32_t count = arrivals[i].count;
    const auto* target = reinterpret_cast<const char*>(weight + count);
    for (std::uint32_t k = 0; k < count; ++k) {
      std::uint16_t t;
      std::memcpy(&t, target + 2 * k, sizeof t);
      input[t] += weight[k];
    }
  }
  arrivals.clear();
}

template <class R>
void StaticStore<R>::clear() {
  for (ChannelRows& c : channel_) {
    c.calendar.clear();
  }
}

template <class R>
void StaticStore<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  for (int channel = 0; channel < max_channels; ++channel) {
    ChannelRows& c = channel_[channel];
    if (!c.has(source)) {
      continue;
    }
    for_segments_of(c, source, [&](std::uint32_t first, Segment segment) {
      if (c.lines_form) {
        for (std::uint32_t l = first; l < first + segment.count; ++l) {
          for (int k = 0; k < Line::size && c.lines[l].target[k] < dummies_; ++k) {
            visitor({segment.delay, c.lines[l].target[k], &c.lines[l].weight[k], channel, 0});
          }
        }
      } else {
        const auto* target = reinterpret_cast<const char*>(c.packed.data() + first + segment.count);
        for (std::uint32_t k = 0; k < segment.count; ++k) {
          std::uint16_t t;
          std::memcpy(&t, target + 2 * k, sizeof t);
          visitor({segment.delay, t, &c.packed[first + k], channel, 0});
        }
      }
    });
  }
}

template <class R>
std::size_t StaticStore<R>::bytes() const {
  std::size_t sum = 0;
  for (const ChannelRows& c : channel_) {
    sum += c.rows.size() * sizeof(Row) + c.segments.size() * sizeof(Segment) +
           c.lines.size() * sizeof(Line) + c.packed.size() * sizeof(R);
  }
  return sum;
}

template class StaticStore<float>;
template class StaticStore<double>;

}  // namespace spikelet
