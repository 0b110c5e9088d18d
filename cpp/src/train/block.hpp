// Parameters and state of a block of neurons, for the drivers of fused steps.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

#include "spikelet/core/buffer.hpp"
#include "train/kernels.hpp"

namespace spikelet::train {

inline constexpr std::size_t padding = 16;  // lanes of the widest vector

template <class R>
R* offset(R* p, std::size_t n) {
  return p == nullptr ? nullptr : p + n;
}

// Parameters of neurons first .. first + n, laid out for vectors.
template <class R>
class BlockLanes {
 public:
  BlockLanes(const Cell<R>& cell, std::size_t most) : cell_(cell), most_(most + padding) {}

  const Lanes<R>& at(std::size_t first, std::size_t n) {
    fill(0, cell_.leak, lanes_.leak, first, n, cell_.leak_inverted);
    fill(1, cell_.threshold, lanes_.threshold, first, n);
    if (cell_.synapse) {
      fill(2, cell_.syn_decay, lanes_.syn_decay, first, n);
    }
    if (cell_.adaptive) {
      fill(3, cell_.adapt_decay, lanes_.adapt_decay, first, n);
      fill(4, cell_.boost, lanes_.boost, first, n);
    }
    return lanes_;
  }

 private:
  void fill(std::size_t which, const Groups<R>& groups, Lane<R>& lane, std::size_t first,
            std::size_t n, bool inverted = false) {
    Buffer<R>& values = values_[which];
    const bool shared = groups.count == 1;
    if (shared && !values.empty()) {
      return;
    }
    values.resize(shared ? padding : most_);
    if (shared) {
      std::fill(values.begin(), values.end(), inverted ? 1 / groups.values[0] : groups.values[0]);
    } else {
      for (std::size_t m = 0; m < n; ++m) {
        values[m] = groups.values[groups.of(first + m)];
      }
    }
    lane = {values.data(), shared ? std::size_t{0} : std::size_t{1}};
  }

  const Cell<R>& cell_;
  std::size_t most_;
  std::array<Buffer<R>, 5> values_;
  Lanes<R> lanes_;
};

// State of a block of neurons, or its gradients.
template <class R>
class BlockState {
 public:
  BlockState(const Cell<R>& cell, std::size_t most) {
    v_.resize(most);
    i_.resize(cell.synapse ? most : 0);
    a_.resize(cell.adaptive ? most : 0);
  }

  void read(State<const R> from, std::size_t first, std::size_t n) {
    read(v_, from.v, first, n);
    read(i_, from.i, first, n);
    read(a_, from.a, first, n);
  }
  void write(State<R> to, std::size_t first, std::size_t n) const {
    write(v_, to.v, first, n);
    write(i_, to.i, first, n);
    write(a_, to.a, first, n);
  }
  State<R> state() { return {v_.data(), i_.data(), a_.data()}; }

 private:
  static void read(Buffer<R>& to, const R* from, std::size_t first, std::size_t n) {
    if (from != nullptr && !to.empty()) {
      std::copy_n(from + first, n, to.begin());
    } else {
      std::fill(to.begin(), to.end(), R{});
    }
  }
  static void write(const Buffer<R>& from, R* to, std::size_t first, std::size_t n) {
    if (to != nullptr && !from.empty()) {
      std::copy_n(from.begin(), n, to + first);
    }
  }

  Buffer<R> v_, i_, a_;
};

// Whether the backward pass needs the states before each step, not only the charged potentials.
template <class R>
bool is_rich(const Cell<R>& cell) {
  const bool later = cell.when != When::same && cell.reset != Reset::none;
  const bool simple = cell.when == When::next && cell.reset == Reset::subtract;
  return cell.adaptive || (later && !simple);
}

// Inverts a time constant that is a power of two, which is exact: multiplying is cheaper.
template <class R>
Cell<R> prepared(const Cell<R>& cell);

}  // namespace spikelet::train
