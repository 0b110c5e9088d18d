#include "network/line_rows.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "spikelet/core/kernels.hpp"

namespace spikelet {

template <class R, class L>
LineRows<R, L>::LineRows(std::uint32_t dummies, const RowSizes& sizes, const RowGrid& grid)
    : dummies_(dummies), grid_(grid) {
  segments_.reserve(sizes.segments);
  lines_.reserve(sizes.lines);
}

template <class R, class L>
template <class F>
void LineRows<R, L>::for_segments_of(const Row& row, F&& f) const {
  if (row.segment.lines == 0) {
    return;
  }
  std::uint32_t first = row.first;
  f(first, row.segment);
  first += row.segment.lines;
  const std::uint32_t end = (&row)[1].more;
  for (std::uint32_t s = row.more; s < end; ++s) {
    f(first, segments_[s]);
    first += segments_[s].lines;
  }
}

template <class R, class L>
void LineRows<R, L>::append(Gid source, const RowEntries<R>& row) {
  Row header{static_cast<std::uint32_t>(lines_.size()),
             static_cast<std::uint32_t>(segments_.size()),
             {0, 0}};
  for_segments(row, longest_segment, [&](std::size_t begin, std::size_t end) {
    const Segment segment{row[begin].delay,
                          append_lines(std::span(row).subspan(begin, end - begin))};
    if (begin == 0) {
      header.segment = segment;
    } else {
      segments_.push_back(segment);
    }
  });
  rows_.append(source, header);
  if (lines_.size() >> (32 - due_count_bits) != 0 || segments_.size() > 0xffffffffu) {
    throw std::length_error("a partition cannot hold so many synapses: use more threads");
  }
}

template <class R, class L>
std::uint16_t LineRows<R, L>::append_lines(std::span<const RowEntry<R>> entries) {
  std::uint16_t lines = 0;
  for (std::size_t k = 0; k < entries.size(); ++lines) {
    L& line = lines_.emplace_back();
    int l = 0;
    if constexpr (shared) {  // a line ends where the weight changes
      const R weight = line.weight = entries[k].weight;
      for (; l < L::size && k < entries.size() && entries[k].weight == weight; ++l, ++k) {
        line.target[l] = static_cast<std::uint16_t>(entries[k].target);
      }
    } else if constexpr (integer) {
      for (; l < L::size && k < entries.size(); ++l, ++k) {
        const std::uint32_t magnitude = grid_.magnitude(static_cast<double>(entries[k].weight));
        line.synapse[l] = magnitude << 16 | entries[k].target;
      }
    } else {
      line.high = 0;
      for (; l < L::size && k < entries.size(); ++l, ++k) {
        line.weight[l] = entries[k].weight;
        line.set_target(l, entries[k].target);
      }
    }
    for (; l < L::size; ++l) {  // distinct, so that no addition waits for the one before
      const std::uint32_t dummy = dummies_ + static_cast<std::uint32_t>(l);
      if constexpr (shared) {
        line.target[l] = static_cast<std::uint16_t>(dummy);
      } else if constexpr (integer) {
        line.synapse[l] = dummy;
      } else {
        line.weight[l] = R(0);
        line.set_target(l, dummy);
      }
    }
  }
  return lines;
}

template <class R, class L>
void LineRows<R, L>::close(std::size_t span) {
  rows_.close({static_cast<std::uint32_t>(lines_.size()),
               static_cast<std::uint32_t>(segments_.size()),
               {0, 0}});
  due_.resize(span);
}

template <class R, class L>
void LineRows<R, L>::for_sources(const ForSource& visitor) const {
  rows_.for_rows([&](Gid source, const Row& row) {
    for_segments_of(row, [&](std::uint32_t, Segment segment) {
      visitor(source, segment.delay, segment.delay);
    });
  });
}

template <class R, class L>
void LineRows<R, L>::enqueue(std::span<const Gid> sources, Step stamp, Step from) {
  // Fetch rows, then their segments, then process them: each is in the cache by then.
  std::array<const Row*, rows_ahead> rows;
  for (std::size_t k = 0; k < sources.size(); k += rows_ahead) {
    const auto some = sources.subspan(k, std::min(rows_ahead, sources.size() - k));
    rows_.prefetch(some);
    std::size_t found = 0;
    for (const Gid source : some) {
      if (const Row* row = rows_.find(source)) {
        rows[found++] = row;
      }
    }
    if (!segments_.empty()) {
      for (std::size_t i = 0; i < found; ++i) {
        for (std::uint32_t s = rows[i]->more; s < rows[i][1].more; s += 64 / sizeof(Segment)) {
          __builtin_prefetch(segments_.data() + s);
        }
      }
    }
    typename Arrivals<DueLines>::Writer due(due_);
    for (std::size_t i = 0; i < found; ++i) {
      note(*rows[i], stamp, from, due);
    }
  }
}

template <class R, class L>
void LineRows<R, L>::note(const Row& row, Step stamp, Step from,
                          typename Arrivals<DueLines>::Writer& due) {
  for_segments_of(row, [&](std::uint32_t first, Segment segment) {
    const Step arrival = stamp + segment.delay - 1;
    if (arrival < from) {
      return;
    }
    for (std::uint32_t left = segment.lines;;) {
      if (left <= most_due_lines) [[likely]] {
        due.push(arrival, first << due_count_bits | left);
        break;
      }
      due.push(arrival, first << due_count_bits | most_due_lines);
      first += most_due_lines;
      left -= most_due_lines;
    }
  });
}

// Lists the numbers of all lines that are due, and fetches the first. A flat list avoids a
// mispredicted branch at the end of each segment, and keeps the prefetch distance constant.
template <class R, class L>
void LineRows<R, L>::prepare(Step step) {
  listed_ = 0;
  if (due_.empty(step)) {
    return;
  }
  if constexpr (integer) {
    list_parts(step);
    return;
  }
  std::uint32_t* out = nullptr;
  due_.for_runs(step, [&](const DueLines* begin, const DueLines* end) {
    const std::size_t most = most_due_lines * static_cast<std::size_t>(end - begin) + list_slack;
    if (list_.size() < listed_ + most) {
      list_.resize(2 * (listed_ + most));
    }
    out = kernels().list_lines(begin, end, list_.data() + listed_);
    listed_ = static_cast<std::size_t>(out - list_.data());
  });
  due_.clear(step);
  std::fill(out, out + list_slack, out[-1]);
  fetch_first();
}

// A fixed number at a time, so that few lines take a turn that is predicted.
template <class R, class L>
void LineRows<R, L>::fetch_first() const {
  constexpr std::size_t together = 8;
  for (std::size_t i = 0; i < std::min(listed_, lines_ahead<L>); i += together) {
    for (std::size_t k = i; k < i + together; ++k) {
      fetch_line(lines_.data() + list_[k]);
    }
  }
}

template <class R, class L>
void LineRows<R, L>::list_parts(Step step) {
  std::size_t ranges = 0;
  due_.for_runs(step, [&](const DueLines* begin, const DueLines* end) {
    ranges += static_cast<std::size_t>(end - begin);
  });
  const std::size_t room = (ranges + 1) * most_part_lines;  // of a part
  if (part_.size() < line_parts * room) {
    part_.resize(2 * line_parts * room);
    list_.resize(part_.size() + list_slack);
  }
  std::array<std::uint32_t*, line_parts> ends;
  for (std::size_t k = 0; k < line_parts; ++k) {
    ends[k] = part_.data() + k * room;
  }
  due_.for_runs(step, [&](const DueLines* begin, const DueLines* end) {
    kernels().list_parts(begin, end, ends.data());
  });
  due_.clear(step);
  std::uint32_t* out = list_.data();
  for (std::size_t k = 0; k < line_parts; ++k) {
    out = std::copy(part_.data() + k * room, ends[k], out);
  }
  listed_ = static_cast<std::size_t>(out - list_.data());
  std::fill(out, out + list_slack, out[-1]);
  fetch_first();
}

template <class R, class L>
void LineRows<R, L>::deliver(Step, R* input) {
  if (listed_ == 0) {
    return;
  }
  if constexpr (integer) {
    kernels().scatter_integers(lines_.data(), list_.data(), listed_, grid_.shift, grid_.negative,
                               grid_.sums);
  } else {
    kernels().scatter(static_cast<const L*>(nullptr), dummies_ + L::size > 65536)(
        lines_.data(), list_.data(), listed_, dummies_, input);
  }
}

template <class R, class L>
bool LineRows<R, L>::mark_reached(std::span<std::uint64_t> blocks) const {
  // Marking pays where few lines are due; a word stands for 64 blocks.
  if (listed_ * sizeof(L) > 8 * 64 * blocks.size()) {
    return false;
  }
  for (std::size_t i = 0; i < listed_; ++i) {
    const L& line = lines_[list_[i]];
    for (int l = 0; l < L::size; ++l) {
      const std::size_t block = target_in(line, l) / block_size;
      blocks[block / 64] |= std::uint64_t{1} << (block % 64);
    }
  }
  return true;
}

template <class R, class L>
void LineRows<R, L>::visit_within(Gid source, LocalRange targets, int channel,
                                  const std::function<void(const SynapseRef<R>&)>& visitor) {
  const Row* row = rows_.find(source);
  if (row == nullptr) {
    return;
  }
  targets.end = std::min(targets.end, dummies_);
  for_segments_of(*row, [&](std::uint32_t first, Segment segment) {
    for (std::uint32_t k = first; k < first + segment.lines; ++k) {
      L& line = lines_[k];
      std::uint32_t some = 0,
                    real = 0;  // how many the line has, and with others; no branch for each
      for (int l = 0; l < L::size; ++l) {
        some += static_cast<std::uint32_t>(targets.contains(target_in(line, l)));
        real += static_cast<std::uint32_t>(target_in(line, l) < dummies_);
      }
      for (int l = 0; some != 0 && l < L::size; ++l) {
        const std::uint32_t target = target_in(line, l);
        if (!targets.contains(target)) {
          continue;
        }
        if constexpr (shared) {
          visitor({segment.delay, target, &line.weight, channel, 0, true, some != real});
        } else if constexpr (integer) {
          visitor(SynapseRef<R>::of_16_bits(segment.delay, target, channel, line.magnitude_at(l),
                                            grid_.step, grid_.negative));
        } else {
          visitor({segment.delay, target, &line.weight[l], channel, 0});
        }
      }
    }
  });
}

template class LineRows<float, Line<float>>;
template class LineRows<double, Line<double>>;
template class LineRows<float, SharedLine<float>>;
template class LineRows<double, SharedLine<double>>;
template class LineRows<float, IntegerLine>;
template class LineRows<double, IntegerLine>;

}  // namespace spikelet
