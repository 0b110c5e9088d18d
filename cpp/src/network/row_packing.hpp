// How the synapses of a queued row lie in memory. Each has a weight, the low bits of its target,
// and the number of a list: how far behind the first one of its row's shortest delay.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace spikelet {

// What a packing holds of one synapse.
struct PackedSynapse {
  std::uint32_t list, target;
  unsigned char* weight;
};

// All weights, then as many codes of 3 or 4 bytes: a target, and above it the list. May read some
// bytes beyond the row.
template <class Event>
class PackedApart {
 public:
  using Weight = typename Event::Weight;

  static bool fits(int target_bits, int list_bits) { return target_bits + list_bits <= 32; }
  PackedApart(int target_bits, int list_bits)
      : target_bits_(target_bits), code_bytes_(target_bits + list_bits > 24 ? 4 : 3) {}

  std::size_t bytes_of(std::size_t n) const { return n * (sizeof(Weight) + code_bytes_); }
  void write(unsigned char* row, std::size_t n, std::size_t k, std::uint32_t list, Weight weight,
             std::uint32_t target) const {
    const std::uint32_t code = target | list << target_bits_;
    std::memcpy(row + k * sizeof(Weight), &weight, sizeof weight);
    std::memcpy(row + n * sizeof(Weight) + k * code_bytes_, &code, code_bytes_);
  }
  PackedSynapse at(unsigned char* row, std::size_t n, std::size_t k) const {
    std::uint32_t code;
    std::memcpy(&code, row + n * sizeof(Weight) + k * code_bytes_, sizeof code);
    code &= code_bytes_ == 3 ? 0xffffffu : 0xffffffffu;
    return {code >> target_bits_, code & mask(), row + k * sizeof(Weight)};
  }
  // Calls f(list, weight, target) for all synapses.
  template <class F>
  void for_all(const unsigned char* row, std::size_t n, F&& f) const {
    const auto* weights = reinterpret_cast<const Weight*>(row);
    const auto* codes = reinterpret_cast<const unsigned char*>(weights + n);
    const int target_bits = target_bits_;
    const std::uint32_t low = mask();
    const auto walk = [&](auto width) {
      const unsigned char* code = codes;
      for (const Weight *weight = weights, *end = weights + n; weight != end;
           ++weight, code += width) {
        std::uint32_t word;
        std::memcpy(&word, code, sizeof word);
        word &= width == 3 ? 0xffffffu : 0xffffffffu;
        f(word >> target_bits, *weight, word & low);
      }
    };
    if (code_bytes_ == 3) {
      walk(std::integral_constant<std::size_t, 3>{});
    } else {
      walk(std::integral_constant<std::size_t, 4>{});
    }
  }

 private:
  std::uint32_t mask() const { return (std::uint32_t{1} << target_bits_) - 1; }

  int target_bits_;
  std::size_t code_bytes_;
};

// Synapse by synapse: the event as it will lie in its list, then the list in 1 or 2 bytes. Copying
// it takes half the instructions; with a float it would often take a byte more.
template <class Event>
class PackedEvents {
 public:
  using Weight = typename Event::Weight;
  static_assert(Event::slack == 0);

  static bool fits(int target_bits, int list_bits) { return target_bits <= 16 && list_bits <= 16; }
  PackedEvents(int, int list_bits) : list_bytes_(list_bits > 8 ? 2 : 1) {}

  std::size_t bytes_of(std::size_t n) const { return n * (Event::bytes + list_bytes_); }
  void write(unsigned char* row, std::size_t, std::size_t k, std::uint32_t list, Weight weight,
             std::uint32_t target) const {
    unsigned char* to = row + bytes_of(k);
    Event::write(reinterpret_cast<char*>(to), weight, target);
    std::memcpy(to + Event::bytes, &list, list_bytes_);
  }
  PackedSynapse at(unsigned char* row, std::size_t, std::size_t k) const {
    unsigned char* from = row + bytes_of(k);
    PackedSynapse synapse{0, 0, from + Event::weight_at};
    std::memcpy(&synapse.list, from + Event::bytes, list_bytes_);
    Event::read(reinterpret_cast<const char*>(from),
                [&](auto, std::uint32_t target) { synapse.target = target; });
    return synapse;
  }
  template <class F>
  void for_all(const unsigned char* row, std::size_t n, F&& f) const {
    const auto walk = [&](auto number) {
      constexpr std::size_t bytes = Event::bytes + sizeof number;
      for (const unsigned char *from = row, *end = row + n * bytes; from != end; from += bytes) {
        std::memcpy(&number, from + Event::bytes, sizeof number);
        Event::read(reinterpret_cast<const char*>(from), [&](auto weight, std::uint32_t target) {
          f(std::uint32_t{number}, static_cast<Weight>(weight), target);
        });
      }
    };
    if (list_bytes_ == 1) {
      walk(std::uint8_t{});
    } else {
      walk(std::uint16_t{});
    }
  }

 private:
  std::size_t list_bytes_;
};

}  // namespace spikelet
