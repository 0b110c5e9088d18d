#include "network/queued_rows.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace spikelet {
namespace {

constexpr int bits_below(std::uint32_t targets) {
  return static_cast<int>(std::bit_width(targets - 1));
}
constexpr int low_bits_below(std::uint32_t targets) {
  return std::min(bits_below(targets), block_target_bits);
}

}  // namespace

template <class R, class Kept>
int QueuedRows<R, Kept>::list_bits(std::uint32_t targets, Step shortest, Step longest,
                                   const Kept& kept) {
  return kept.sign_bits() + bits_below(targets) - low_bits_below(targets) +
         static_cast<int>(std::bit_width(static_cast<std::uint64_t>(longest - shortest)));
}

template <class R, class Kept>
bool QueuedRows<R, Kept>::fits(std::uint32_t targets, Step shortest, Step longest,
                               const Kept& kept) {
  return Kept::Packing::fits(low_bits_below(targets), list_bits(targets, shortest, longest, kept));
}

template <class R, class Kept>
QueuedRows<R, Kept>::QueuedRows(std::uint32_t targets, Step shortest, Step longest,
                                const RowSizes& sizes, const Kept& kept)
    : kept_(kept),
      shortest_(shortest),
      low_bits_(low_bits_below(targets)),
      high_bits_(bits_below(targets) - low_bits_),
      packing_(low_bits_, list_bits(targets, shortest, longest, kept)) {
  if (!fits(targets, shortest, longest, kept)) {
    throw std::length_error(
        "a partition has too many neurons for such long delays: use more threads");
  }
  data_.reserve(bytes_of(sizes.synapses) / sizeof(Unit) + sizes.rows + 1);
}

template <class R, class Kept>
void QueuedRows<R, Kept>::append(Gid source, const RowEntries<R>& row) {
  const Row header{static_cast<std::uint32_t>(data_.size()),
                   static_cast<std::uint32_t>(row.size())};
  data_.resize(data_.size() + (bytes_of(row.size()) + sizeof(Unit) - 1) / sizeof(Unit));
  if (data_.size() > 0xffffffffu) {
    throw std::length_error("a partition cannot hold so many synapses: use more threads");
  }
  for (std::size_t k = 0; k < row.size(); ++k) {
    const auto& [target, delay, weight] = row[k];
    const std::uint32_t high = target >> low_bits_;
    const auto later = static_cast<std::uint32_t>(delay - shortest_);
    packing_.write(bytes_at(header), row.size(), k,
                   kept_.sign_of(weight) | high << kept_.sign_bits() | later << step_bits(),
                   kept_.kept(weight), target ^ high << low_bits_);
  }
  rows_.append(source, header);
}

template <class R, class Kept>
void QueuedRows<R, Kept>::close(std::size_t span) {
  data_.resize(data_.size() + 1);  // a packing may read beyond the last row
  rows_.close({static_cast<std::uint32_t>(data_.size()), 0});
  due_.resize(step_bits(), span);
}

template <class R, class Kept>
void QueuedRows<R, Kept>::for_sources(const ForSource& visitor) const {
  rows_.for_rows([&](Gid source, const Row& row) {
    Step first = max_delay, last = 0;
    packing_.for_all(data_[row.first].bytes, row.count, [&](std::uint32_t list, auto&&...) {
      const Step delay = shortest_ + (list >> step_bits());
      first = std::min(first, delay);
      last = std::max(last, delay);
    });
    visitor(source, first, last);
  });
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
  const int step_bits = this->step_bits();
  const Step first = stamp + shortest_ - 1;
  typename EventLists<typename Kept::Event>::Writer writer(due_, first);
  packing_.for_all(bytes_at(row), row.count, [&](std::uint32_t list, auto weight, auto target) {
    if (!cut || first + (list >> step_bits) >= from) {
      writer.push(list, weight, target);
    }
  });
}

template <class R, class Kept>
void QueuedRows<R, Kept>::deliver(Step step, R* input) {
  kept_.add(input, [&](auto&& adder) { due_.take(step, adder); });
}

// First all of one sign, then all of the other: the order in which separate rows would have them.
template <class R, class Kept>
void QueuedRows<R, Kept>::visit_within(Gid source, LocalRange targets, int channel,
                                       const std::function<void(const SynapseRef<R>&)>& visitor) {
  const Row* row = rows_.find(source);
  if (row == nullptr) {
    return;
  }
  const std::uint32_t count = row->count;
  const std::uint32_t signs = std::uint32_t{1} << kept_.sign_bits();
  const std::uint32_t blocks = std::uint32_t{1} << high_bits_;
  for (std::uint32_t sign = 0; sign < signs; ++sign) {
    for (std::uint32_t k = 0; k < count; ++k) {
      const auto [list, low, weight] = packing_.at(bytes_at(*row), count, k);
      const std::uint32_t target = low | ((list / signs) % blocks) << low_bits_;
      if (list % signs == sign && targets.contains(target)) {
        const auto delay = static_cast<std::uint16_t>(shortest_ + (list >> step_bits()));
        visitor(kept_.synapse(delay, target, channel, weight, sign));
      }
    }
  }
}

template class QueuedRows<float>;
template class QueuedRows<double>;
template class QueuedRows<float, IntegerWeights<float>>;
template class QueuedRows<double, IntegerWeights<double>>;

}  // namespace spikelet
