// One neuron of EventProp between the events that reach it: its potential and current, its next
// spike, and its adjoint backwards in time.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

#include "spikelet/train/event_prop.hpp"

namespace spikelet::train {

[[noreturn]] inline void refuse(const std::string& what) { throw std::invalid_argument(what); }

// The state after a time s: V(t + s) = mem V(t) + across I(t), I(t + s) = syn I(t).
struct Decay {
  double mem, syn, across;
};

class Flow {
 public:
  explicit Flow(const EventLif& lif)
      : lif_(lif),
        mem_(1 / lif.tau_mem),
        syn_(1 / lif.tau_syn),
        slow_(std::min(mem_, syn_)),
        fast_(std::max(mem_, syn_)),
        rate_(fast_ - slow_),
        scale_(rate_ > 0 ? mem_ / rate_ : 0),
        least_(lif.v_threshold * (1 + 1e-12)) {
    if (!(lif.tau_mem > 0 && lif.tau_syn > 0 && slow_ > 0 && std::isfinite(fast_))) {
      refuse("tau_mem and tau_syn must be finite and > 0, got " + std::to_string(lif.tau_mem) +
             " and " + std::to_string(lif.tau_syn));
    }
    if (!(lif.v_threshold > 0 && std::isfinite(lif.v_threshold))) {
      refuse("v_threshold must be finite and > 0, got " + std::to_string(lif.v_threshold));
    }
    if (!(lif.t_max > 0)) {
      refuse("t_max must be > 0, got " + std::to_string(lif.t_max));
    }
  }

  const EventLif& lif() const { return lif_; }

  // The difference of two exponentials, over tau_mem * rate; by expm1 where it would cancel, down
  // to its limit s / tau_mem * exp(-s / tau) for equal time constants.
  Decay operator()(double s) const {
    if (std::isinf(s)) {
      return {0, 0, 0};
    }
    const double x = -rate_ * s, slow = std::exp(-s * slow_);
    double fast, across;
    if (x > -1) {
      const double m = std::expm1(x);
      fast = slow * (1 + m);
      across = slow * (rate_ > 0 ? -m * scale_ : s * mem_);
    } else {
      fast = std::exp(-s * fast_);
      across = (slow - fast) * scale_;
    }
    const bool mem_is_slow = lif_.tau_mem >= lif_.tau_syn;
    return {mem_is_slow ? slow : fast, mem_is_slow ? fast : slow, across};
  }

  // Whether (v, i) may cross before it is (v_end, i_end). V rises while I > V, so at a crossing I
  // is above the threshold, and V has at most one maximum, where V = I.
  bool may_cross(double i, double v_end, double i_end) const {
    return (i > least_) & ((v_end >= lif_.v_threshold) | (v_end >= i_end));
  }

  // The first crossing from (v, i) within s_end, at which i becomes I; negative if there is none.
  // To be called where it may cross.
  double cross(double v_start, double& i, double s_end, double v_end, double i_end) const {
    double last = s_end;
    if (v_end >= i_end) {  // the maximum lies within
      last = std::min(s_end, summit(v_start, i));
      if (!(i * std::exp(-last * syn_) > least_)) {
        return -1;
      }
    } else if (!(v_end >= lif_.v_threshold && i_end > least_)) {
      return -1;
    }
    // While V rises V'' < 0 < V'''. So Newton's steps from the left never pass the crossing, and
    // those by the parabola of V, V' and V'' pass it, from either side, by less each time.
    double s = 0, v = v_start, current = i;
    for (int step = 0; step < 100; ++step) {
      const double missing = lif_.v_threshold - v;
      const double slope = (current - v) * mem_;
      const double bend = -(slope + current * syn_) * mem_;
      if (!(slope > 0)) {
        break;  // at the maximum, but for rounding
      }
      const double root = slope * slope + 2 * bend * missing;
      const double far = root > 0 ? 2 * missing / (slope + std::sqrt(root)) : last;
      const double move = s + far < last ? far : missing / slope;
      s = std::clamp(s + move, 0.0, last);
      if (std::abs(move) <= 1e-8 * s) {  // the third power of that is left
        current *= 1 - move * syn_;
        break;
      }
      const Decay d = (*this)(s);
      v = v_start * d.mem + i * d.across;
      current = i * d.syn;
    }
    i = std::max(current, least_);
    return s;
  }

 private:
  // When V is largest, by V = I: exp(r s) = 1 + r tau_syn (1 - v/i), r = 1/tau_mem - 1/tau_syn.
  double summit(double v, double i) const {
    const double r = lif_.tau_mem >= lif_.tau_syn ? -rate_ : rate_;
    const double y = lif_.tau_syn * (1 - v / i);
    if (r * y <= -1) {
      return std::numeric_limits<double>::infinity();
    }
    return std::max(0.0, r == 0 ? y : std::log1p(r * y) / r);
  }

  EventLif lif_;
  double mem_, syn_, slow_, fast_;  // rates, 1 / tau
  double rate_, scale_;             // fast_ - slow_, mem_ / rate_
  double least_;                    // I at a crossing is above this
};

// The adjoint p_v = dL/dV, p_i = dL/dI a time earlier.
inline void back(const Decay& d, double& p_v, double& p_i) {
  p_i = p_i * d.syn + p_v * d.across;
  p_v *= d.mem;
}

}  // namespace spikelet::train
