// Exact solutions of linear equations over whole steps, for variables that act only on later ones.
// Factors come from three small tables, of 1, 2^10 and 2^20 steps: the step loop calls no libm.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "spikelet/core/event_rule.hpp"
#include "spikelet/core/types.hpp"

namespace spikelet {

template <class R>
class Propagator {
 public:
  Propagator() = default;
  // Of the variables that one keeps; others do not move.
  Propagator(const EventRule& rule, EventRule::Keeper keeper, double dt) {
    const auto& all = rule.parts().variables;
    const std::size_t n = all.size() + 1;  // the last one is the constant 1
    std::vector<double> a(n * n);
    std::vector<bool> moves(n);
    for (const auto& [of, by, rate] : rule.parts().rates) {
      const auto row = static_cast<std::size_t>(of);
      if (all[row].keeper == keeper && rate != 0) {
        a[row * n + (by < 0 ? n - 1 : static_cast<std::size_t>(by))] += rate * dt;
        moves[row] = true;
      }
    }
    // A variable is written after those that it acts on, which read its old value.
    std::vector<std::size_t> order;
    for (auto v = rule.parts().order.rbegin(); v != rule.parts().order.rend(); ++v) {
      if (moves[static_cast<std::size_t>(*v)]) {
        order.push_back(static_cast<std::size_t>(*v));
      }
    }
    if (order.empty()) {
      return;
    }
    const std::vector<double> one = exponential(a, n);
    const auto reached = [&](std::size_t of, std::size_t by) { return one[of * n + by] != 0; };
    for (const std::size_t of : order) {
      terms_.push_back({of, of});
      for (std::size_t by = 0; by < n; ++by) {
        if (by != of && reached(of, by)) {
          terms_.push_back({of, by + 1 < n ? by : constant});
        }
      }
    }
    diagonal_ = terms_.size() == order.size();
    std::vector<double> stride = one;
    for (std::size_t level = 0; level < levels; ++level) {
      std::vector<double> power(n * n);
      for (std::size_t v = 0; v < n; ++v) {
        power[v * n + v] = 1;
      }
      const double steps = std::pow(static_cast<double>(fine), static_cast<double>(level));
      for (Step k = 0; k < fine; ++k) {
        for (const auto& [of, by] : terms_) {
          const std::size_t at = of * n + (by == constant ? n - 1 : by);
          table_[level].push_back(static_cast<R>(
              of == by ? std::exp(a[at] * steps * static_cast<double>(k)) : power[at]));
        }
        power = product(power, stride, n);
      }
      stride = power;
    }
  }

  bool moves() const { return !terms_.empty(); }

  // Advances by so many steps: variable v is at value[v * stride].
  void advance(Step steps, R* value, std::size_t stride) const {
    if (terms_.empty() || steps <= 0) {
      return;
    }
    apply(table_[0], steps % fine, value, stride);
    if (steps >= fine) {
      apply(table_[1], steps / fine % fine, value, stride);
      for (Step left = steps / (fine * fine); left > 0; left -= fine - 1) {
        apply(table_[2], left < fine ? left : fine - 1, value, stride);
      }
    }
  }
  // The same for lane k, by steps[k] >= 0; variable v of it is at value[v * stride + k].
  void advance_all(std::span<const Step> steps, R* value, std::size_t stride) const {
    if (terms_.empty()) {
      return;
    }
    const Step most = steps.empty() ? 0 : std::ranges::max(steps);
    if (!diagonal_ || most >= fine * fine) {
      for (std::size_t k = 0; k < steps.size(); ++k) {
        advance(steps[k], value + k, stride);
      }
      return;
    }
    for (std::size_t t = 0; t < terms_.size(); ++t) {
      R* of = value + terms_[t].of * stride;
      const R *near = table_[0].data() + t, *far = table_[1].data() + t;
      for (std::size_t k = 0; k < steps.size(); ++k) {
        of[k] *= near[static_cast<std::size_t>(steps[k] % fine) * terms_.size()];
      }
      for (std::size_t k = 0; most >= fine && k < steps.size(); ++k) {
        of[k] *= far[static_cast<std::size_t>(steps[k] / fine) * terms_.size()];  // 1 for none
      }
    }
  }

 private:
  static constexpr Step fine = 1024;
  static constexpr std::size_t levels = 3, constant = SIZE_MAX;
  struct Term {
    std::size_t of, by;  // of a variable: by itself comes first
  };

  void apply(const std::vector<R>& table, Step k, R* value, std::size_t stride) const {
    if (k == 0) {
      return;
    }
    const R* factor = table.data() + static_cast<std::size_t>(k) * terms_.size();
    if (diagonal_) {
      for (std::size_t t = 0; t < terms_.size(); ++t) {
        value[terms_[t].of * stride] *= factor[t];
      }
      return;
    }
    for (std::size_t t = 0; t < terms_.size();) {
      const std::size_t of = terms_[t].of;
      R sum = 0;
      do {
        const std::size_t by = terms_[t].by;
        sum += by == constant ? factor[t] : factor[t] * value[by * stride];
        ++t;
      } while (t < terms_.size() && terms_[t].of == of);
      value[of * stride] = sum;
    }
  }

  static std::vector<double> product(std::span<const double> a, std::span<const double> b,
                                     std::size_t n) {
    std::vector<double> c(n * n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t k = 0; k < n; ++k) {
        for (std::size_t j = 0; j < n && a[i * n + k] != 0; ++j) {
          c[i * n + j] += a[i * n + k] * b[k * n + j];
        }
      }
    }
    return c;
  }

  // By its series, with scaling and squaring.
  static std::vector<double> exponential(std::vector<double> a, std::size_t n) {
    double largest = 0;
    for (const double x : a) {
      largest = std::max(largest, std::abs(x));
    }
    int squarings = 0;
    for (; largest * static_cast<double>(n) > 0.25; largest /= 2) {
      ++squarings;
    }
    for (double& x : a) {
      x = std::ldexp(x, -squarings);
    }
    std::vector<double> sum(n * n), term(n * n);
    for (std::size_t v = 0; v < n; ++v) {
      sum[v * n + v] = term[v * n + v] = 1;
    }
    constexpr int terms = 16;
    for (int k = 1; k <= terms; ++k) {
      term = product(term, a, n);
      for (std::size_t e = 0; e < n * n; ++e) {
        term[e] /= k;
        sum[e] += term[e];
      }
    }
    for (; squarings > 0; --squarings) {
      sum = product(sum, sum, n);
    }
    return sum;
  }

  std::vector<Term> terms_;
  bool diagonal_ = true;
  std::array<std::vector<R>, levels> table_;
};

}  // namespace spikelet
