// One step of a row of neurons, in the forward and in the backward pass. Included only by
// train/kernels.cpp. Branches on the kind of cell do not change within a loop and cost little
// compared with the loads; common kinds have loops of their own without them. Rich: all features of
// a Cell, and gradients of parameters.

namespace spikelet::train::SPIKELET_LEVEL {

// Lanes m .. m + count of the arrays of a row.
template <class R, bool Whole>
struct Part {
  std::size_t m, count;
  bool streams;

  SPIKELET_INLINE Vec<R> get(const R* p) const {
    return Whole ? load(p + m) : load_part(p + m, count);
  }
  SPIKELET_INLINE Vec<R> get(Lane<R> lane) const {
    return load(lane.values + m * lane.step);  // parameters of a row are padded
  }
  SPIKELET_INLINE void put(R* p, Vec<R> v) const {
    if constexpr (Whole) {
      store(p + m, v);
    } else {
      store_part(p + m, v, count);
    }
  }
  // For results that are not read again soon.
  SPIKELET_INLINE void put_through(R* p, Vec<R> v) const {
    if (Whole && streams) {
      stream(p + m, v);
    } else {
      put(p, v);
    }
  }
};

template <class R>
SPIKELET_INLINE Which<R> crossed(const Kind<R>& c, Vec<R> v, Vec<R> threshold) {
  return c.strict ? above(v, threshold) : at_or_above(v, threshold);
}

// Where the leak is given as 1 / tau because that is exact, `relaxed` multiplies.
template <class R>
SPIKELET_INLINE Vec<R> relaxed(const Kind<R>& c, Vec<R> x, Vec<R> tau) {
  return c.leak_inverted ? x * tau : x / tau;
}

template <class R>
SPIKELET_INLINE Vec<R> charge(const Kind<R>& c, Vec<R> v, Vec<R> x, Vec<R> leak) {
  if (c.charge == Charge::decay) {
    return leak * v + c.gain * x;
  }
  if (c.charge == Charge::relax_input) {
    return v + relaxed(c, c.gain * x - (v - c.rest), leak);
  }
  return (v - relaxed(c, v - c.rest, leak)) + c.gain * x;
}

template <class R, bool Rich, bool Whole>
SPIKELET_INLINE void forward_part(const Kind<R>& c, const ForwardStep<R>& r, Part<R, Whole> part) {
  const Vec<R> zero{};
  Vec<R> x = part.get(r.x);
  Vec<R> v = part.get(r.state.v);
  const Vec<R> threshold = part.get(r.lanes.threshold);
  Vec<R> limit = threshold, adaptation{}, taken{};
  Which<R> again{};
  if (c.synapse) {
    x = part.get(r.lanes.syn_decay) * part.get(r.state.i) + x;
    part.put(r.state.i, x);
  }
  if (Rich && c.adaptive) {
    adaptation = part.get(r.state.a);
    limit = threshold + part.get(r.lanes.boost) * adaptation;
  }
  if (c.when != When::same) {
    again = crossed(c, v, threshold);
    if (c.reset == Reset::value) {
      v = select(again, broadcast(c.v_reset), v);
    } else {
      taken = select(again, threshold, zero);
    }
  }
  Vec<R> h = charge(c, v, x, part.get(r.lanes.leak));
  if (c.when != When::same && c.reset == Reset::subtract) {
    h = h - taken;
  }
  const Which<R> spike = crossed(c, h, limit);
  if (r.charged != nullptr) {
    part.put_through(r.charged, h);
  }
  if (r.spikes != nullptr) {
    part.put_through(r.spikes, select(spike, broadcast(R(1)), zero));
  }
  Vec<R> after = h;
  if (c.when == When::same) {
    if (c.reset == Reset::subtract) {
      after = select(spike, h - threshold, h);
    } else if (c.reset == Reset::value) {
      after = select(spike, broadcast(c.v_reset), h);
    }
  } else if (Rich && c.when == When::both) {
    const Vec<R> times =
        select(spike, broadcast(R(1)), zero) - select(again, broadcast(R(1)), zero);
    if (c.reset == Reset::subtract) {
      after = h - times * threshold;
    } else if (c.reset == Reset::value) {
      after = h - times * (h - c.v_reset);
    }
  }
  part.put(r.state.v, after);
  if (r.v_after != nullptr) {
    part.put_through(r.v_after, after);
  }
  if (Rich && c.adaptive) {
    part.put(r.state.a,
             part.get(r.lanes.adapt_decay) * adaptation + select(spike, broadcast(R(1)), zero));
  }
}

template <class R, bool Rich, bool Whole>
SPIKELET_INLINE void backward_part(const Kind<R>& c, const BackwardStep<R>& r,
                                   Part<R, Whole> part) {
  const Vec<R> zero{}, one = broadcast(R(1));
  const Vec<R> h = part.get(r.charged);
  const Vec<R> threshold = part.get(r.lanes.threshold);
  const Vec<R> leak = part.get(r.lanes.leak);
  Vec<R> limit = threshold, adaptation{}, boost{}, v{};
  Which<R> again{};
  if constexpr (Rich) {
    v = part.get(r.before.v);
    if (c.adaptive) {
      adaptation = part.get(r.before.a);
      boost = part.get(r.lanes.boost);
      limit = threshold + boost * adaptation;
    }
    if (c.when != When::same) {
      again = crossed(c, v, threshold);
      if (c.reset == Reset::value) {
        v = select(again, broadcast(c.v_reset), v);
      }
    }
  }
  const Which<R> spike = crossed(c, h, limit);
  const Vec<R> slope = surrogate(c, h - limit);
  Vec<R> by_spike = r.by_spikes != nullptr ? part.get(r.by_spikes) : zero;
  Vec<R> carry = part.get(r.by_state.v), by_threshold{}, by_a{};
  if (r.by_v != nullptr) {
    carry += part.get(r.by_v);
  }
  if (Rich && c.adaptive) {
    by_a = part.get(r.by_state.a);
    by_spike += by_a;
  }
  // Through the reset: the gradient that passes on to v, and the one that reaches the spike.
  if (c.when != When::next) {
    Vec<R> times = select(spike, one, zero);
    if (Rich && c.when == When::both) {
      times -= select(again, one, zero);
    }
    if (c.reset == Reset::subtract) {
      if (!c.detached) {
        by_spike -= threshold * carry;
      }
      if constexpr (Rich) {
        by_threshold -= times * carry;
      }
    } else if (c.reset == Reset::value) {
      if (!c.detached) {
        by_spike += (c.v_reset - h) * carry;
      }
      if (Rich && c.when == When::both) {
        carry -= times * carry;
      } else {
        carry = select(spike, zero, carry);
      }
    }
  }
  const Vec<R> by_limit = by_spike * slope;
  const Vec<R> by_h = by_limit + carry;
  // Through the charge.
  Vec<R> by_x, by_leak{};
  if (c.charge == Charge::decay) {
    by_x = c.gain * by_h;
    carry = leak * by_h;
    if constexpr (Rich) {
      by_leak = by_h * v;
    }
  } else {
    const Vec<R> pulled = relaxed(c, by_h, leak);
    carry = by_h - pulled;
    if (c.charge == Charge::relax_input) {
      by_x = c.gain * pulled;
    } else {
      by_x = c.gain * by_h;
    }
    if constexpr (Rich) {
      Vec<R> input = part.get(r.x);
      if (c.synapse) {
        input = part.get(r.lanes.syn_decay) * part.get(r.before.i) + input;
      }
      const Vec<R> pull =
          c.charge == Charge::relax_input ? c.gain * input - (v - c.rest) : -(v - c.rest);
      by_leak = -(pulled * relaxed(c, pull, leak));
    }
  }
  if constexpr (Rich) {
    if (c.when != When::same) {
      if (c.reset == Reset::subtract) {
        by_threshold -= select(again, by_h, zero);
      } else if (c.reset == Reset::value) {
        carry = select(again, zero, carry);
      }
    }
    const auto add = [&](R* sum, Vec<R> term) {
      if (sum != nullptr) {
        part.put(sum, part.get(sum) + term);
      }
    };
    add(r.sums.leak, by_leak);
    add(r.sums.threshold, by_threshold - by_limit);
    if (c.synapse && r.sums.syn_decay != nullptr) {
      add(r.sums.syn_decay, (by_x + part.get(r.by_state.i)) * part.get(r.before.i));
    }
    if (c.adaptive) {
      add(r.sums.adapt_decay, by_a * adaptation);
      add(r.sums.boost, -(by_limit * adaptation));
      part.put(r.by_state.a, part.get(r.lanes.adapt_decay) * by_a - boost * by_limit);
    }
  }
  if (c.synapse) {
    by_x += part.get(r.by_state.i);
    part.put(r.by_state.i, part.get(r.lanes.syn_decay) * by_x);
  }
  part.put(r.by_state.v, carry);
  part.put_through(r.by_x, by_x);
}

template <class R, bool Rich>
SPIKELET_INLINE void forward_all(const Kind<R>& c, const ForwardStep<R>& r) {
  std::size_t m = 0;
  for (; m + lanes<R> <= r.n; m += lanes<R>) {
    __builtin_prefetch(r.x + m + r.ahead);
    forward_part<R, Rich>(c, r, Part<R, true>{m, lanes<R>, r.streams});
  }
  if (m < r.n) {
    forward_part<R, Rich>(c, r, Part<R, false>{m, r.n - m, false});
  }
}

template <class R, bool Rich>
SPIKELET_INLINE void backward_all(const Kind<R>& c, const BackwardStep<R>& r) {
  std::size_t m = 0;
  for (; m + lanes<R> <= r.n; m += lanes<R>) {
    if (r.behind != 0) {
      __builtin_prefetch(r.by_spikes + m - r.behind);
    }
    backward_part<R, Rich>(c, r, Part<R, true>{m, lanes<R>, r.streams});
  }
  if (m < r.n) {
    backward_part<R, Rich>(c, r, Part<R, false>{m, r.n - m, false});
  }
}

// A kind of cell with a loop of its own.
struct Form {
  Charge charge;
  Reset reset;
  When when = When::same;
  bool synapse = false;

  template <class R>
  bool is_of(const Kind<R>& c) const {
    return charge == c.charge && reset == c.reset && when == c.when && synapse == c.synapse;
  }
  template <class R>
  SPIKELET_INLINE Kind<R> fixed(Kind<R> c) const {
    c.charge = charge;
    c.reset = reset;
    c.when = when;
    c.synapse = synapse;
    return c;
  }
};

template <Form F, class R, class Body>
SPIKELET_INLINE bool if_form(const Kind<R>& c, Body&& body) {
  if (!F.is_of(c)) {
    return false;
  }
  body(F.fixed(c));
  return true;
}

// Calls body with the cell, whose form is then a constant, if it is a common one.
template <class R, class Body>
SPIKELET_INLINE bool with_form(const Kind<R>& c, Body&& body) {
  using enum Charge;
  using enum Reset;
  return if_form<Form{decay, subtract}>(c, body) || if_form<Form{decay, value}>(c, body) ||
         if_form<Form{decay, subtract, When::next}>(c, body) ||
         if_form<Form{decay, subtract, When::same, true}>(c, body) ||
         if_form<Form{relax_input, subtract}>(c, body) ||
         if_form<Form{relax_input, value}>(c, body) ||
         if_form<Form{relax_input, value, When::same, true}>(c, body);
}

template <class R, bool Rich>
void forward_row(const Cell<R>& cell, const ForwardStep<R>& row) {
  const Kind<R> c(cell);
  const ForwardStep<R> r = row;
  const auto run = [&](const Kind<R>& known) { forward_all<R, false>(known, r); };
  if (Rich || !with_form(c, run)) {
    forward_all<R, Rich>(c, r);
  }
  if (r.streams) {
    fence();
  }
}

template <class R, bool Rich>
void backward_row(const Cell<R>& cell, const BackwardStep<R>& row) {
  const Kind<R> c(cell);
  const BackwardStep<R> r = row;
  const auto with = [&](Surrogate surrogate) {
    return [&r, surrogate](Kind<R> known) {
      known.surrogate = surrogate;
      BackwardStep<R> simple = r;
      simple.by_v = nullptr;
      backward_all<R, false>(known, simple);
    };
  };
  bool done = false;
  if (!Rich && r.by_v == nullptr && r.by_spikes != nullptr) {
    switch (c.surrogate) {
      case Surrogate::atan:
        done = with_form(c, with(Surrogate::atan));
        break;
      case Surrogate::sigmoid:
        done = with_form(c, with(Surrogate::sigmoid));
        break;
      case Surrogate::fast_sigmoid:
        done = with_form(c, with(Surrogate::fast_sigmoid));
        break;
      default:
        break;
    }
  }
  if (!done) {
    backward_all<R, Rich>(c, r);
  }
  if (r.streams) {
    fence();
  }
}

}  // namespace spikelet::train::SPIKELET_LEVEL
