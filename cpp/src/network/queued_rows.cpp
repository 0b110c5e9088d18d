#include "network/queued_rows.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>

namespace spikelet {
namespace {

constexpr int bits_below(std::uint32_t targets) {
  return static_cast<int>(std::bit_width(targets - 1));
}

}  // namespace

template <class R, class Kept>
int QueuedRows<R, Kept>::code_bits(std::uint32_t targets, Step shortest, Step longest) {
  return bits_below(targets) +
         static_cast<int>(std::bit_width(static_cast<std::uint64_t>(longest - shortest)));
}

template <class R, class Kept>
QueuedRows<R, Kept>::QueuedRows(std::uint32_t targets, Step shortest, Step longest,
                                const RowSizes& sizes, const Kept& kept)
    : kept_(kept),
      shortest_(shortest),
      low_bits_(std::min(bits_below(targets), block_target_bits)),
      high_bits_(bits_below(targets) - low_bits_),
      delay_shift_(low_bits_ + kept.sign_bits() + high_bits_) {
  const int bits = code_bits(targets, shortest, longest) + kept.sign_bits();
  if (bits > most_code_bits) {
    throw std::length_error(
        "a partition has too many neurons for such long delays: use more threads");
  }
  code_bytes_ = bits > 24 ? 4 : 3;
  code_mask_ = bits > 24 ? 0xffffffffu : 0xffffffu;
  data_.reserve(sizes.synapses * (sizeof(Weight) + code_bytes_) / sizeof(Unit) + sizes.rows + 1);
}

template <class R, class Kept>
std::size_t QueuedRows<R, Kept>::bytes_of(std::size_t n) const {
  return n * (sizeof(Weight) + code_bytes_);
}

template <class R, class Kept>
std::uint32_t QueuedRows<R, Kept>::code(const unsigned char* codes, std::size_t k) const {
  std::uint32_t word;
  std::memcpy(&word, codes + k * code_bytes_, sizeof word);  // the unit after the last row follows
  return word & code_mask_;
}

template <class R, class Kept>
void QueuedRows<R, Kept>::append(Gid source, const RowEntries<R>& row) {
  const std::size_t first = data_.size();
  data_.resize(first + (bytes_of(row.size()) + sizeof(Unit) - 1) / sizeof(Unit));
  if (data_.size() > 0xffffffffu) {
    throw std::length_error("a partition cannot hold so many synapses: use more threads");
  }
  auto* weights = reinterpret_cast<Weight*>(data_.data() + first);
  auto* codes = reinterpret_cast<unsigned char*>(weights + row.size());
  for (std::size_t k = 0; k < row.size(); ++k) {
    const auto& [target, delay, weight] = row[k];
    weights[k] = kept_.kept(weight);
    const std::uint32_t high = target >> low_bits_;
    const std::uint32_t word =
        (target ^ high << low_bits_) | kept_.sign_of(weight) << low_bits_ |
        high << (low_bits_ + kept_.sign_bits()) |
        static_cast<std::uint32_t>(delay - shortest_) << delay_shift_;
    std::memcpy(codes + k * code_bytes_, &word, code_bytes_);
  }
  rows_.append(source, {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(row.size())});
}

template <class R, class Kept>
void QueuedRows<R, Kept>::close(std::size_t span) {
  data_.resize(data_.size() + 1);  // the last code is read as a whole word
  rows_.close({static_cast<std::uint32_t>(data_.size()), 0});
  due_.resize(high_bits_ + kept_.sign_bits(), span);
}

template <class R, class Kept>
void QueuedRows<R, Kept>::enqueue(std::span<const Gid> sources, Step stamp, Step from) {
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
template <class R, class Kept>
template <bool cut>
void QueuedRows<R, Kept>::queue(const Row& row, Step stamp, Step from) {
  const auto* weights = reinterpret_cast<const Weight*>(data_.data() + row.first);
  const std::size_t count = row.count;  // a store of bytes might change the row: read it once
  const auto* codes = reinterpret_cast<const unsigned char*>(weights + count);
  const int delay_shift = delay_shift_, low_bits = low_bits_;
  const std::uint32_t mask = (std::uint32_t{1} << low_bits) - 1;
  const Step first = stamp + shortest_ - 1;
  typename EventLists<typename Kept::Event>::Writer writer(due_, first);
  const auto walk = [&](auto width) {
    const unsigned char* code = codes;
    for (const Weight *weight = weights, *end = weights + count; weight != end;
         ++weight, code += width) {
      std::uint32_t word;
      std::memcpy(&word, code, sizeof word);
      word &= width == 3 ? 0xffffffu : 0xffffffffu;
      if (!cut || first + (word >> delay_shift) >= from) {
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

template <class R, class Kept>
void QueuedRows<R, Kept>::deliver(Step step, R* input) {
  kept_.add(input, [&](auto&& adder) { due_.take(step, adder); });
}

// First all of one sign, then all of the other: the order in which separate rows would have them.
template <class R, class Kept>
void QueuedRows<R, Kept>::visit(Gid source, const std::function<void(SynapseRef<R>)>& visitor) {
  const Row* row = rows_.find(source);
  if (row == nullptr) {
    return;
  }
  auto* weights = reinterpret_cast<Weight*>(data_.data() + row->first);
  const auto* codes = reinterpret_cast<const unsigned char*>(weights + row->count);
  const auto part = [](std::uint32_t word, int first, int bits) {
    return word >> first & ((std::uint32_t{1} << bits) - 1);
  };
  const int sign_bits = kept_.sign_bits();
  for (std::uint32_t sign = 0; sign < std::uint32_t{1} << sign_bits; ++sign) {
    for (std::uint32_t k = 0; k < row->count; ++k) {
      const std::uint32_t word = code(codes, k);
      if (part(word, low_bits_, sign_bits) == sign) {
        const std::uint32_t high = part(word, low_bits_ + sign_bits, high_bits_);
        const std::uint64_t later = std::uint64_t{word} >> delay_shift_;
        visitor(kept_.synapse(static_cast<std::uint16_t>(shortest_ + static_cast<Step>(later)),
                              part(word, 0, low_bits_) | high << low_bits_, &weights[k], sign));
      }
    }
  }
}

template class QueuedRows<float>;
template class QueuedRows<double>;
template class QueuedRows<float, IntegerWeights<float>>;
template class QueuedRows<double, IntegerWeights<double>>;

}  // namespace spikelet
