// Max pools of counts of spikes. Included only by layers/kernels.cpp. The sums of a window stay in
// registers over all steps, if it has the size of the usual ones.
namespace spikelet::layers::SPIKELET_LEVEL {

// Sends the size that is nearest to what is missing of 16 sums, as pairs of several sizes do.
template <class R>
SPIKELET_INLINE void send_nearest(const Vec<R>* sums, Vec<R>* sent, R size, const R* gains,
                                  std::size_t levels, std::uint8_t* out, std::size_t plane_bytes) {
  constexpr int vectors = 16 / lanes<R>;
  const R bound = R(0.5) * size * gains[levels - 1];
  std::uint32_t done = 0;
  Vec<R> missing[vectors];
  for (int g = 0; g < vectors; ++g) {
    missing[g] = sums[g] - sent[g];
  }
  for (std::size_t level = 0; level < levels; ++level) {
    const R own = size * gains[level];
    const R next = level + 1 < levels ? size * gains[level + 1] : -own;
    const Vec<R> least = broadcast(std::max(bound, R(0.5) * (own + next)));
    std::uint32_t up = 0, down = 0;
    for (int g = 0; g < vectors; ++g) {
      up |= which_bits<R>(at_or_above(missing[g], least)) << (g * lanes<R>);
      down |= which_bits<R>(at_or_above(-missing[g], least)) << (g * lanes<R>);
    }
    up &= ~done;
    down &= ~done;
    done |= up | down;
    for (int g = 0; g < vectors; ++g) {
      sent[g] += where_bits<R>(up, g, broadcast(own)) - where_bits<R>(down, g, broadcast(own));
    }
    set_bits<R>(out + level * plane_bytes, up);
    set_bits<R>(out + (levels + level) * plane_bytes, down);
  }
}

// One pixel, 16 channels from c on. `Window`: the number of pixels, or 0 if any.
template <class R, int Window>
SPIKELET_INLINE void max_of_window(const PoolRow<R>& pool, std::size_t x, std::size_t c) {
  constexpr int vectors = 16 / lanes<R>;
  Vec<R> held[Window > 0 ? Window : 1][vectors] = {};
  const std::uint8_t* from[Window > 0 ? Window : 1];
  const std::size_t begin = pool.begin[x], end = pool.end[x], step = pool.step;
  const std::size_t pixels = pool.row_count * ((end - begin + step - 1) / step);
  if constexpr (Window > 0) {
    std::size_t p = 0;
    for (std::size_t row = 0; row < pool.row_count; ++row) {
      for (std::size_t ix = begin; ix < end; ix += step) {
        from[p++] = pool.rows[row] + ix * pool.pixel_bytes + c / 8;
      }
    }
  } else {
    std::fill_n(pool.sums, 16 * pixels, R{});
  }
  Vec<R> sent[vectors] = {};
  std::uint8_t* out = pool.out + x * pool.pixel_bytes + c / 8;
  // Storing bits might alias the arguments as far as the compiler knows, so they are copied.
  const std::size_t steps = pool.steps, row_bytes = pool.row_bytes, plane_bytes = pool.plane_bytes;
  const std::size_t out_row_bytes = pool.out_row_bytes, out_plane_bytes = pool.out_plane_bytes;
  const std::size_t planes = pool.planes, levels = planes / 2;
  const bool is_signed = planes > 1;
  const R* const gains = pool.gains;
  const R* const sizes = pool.sizes;
  for (std::size_t t = 0; t < steps; ++t, out += out_row_bytes) {
    const Vec<R> size = broadcast(sizes[t]);
    Vec<R> greatest[vectors];
    for (int g = 0; g < vectors; ++g) {
      greatest[g] = broadcast(std::numeric_limits<R>::lowest());
    }
    const auto see = [&](const std::uint8_t* at, Vec<R>* sums) __attribute__((always_inline)) {
      const std::uint8_t* now = at + t * row_bytes;
      for (std::size_t p = 0; p < planes; ++p, now += plane_bytes) {
        const auto bits = static_cast<std::uint32_t>(load_word<std::uint16_t>(now));
        const Vec<R> own = size * gains[p];
        for (int g = 0; g < vectors; ++g) {
          sums[g] += where_bits<R>(bits, g, own);
        }
      }
      for (int g = 0; g < vectors; ++g) {
        greatest[g] = sums[g] > greatest[g] ? sums[g] : greatest[g];
      }
    };
    if constexpr (Window > 0) {
#pragma GCC unroll 16
      for (int p = 0; p < Window; ++p) {
        see(from[p], held[p]);
      }
    } else {
      R* sums = pool.sums;
      for (std::size_t row = 0; row < pool.row_count; ++row) {
        for (std::size_t ix = begin; ix < end; ix += step, sums += 16) {
          for (int g = 0; g < vectors; ++g) {
            held[0][g] = load(sums + g * lanes<R>);
          }
          see(pool.rows[row] + ix * pool.pixel_bytes + c / 8, held[0]);
          for (int g = 0; g < vectors; ++g) {
            store(sums + g * lanes<R>, held[0][g]);
          }
        }
      }
    }
    if (levels > 1) {
      send_nearest<R>(greatest, sent, sizes[t], gains, levels, out, out_plane_bytes);
      continue;
    }
    std::uint32_t up = 0, down = 0;
    const R sign = sizes[t] < 0 ? R{-1} : R{1};  // the direction of a spike
    const Vec<R> half = size * (sign * R(0.5));
    for (int g = 0; g < vectors; ++g) {
      const Vec<R> ahead = (greatest[g] - sent[g]) * sign;
      const Which<R> more = at_or_above(ahead, half);
      up |= which_bits<R>(more) << (g * lanes<R>);
      const Vec<R> now = select(more, sent[g] + size, sent[g]);
      if (is_signed) {  // others cannot take back what they have sent
        const Which<R> less = at_or_above(-half, ahead);
        down |= which_bits<R>(less) << (g * lanes<R>);
        sent[g] = select(less, sent[g] - size, now);
      } else {
        sent[g] = now;
      }
    }
    set_bits<R>(out, up);
    if (is_signed) {
      set_bits<R>(out + out_plane_bytes, down);
    }
  }
}

template <class R>
void max_counts(const PoolRow<R>& pool) {
  for (std::size_t x = 0; x < pool.width; ++x) {
    const std::size_t columns = (pool.end[x] - pool.begin[x] + pool.step - 1) / pool.step;
    for (std::size_t c = 0; c < pool.channels; c += channel_unit) {
      switch (pool.row_count * columns) {
        case 4:
          max_of_window<R, 4>(pool, x, c);
          break;
        case 6:
          max_of_window<R, 6>(pool, x, c);
          break;
        case 9:
          max_of_window<R, 9>(pool, x, c);
          break;
        default:
          max_of_window<R, 0>(pool, x, c);
      }
    }
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
