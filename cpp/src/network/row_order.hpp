// The order of the synapses of a row: by target, then by delay; those that agree in both stay in
// the order in which they were added.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace spikelet {

class RowOrder {
 public:
  void clear() { keys_.clear(); }
  void add(std::uint32_t target, std::uint16_t delay) {
    keys_.push_back(Key{target} << delay_bits | delay);
  }
  std::size_t size() const { return keys_.size(); }

  // Which synapse, counted as they were added, is first, second, and so on; empty if they were
  // added in order. Valid until the next call.
  std::span<const std::size_t> sorted() {
    order_.clear();
    if (std::ranges::is_sorted(keys_)) {
      return {};
    }
    if (keys_.size() < long_row) {
      sort_by_comparing();
    } else {
      sort_by_digits();
    }
    return order_;
  }

 private:
  using Key = std::uint64_t;
  struct Entry {
    Key key;
    std::size_t at;
    auto operator<=>(const Entry&) const = default;
  };
  static constexpr int delay_bits = 16, most_digit_bits = 11;
  // From these on, counting digits is faster than comparing, and larger digits are.
  static constexpr std::size_t long_row = 64, longer_row = 8192;

  void sort_by_comparing() {
    entries_.clear();
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      entries_.push_back({keys_[k], k});
    }
    std::ranges::sort(entries_);
    for (const Entry& entry : entries_) {
      order_.push_back(entry.at);
    }
  }

  // From the lowest digit to the highest; each pass keeps the order of those that agree.
  void sort_by_digits() {
    constexpr Key all_delays = (Key{1} << delay_bits) - 1;
    const auto [least, most] = std::ranges::minmax(keys_);
    Key shortest = all_delays, longest = 0;
    for (const Key key : keys_) {
      shortest = std::min(shortest, key & all_delays);
      longest = std::max(longest, key & all_delays);
    }
    const int width = std::bit_width(longest - shortest);  // of a delay without what all have
    const Key first = least >> delay_bits;
    entries_.resize(keys_.size());
    for (std::size_t k = 0; k < keys_.size(); ++k) {
      const Key target = (keys_[k] >> delay_bits) - first, delay = keys_[k] & all_delays;
      entries_[k] = {target << width | (delay - shortest), k};
    }
    other_.resize(keys_.size());
    const int digit_bits = keys_.size() < longer_row ? 8 : most_digit_bits;
    const int bits = std::bit_width((most >> delay_bits) - first) + width;
    for (int shift = 0; shift < bits; shift += digit_bits) {
      const auto digit = [&](const Entry& entry) {
        return entry.key >> shift & ((Key{1} << digit_bits) - 1);
      };
      std::array<std::size_t, std::size_t{1} << most_digit_bits> counts;
      const std::span begin(counts.data(), std::size_t{1} << digit_bits);
      std::ranges::fill(begin, std::size_t{0});
      for (const Entry& entry : entries_) {
        ++begin[digit(entry)];
      }
      std::size_t sum = 0;
      for (std::size_t& count : begin) {
        sum += std::exchange(count, sum);
      }
      for (const Entry& entry : entries_) {
        other_[begin[digit(entry)]++] = entry;
      }
      entries_.swap(other_);
    }
    for (const Entry& entry : entries_) {
      order_.push_back(entry.at);
    }
  }

  std::vector<Key> keys_;
  std::vector<Entry> entries_, other_;
  std::vector<std::size_t> order_;
};

}  // namespace spikelet
