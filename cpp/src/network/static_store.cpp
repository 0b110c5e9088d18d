#include "spikelet/network/static_store.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <utility>

#include "spikelet/core/kernels.hpp"

namespace spikelet {

template <class R>
struct RowEntry {
  std::uint16_t delay, target;
  R weight;
};
template <class R>
using RowEntries = std::vector<RowEntry<R>>;

// The entries of one source's row by channel and delay; equal ones in order of projection, then in
// the projection's order.
template <class R>
class RowGatherer {
 public:
  explicit RowGatherer(std::span<const Feed<R>> feeds) {
    for (const Feed<R>& feed : feeds) {
      channels_.push_back(feed.ends.up);
      channels_.push_back(feed.ends.down);
    }
    std::ranges::sort(channels_);
    channels_.erase(std::unique(channels_.begin(), channels_.end()), channels_.end());
    unsorted_.resize(channels_.size());
    sorted_.resize(channels_.size());
    const auto place = [&](int channel) {
      return static_cast<std::size_t>(std::ranges::lower_bound(channels_, channel) -
                                      channels_.begin());
    };
    for (const Feed<R>& feed : feeds) {
      feeds_.push_back({&feed, place(feed.ends.up), place(feed.ends.down)});
    }
    std::ranges::stable_sort(feeds_, {}, [](const Placed& one) { return one.feed->pre_gid; });
  }

  // Those that entries may have, ascending.
  const std::vector<int>& channels() const { return channels_; }

  // Whether the weights of each projection are all equal.
  bool one_weight() const {
    return std::ranges::all_of(feeds_, [](const Placed& one) {
      return one.feed->table != nullptr ? one.feed->table->weight.size() == 1
                                        : !one.feed->drawing->draws_weights();
    });
  }

  // By place in channels().
  std::vector<RowEntries<R>>& gather(Gid source) {
    for (RowEntries<R>& entries : unsorted_) {
      entries.clear();
    }
    for (const Placed& one : feeds_) {
      const Feed<R>& feed = *one.feed;
      if (feed.pre_gid > source) {
        break;
      }
      if (source - feed.pre_gid < feed.sources) {
        feed.table != nullptr ? from_table(one, source - feed.pre_gid)
                              : draw(one, source - feed.pre_gid);
      }
    }
    for (std::size_t k = 0; k < channels_.size(); ++k) {
      sort_by_delay(unsorted_[k], sorted_[k]);
    }
    return sorted_;
  }

 private:
  struct Placed {
    const Feed<R>* feed;
    std::size_t up, down;  // places of its channels
  };

  void add(const Placed& one, std::uint32_t post, std::uint16_t delay, R weight) {
    const Feed<R>& feed = *one.feed;
    unsorted_[weight < 0 ? one.down : one.up].push_back(
        {delay, static_cast<std::uint16_t>(feed.local + (post - feed.post_begin)),
         feed.sent(weight)});
  }
  void from_table(const Placed& one, std::size_t i) {
    const Feed<R>& feed = *one.feed;
    const SynapseTable<R>& table = *feed.table;
    const auto first = table.post.begin() + static_cast<std::ptrdiff_t>(table.row[i]);
    const auto last = table.post.begin() + static_cast<std::ptrdiff_t>(table.row[i + 1]);
    const auto lo = std::lower_bound(first, last, feed.post_begin);
    const auto hi = std::lower_bound(lo, last, feed.post_end);
    for (auto it = lo; it != hi; ++it) {
      const auto k = static_cast<std::size_t>(it - table.post.begin());
      add(one, *it, table.delay_of(k), table.weight_of(k));
    }
  }
  void draw(const Placed& one, std::uint32_t i) {
    const Feed<R>& feed = *one.feed;
    drawn_.clear();
    feed.drawing->row(i, feed.post_begin, feed.post_end, drawn_);
    for (const DrawnSynapse<R>& s : drawn_) {
      add(one, s.post, s.delay, s.weight);
    }
  }
  void sort_by_delay(RowEntries<R>& unsorted, RowEntries<R>& sorted) {
    std::uint32_t low = max_delay, high = 0;
    for (const RowEntry<R>& e : unsorted) {
      low = std::min<std::uint32_t>(low, e.delay);
      high = std::max<std::uint32_t>(high, e.delay);
    }
    if (low >= high) {
      sorted.swap(unsorted);
      return;
    }
    sorted.resize(unsorted.size());
    std::fill(count_.begin() + low, count_.begin() + high + 1, 0u);
    for (const RowEntry<R>& e : unsorted) {
      ++count_[e.delay];
    }
    std::uint32_t sum = 0;
    for (std::uint32_t d = low; d <= high; ++d) {
      sum += std::exchange(count_[d], sum);
    }
    for (const RowEntry<R>& e : unsorted) {
      sorted[count_[e.delay]++] = e;
    }
  }

  std::vector<Placed> feeds_;
  std::vector<int> channels_;
  std::vector<DrawnSynapse<R>> drawn_;
  std::vector<RowEntries<R>> unsorted_, sorted_;  // by place
  std::vector<std::uint32_t> count_ = std::vector<std::uint32_t>(max_delay + 1);
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

namespace {
constexpr std::size_t longest_segment = 65535;

constexpr std::size_t lines_for(std::size_t synapses, std::size_t size) {
  return (synapses + size - 1) / size;
}
}  // namespace

template <class R>
StaticStore<R>::StaticStore(std::span<const Feed<R>> feeds, std::size_t span, std::uint16_t dummies)
    : dummies_(dummies) {
  std::size_t first = SIZE_MAX, last = 0;  // sources
  for (const Feed<R>& feed : feeds) {
    first = std::min<std::size_t>(first, feed.pre_gid);
    last = std::max<std::size_t>(last, std::size_t{feed.pre_gid} + feed.sources);
  }
  RowGatherer<R> gatherer(feeds);
  for (const int number : gatherer.channels()) {
    channel_.emplace_back().number = static_cast<std::size_t>(number);
  }
  choose_forms(gatherer, first, last);
  for (std::size_t source = first; source < last; ++source) {
    auto& rows = gatherer.gather(static_cast<Gid>(source));
    for (std::size_t k = 0; k < channel_.size(); ++k) {
      if (!rows[k].empty()) {
        append(channel_[k], static_cast<Gid>(source), rows[k]);
      }
    }
  }
  std::erase_if(channel_, [](const ChannelRows& c) { return c.rows.empty(); });
  for (ChannelRows& c : channel_) {
    close(c);
    c.form == Form::packed ? c.due_packed.resize(span) : c.due_lines.resize(span);
  }
}

// Chooses each form from a sample of the sources, and reserves memory; untouched memory costs
// nothing.
template <class R>
void StaticStore<R>::choose_forms(RowGatherer<R>& gatherer, std::size_t first, std::size_t last) {
  constexpr std::size_t enough = 1024;  // rows
  struct Sizes {
    std::size_t synapses = 0, segments = 0, lines = 0, one_weight = 0, packed = 0;
  };
  std::vector<Sizes> sizes(channel_.size());
  const std::size_t stride = std::max<std::size_t>((last - std::min(first, last)) / enough, 1);
  for (std::size_t source = first; source < last; source += stride) {
    const auto& rows = gatherer.gather(static_cast<Gid>(source));
    for (std::size_t channel = 0; channel < channel_.size(); ++channel) {
      const RowEntries<R>& row = rows[channel];
      Sizes& s = sizes[channel];
      s.synapses += row.size();
      for_segments(row, longest_segment, [&](std::size_t begin, std::size_t end) {
        ++s.segments;
        s.lines += lines_for(end - begin, Line::Each::size);
        for (std::size_t k = begin; k < end;) {  // a line ends where the weight changes
          std::size_t same = k + 1;
          while (same < end && row[same].weight == row[k].weight) {
            ++same;
          }
          s.one_weight += lines_for(same - k, Line::One::size);
          k = same;
        }
        s.packed += packed_units(static_cast<std::uint32_t>(end - begin));
      });
    }
  }
  for (std::size_t channel = 0; channel < channel_.size(); ++channel) {
    const Sizes& s = sizes[channel];
    ChannelRows& c = channel_[channel];
    // Lines are faster while they are mostly full: with up to 28 % of the bytes as padding, or, for
    // one weight, up to 60 % of the synapses.
    const bool full = static_cast<double>(s.lines * sizeof(Line)) <=
                      1.28 * static_cast<double>(s.synapses * (sizeof(R) + 2));
    const bool one = gatherer.one_weight() && static_cast<double>(s.one_weight * Line::One::size) <=
                                                  1.6 * static_cast<double>(s.synapses);
    c.form = one ? Form::one_weight : full ? Form::lines : Form::packed;
    const auto room = [&](std::size_t sampled) {
      return stride == 1 ? sampled : sampled * stride + sampled * stride / 8 + 1024;
    };
    if (s.synapses > 0) {
      c.segments.reserve(room(s.segments));
      if (c.form == Form::packed) {
        c.packed.reserve(room(s.packed));
      } else {
        c.lines.reserve(room(one ? s.one_weight : s.lines));
      }
    }
  }
}

template <class R>
void StaticStore<R>::append(ChannelRows& c, Gid source, const RowEntries<R>& row) {
  Row header{c.size(), static_cast<std::uint32_t>(c.segments.size()), {0, 0}};
  for_segments(row, longest_segment, [&](std::size_t begin, std::size_t end) {
    const RowEntry<R>* entries = row.data() + begin;
    const std::size_t stored = c.form == Form::lines ? append_lines<true>(c, entries, end - begin)
                               : c.form == Form::one_weight
                                   ? append_lines<false>(c, entries, end - begin)
                                   : append_packed(c, entries, end - begin);
    const Segment segment{row[begin].delay, static_cast<std::uint16_t>(stored)};
    if (begin == 0) {
      header.segment = segment;
    } else {
      c.segments.push_back(segment);
    }
  });
  c.rows.push_back(header);
  c.sources.push_back(source);
  if (c.lines.size() >> (32 - due_count_bits) != 0 ||
      std::max(c.packed.size(), c.segments.size()) > 0xffffffffu) {
    throw std::length_error("a partition cannot hold so many synapses: use more threads");
  }
}

// Called after the last row.
template <class R>
void StaticStore<R>::close(ChannelRows& c) {
  const Row end{c.size(), static_cast<std::uint32_t>(c.segments.size()), {0, 0}};
  c.index = SourceIndex(c.sources);
  if (c.index.dense() && c.rows.size() < c.index.span()) {  // the other sources get empty rows
    Buffer<Row> rows(c.index.span());
    Row next = end;
    for (std::size_t k = c.rows.size(), at = rows.size(); at-- > 0;) {
      const bool has = k > 0 && c.sources[k - 1] - c.index.first() == at;
      rows[at] = has ? c.rows[--k] : Row{next.first, next.more, {0, 0}};
      next = rows[at];
    }
    c.rows = std::move(rows);
  }
  c.rows.push_back(end);
  c.rows.shrink_to_fit();
  c.sources = {};
}

// Returns the number of lines.
template <class R>
template <bool each>
std::size_t StaticStore<R>::append_lines(ChannelRows& c, const RowEntry<R>* entries,
                                         std::size_t count) {
  constexpr std::size_t size = each ? Line::Each::size : Line::One::size;
  std::size_t lines = 0;
  for (std::size_t k = 0; k < count; ++lines) {
    Line& line = c.lines.emplace_back();
    std::size_t l = 0;
    const R weight = entries[k].weight;
    for (; l < size && k < count && (each || entries[k].weight == weight); ++l, ++k) {
      if constexpr (each) {
        line.each.weight[l] = entries[k].weight;
        line.each.target[l] = entries[k].target;
      } else {
        line.one.target[l] = entries[k].target;
      }
    }
    if constexpr (!each) {
      line.one.weight = weight;
    }
    for (; l < size; ++l) {  // distinct, so that no addition waits for the one before
      const auto dummy = static_cast<std::uint16_t>(dummies_ + l);
      if constexpr (each) {
        line.each.weight[l] = R(0);
        line.each.target[l] = dummy;
      } else {
        line.one.target[l] = dummy;
      }
    }
  }
  return lines;
}

template <class R>
std::size_t StaticStore<R>::append_packed(ChannelRows& c, const RowEntry<R>* entries,
                                          std::size_t count) {
  const std::size_t at = c.packed.size();
  c.packed.resize(at + packed_units(static_cast<std::uint32_t>(count)));
  auto* targets = reinterpret_cast<std::uint16_t*>(c.packed.data() + at + count);
  for (std::size_t k = 0; k < count; ++k) {
    c.packed[at + k] = entries[k].weight;
    std::memcpy(targets + k, &entries[k].target, sizeof(std::uint16_t));
  }
  return count;
}

template <class R>
void StaticStore<R>::enqueue_all(std::span<const Gid> sources, Step stamp, Step from) {
  // Fetch rows, then their segments, then process them: each is in the cache by then, and the cache
  // has room for this many sources.
  constexpr std::size_t group = 64;
  for (std::size_t k = 0; k < sources.size(); k += group) {
    const auto some = sources.subspan(k, std::min(group, sources.size() - k));
    for (const ChannelRows& c : channel_) {
      if (!c.index.dense()) {
        for (const Gid source : some) {
          c.index.prefetch(source);
        }
      }
    }
    for (const Gid source : some) {
      for (const ChannelRows& c : channel_) {
        if (const Row* row = c.row(source)) {
          __builtin_prefetch(row);
        }
      }
    }
    for (const Gid source : some) {
      for (const ChannelRows& c : channel_) {
        if (const Row* row = c.row(source)) {
          for (std::uint32_t s = row->more; s < row[1].more; s += 64 / sizeof(Segment)) {
            __builtin_prefetch(c.segments.data() + s);
          }
        }
      }
    }
    for (const Gid source : some) {
      StaticStore::enqueue(source, stamp, from);
    }
  }
}

template <class R>
void StaticStore<R>::enqueue(Gid source, Step stamp, Step from) {
  for (ChannelRows& c : channel_) {
    const Row* row = c.row(source);
    if (row == nullptr) {
      continue;
    }
    for_segments_of(c, *row, [&](std::uint32_t first, Segment segment) {
      const Step arrival = stamp + segment.delay - 1;
      if (arrival < from) {
        return;
      }
      if (c.form == Form::packed) {
        c.due_packed.push(arrival, {first, segment.count});
        return;
      }
      for (std::uint32_t left = segment.count;;) {
        if (left <= most_due_lines) [[likely]] {
          c.due_lines.push(arrival, first << due_count_bits | left);
          break;
        }
        c.due_lines.push(arrival, first << due_count_bits | most_due_lines);
        first += most_due_lines;
        left -= most_due_lines;
      }
    });
  }
}

template <class R>
void StaticStore<R>::deliver(Step step, Channels<R> input, bool early) {
  for (ChannelRows& c : channel_) {
    // All that is due is known by now: the first lines are fetched while neurons are updated.
    if (early && c.form != Form::packed) {
      list_lines(c, step);
    }
    if (early == is_early(static_cast<int>(c.number))) {
      if (c.form == Form::packed) {
        deliver_packed(c, step, input[c.number]);
      } else {
        kernels().scatter<R>(c.form == Form::one_weight)(c.lines.data(), c.list.data(), c.listed,
                                                         input[c.number]);
      }
    }
  }
}

template <class R>
bool StaticStore<R>::mark_reached(std::span<std::uint64_t> blocks) const {
  // Marking pays where few lines are due; a word stands for 64 blocks.
  const std::size_t few = 8 * blocks.size();
  const auto mark = [&](std::span<const std::uint16_t> targets) {
    for (const std::size_t target : targets) {
      const std::size_t block = target / block_size;
      blocks[block / 64] |= std::uint64_t{1} << (block % 64);
    }
  };
  for (const ChannelRows& c : channel_) {
    if (!is_early(static_cast<int>(c.number))) {
      continue;
    }
    if (c.form == Form::packed || c.listed > few) {
      return false;
    }
    for (std::size_t i = 0; i < c.listed; ++i) {
      const Line& line = c.lines[c.list[i]];
      if (c.form == Form::lines) {
        mark(line.each.target);
      } else {
        mark(line.one.target);
      }
    }
  }
  return true;
}

// Lists the numbers of all lines that are due. A flat list avoids a mispredicted branch at the end
// of each segment, and keeps the prefetch distance constant in lines.
template <class R>
void StaticStore<R>::list_lines(ChannelRows& c, Step step) {
  c.listed = 0;
  if (c.due_lines.empty(step)) {
    return;
  }
  std::uint32_t* out = nullptr;
  c.due_lines.for_runs(step, [&](const DueLines* begin, const DueLines* end) {
    const std::size_t most = most_due_lines * static_cast<std::size_t>(end - begin) + lines_ahead;
    if (c.list.size() < c.listed + most) {
      c.list.resize(2 * (c.listed + most));
    }
    out = kernels().list_lines(begin, end, c.list.data() + c.listed);
    c.listed = static_cast<std::size_t>(out - c.list.data());
  });
  c.due_lines.clear(step);
  std::fill(out, out + lines_ahead, out[-1]);
  for (std::size_t i = 0; i < std::min(c.listed, lines_ahead); ++i) {
    __builtin_prefetch(c.lines.data() + c.list[i]);
  }
}

template <class R>
void StaticStore<R>::deliver_packed(ChannelRows& c, Step step, R* input) {
  const R* data = c.packed.data();
  // Fetch the beginnings of one run's segments before adding the first.
  c.due_packed.for_runs(step, [&](const Arrival* begin, const Arrival* end) {
    for (const Arrival* a = begin; a != end; ++a) {
      const auto* bytes = reinterpret_cast<const char*>(data + a->first);
      const std::size_t length = a->count * (sizeof(R) + 2);
      const std::size_t ahead = std::min<std::size_t>(length, 256);
      for (std::size_t byte = 0; byte < ahead; byte += 64) {
        __builtin_prefetch(bytes + byte);
      }
      __builtin_prefetch(bytes + ahead - 1);  // a segment may begin in the middle of a line
    }
    for (const Arrival* a = begin; a != end; ++a) {
      const R* weight = data + a->first;
      const auto* target = reinterpret_cast<const char*>(weight + a->count);
      for (std::uint32_t k = 0; k < a->count; ++k) {
        std::uint16_t t;
        std::memcpy(&t, target + 2 * k, sizeof t);
        input[t] += weight[k];
      }
    }
  });
  c.due_packed.clear(step);
}

template <class R>
void StaticStore<R>::clear() {
  for (ChannelRows& c : channel_) {
    c.due_lines.clear();
    c.due_packed.clear();
  }
}

template <class R>
void StaticStore<R>::visit(Gid source, const std::function<void(const SynapseRef<R>&)>& visitor) {
  for (ChannelRows& c : channel_) {
    const auto channel = static_cast<int>(c.number);
    const Row* row = c.row(source);
    if (row == nullptr) {
      continue;
    }
    for_segments_of(c, *row, [&](std::uint32_t first, Segment segment) {
      if (c.form == Form::lines) {
        for (std::uint32_t l = first; l < first + segment.count; ++l) {
          auto& line = c.lines[l].each;
          for (int k = 0; k < Line::Each::size && line.target[k] < dummies_; ++k) {
            visitor({segment.delay, line.target[k], &line.weight[k], channel, 0});
          }
        }
      } else if (c.form == Form::one_weight) {
        for (std::uint32_t l = first; l < first + segment.count; ++l) {
          auto& line = c.lines[l].one;
          for (int k = 0; k < Line::One::size && line.target[k] < dummies_; ++k) {
            visitor({segment.delay, line.target[k], &line.weight, channel, 0, true});
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
    sum += c.index.bytes() + c.rows.size() * sizeof(Row) + c.segments.size() * sizeof(Segment) +
           c.lines.size() * sizeof(Line) + c.packed.size() * sizeof(R);
  }
  return sum;
}

template class StaticStore<float>;
template class StaticStore<double>;

}  // namespace spikelet
