#include "network/queued_rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace spikelet {

template <class R>
QueuedRows<R>::QueuedRows(std::uint32_t targets, Step shortest, Step longest, const RowSizes& sizes)
    : shortest_(shortest), target_bits_(std::bit_width(targets - 1)) {
  const int bits = target_bits_ + std::bit_width(static_cast<std::uint64_t>(longest - shortest));
  if (bits > 32) {
    throw std::length_error(
        "a partition has too many neurons for such long delays: use more threads");
  }
  code_bytes_ = bits > 24 ? 4 : 3;
  code_mask_ = bits > 24 ? 0xffffffffu : 0xffffffu;
  data_.reserve(sizes.synapses * (sizeof(R) + code_bytes_) / sizeof(Unit) + sizes.rows + 1);
}

template <class R>
std::size_t QueuedRows<R>::bytes_of(std::size_t n) const {
  return n * (sizeof(R) + code_bytes_);
}

template <class R>
std::uint32_t QueuedRows<R>::code(const unsigned char* codes, std::size_t k) const {
  std::uint32_t word;
  std::memcpy(&word, codes + k * code_bytes_, sizeof word);  // the unit after the last row follows
  return word & code_mask_;
}

template <class R>
void QueuedRows<R>::append(Gid source, const RowEntries<R>& row) {
  const std::size_t first = data_.size();
  data_.resize(first + (bytes_of(row.size()) + sizeof(Unit) - 1) / sizeof(Unit));
  if (data_.size() > 0xffffffffu) {
    throw std::length_error("a partition cannot hold so many synapses: use more threads");
  }
  auto* weights = reinterpret_cast<R*>(data_.data() + first);
  auto* codes = reinterpret_cast<unsigned char*>(weights + row.size());
  for (std::size_t k = 0; k < row.size(); ++k) {
    weights[k] = row[k].weight;
    const std::uint32_t word = row[k].target | static_cast<std::uint32_t>(row[k].delay - shortest_)
                                                   << target_bits_;
    std::memcpy(codes + k * code_bytes_, &word, code_bytes_);
  }
  rows_.append(source, {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(row.size())});
}

template <class R>
void QueuedRows<R>::close(std::size_t span) {
  data_.resize(data_.size() + 1);  // the last code is read as a whole word
  rows_.close({static_cast<std::uint32_t>(data_.size()), 0});
  due_.resize(target_bits_, span);
}

template <class R>
void QueuedRows<R>::enqueue(std::span<const Gid> sources, Step stamp, Step from) {
  // Rows are fetched some lines ahead, as many as the cache waits for at once; of a long row the
  // rest is predicted.
  constexpr std::size_t most_ahead = 40, most = 32, line = 64;
  const bool cut = stamp + shortest_ - 1 < from;
  const auto lines_of = [&](const Row& row) {
    return std::min(bytes_of(row.count) / line + 1, most);
  };
  const auto headers = [&](std::size_t k) {
    if (k < sources.size()) {
      rows_.prefetch(sources.subspan(k, std::min(rows_ahead, sources.size() - k)));
    }
  };
  headers(0);
  std::size_t next = 0, lines = 0;  // the next row to fetch, and lines fetched but not read
  for (std::size_t k = 0; k < sources.size(); ++k) {
    if (k % rows_ahead == 0) {
      headers(k + rows_ahead);
    }
    for (; next < std::min(k + rows_ahead, sources.size()) && (lines < most_ahead || next == k);
         ++next) {
      if (const Row* row = rows_.find(sources[next])) {
        const auto* data = reinterpret_cast<const char*>(data_.data() + row->first);
        const std::size_t n = lines_of(*row);
        lines += n;
        for (std::size_t l = 0; l < n; ++l) {
          fetch_line(data + l * line);
        }
      }
    }
    if (const Row* row = rows_.find(sources[k])) {
      lines -= lines_of(*row);
      cut ? queue<true>(*row, stamp, from) : queue<false>(*row, stamp, from);
    }
  }
}

// cut: some arrive before `from`, and are left out.
template <class R>
template <bool cut>
void QueuedRows<R>::queue(const Row& row, Step stamp, Step from) {
  const auto* weights = reinterpret_cast<const R*>(data_.data() + row.first);
  const std::size_t count = row.count;  // a store of bytes might change the row: read it once
  const auto* codes = reinterpret_cast<const unsigned char*>(weights + count);
  const int bits = target_bits_, low_bits = std::min(bits, block_target_bits);
  const std::uint32_t mask = (std::uint32_t{1} << low_bits) - 1;
  const Step first = stamp + shortest_ - 1;
  typename EventLists<R>::Writer writer(due_, first);
  const auto walk = [&](auto width) {
    const unsigned char* code = codes;
    for (const R *weight = weights, *end = weights + count; weight != end;
         ++weight, code += width) {
      std::uint32_t word;
      std::memcpy(&word, code, sizeof word);
      word &= width == 3 ? 0xffffffu : 0xffffffffu;
      if (!cut || first + (word >> bits) >= from) {
        writer.push(word >> low_bits, *weight, word & mask);
      }
    }
  };
  if (code_bytes_ == 3) {
    walk(std::integral_constant<std::size_t, 3>{});
  } else {
    walk(std::integral_constant<std::size_t, 4>{});
  }
}

template <class R>
void QueuedRows<R>::deliver(Step step, R* input) {
  due_.take(step, [input](std::size_t block, R weight, std::uint32_t target) {
    input[(block << block_target_bits) + target] += weight;
  });
}

template <class R>
void QueuedRows<R>::visit_within(Gid source, LocalRange targets,
                                 const std::function<void(SynapseRef<R>)>& visitor) {
  const Row* row = rows_.find(source);
  if (row == nullptr) {
    return;
  }
  auto* weights = reinterpret_cast<R*>(data_.data() + row->first);
  const auto* codes = reinterpret_cast<const unsigned char*>(weights + row->count);
  for (std::uint32_t k = 0; k < row->count; ++k) {
    const std::uint32_t word = code(codes, k),
                        target = word & ((std::uint32_t{1} << target_bits_) - 1);
    if (targets.contains(target)) {
      visitor({static_cast<std::uint16_t>(shortest_ + (word >> target_bits_)), target, &weights[k],
               0, 0});
    }
  }
}

template class QueuedRows<float>;
template class QueuedRows<double>;

}  // namespace spikelet
