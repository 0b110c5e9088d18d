// Convolutions over sparse inputs. Outputs lie in a tile with margins wide enough for every tap of
// every input, so that an input adds (forward) or reads (gradient) the same set of vectors wherever
// it is. With a stride, the taps that reach an output depend on the input's phase, its place modulo
// the stride.
#include <algorithm>
#include <map>

#include "spikelet/core/parallel.hpp"
#include "spikelet/train/sparse.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

constexpr std::size_t tile_bytes = std::size_t{1} << 15;  // outputs that active inputs reach: in L1
constexpr std::size_t gradient_values = std::size_t{1} << 23;  // of partial sums

// One axis of a convolution: input i of phase p reaches output place[i] - lead - back of each tap.
struct Axis {
  struct Tap {
    std::size_t index;
    std::size_t back;
  };
  std::size_t lead;  // margin before the first output
  std::size_t size;  // of the tile
  std::vector<std::size_t> place;
  std::vector<std::size_t> phase;
  std::vector<std::vector<Tap>> taps;  // [phase]; the last phase may reach no output

  Axis(std::size_t in, std::size_t out, std::size_t kernel, std::size_t stride, std::size_t padding,
       std::size_t dilation)
      : lead((kernel - 1) * dilation / stride),
        size(lead + std::max(in == 0 ? 0 : (in - 1 + padding) / stride + 1, out)) {
    std::map<std::size_t, std::size_t> phase_of;
    for (std::size_t k = 0; k < kernel; ++k) {
      const auto [found, added] = phase_of.try_emplace(k * dilation % stride, taps.size());
      if (added) {
        taps.emplace_back();
      }
      taps[found->second].push_back({k, k * dilation / stride});
    }
    if (phase_of.size() < stride) {
      taps.emplace_back();
    }
    for (std::size_t i = 0; i < in; ++i) {
      const auto found = phase_of.find((i + padding) % stride);
      phase.push_back(found == phase_of.end() ? taps.size() - 1 : found->second);
      place.push_back(lead + (i + padding) / stride);
    }
  }

  // The largest number of inputs of one phase among `window` consecutive ones.
  std::size_t most(std::size_t window) const {
    std::vector<std::size_t> now(taps.size());
    std::size_t found = 0;
    for (std::size_t i = 0; i < phase.size(); ++i) {
      if (i >= window) {
        --now[phase[i - window]];
      }
      found = std::max(found, ++now[phase[i]]);
    }
    return found;
  }
};

// The vectors that an active input of each phase uses: in the tile, and in the rows of weights
// [tap][pitch] of its channel.
struct PhaseItems {
  std::vector<std::ptrdiff_t> weight;
  std::vector<std::ptrdiff_t> tile;
};

template <class R, class X>
class Convolution {
 public:
  Convolution(const ConvShape& s)
      : shape(s),
        channels(s.channels / s.groups),
        outputs(s.outputs / s.groups),
        pitch(padded<R>(outputs)),
        taps(s.kernel.height * s.kernel.width),
        rows(s.input.height, s.output.height, s.kernel.height, s.stride.height, s.padding.height,
             s.dilation.height),
        columns(s.input.width, s.output.width, s.kernel.width, s.stride.width, s.padding.width,
                s.dilation.width),
        tile_row(columns.size * pitch),
        tile_image(rows.size * tile_row) {
    const std::size_t target = tile_bytes / sizeof(R) / pitch;
    const std::size_t pixels = s.input.height * s.input.width;
    // Wide margins around small images are not worth a shared tile.
    tile_images = std::min(target / pixels, 4 * tile_bytes / sizeof(R) / tile_image);
    tile_images = std::max<std::size_t>(1, tile_images);
    band = std::clamp<std::size_t>(target / s.input.width, 1, s.input.height);
    for (const auto& row_taps : rows.taps) {
      for (const auto& column_taps : columns.taps) {
        add_phase(row_taps, column_taps);
      }
    }
    for (std::size_t y = 0; y < s.input.height; ++y) {
      for (std::size_t x = 0; x < s.input.width; ++x) {
        const std::size_t phase = rows.phase[y] * columns.taps.size() + columns.phase[x];
        pixel_key.push_back(static_cast<std::uint32_t>(phase * channels));
        pixel_at.push_back(
            static_cast<std::uint32_t>(rows.place[y] * tile_row + columns.place[x] * pitch));
      }
    }
  }

  // Scratch memory of a walk.
  struct Walk {
    Lists<R> lists;
    Finder<X> find;
  };
  Walk prepare() const {
    // A list is emptied after each band, or after the images that share a tile.
    const std::size_t most_rows =
        tile_images > 1 ? tile_images * rows.most(shape.input.height) : rows.most(band);
    const std::size_t most = most_rows * columns.most(shape.input.width);
    return {Lists<R>(phases.size() * channels, most),
            Finder<X>(band * shape.input.width * shape.channels)};
  }

  // Lists the active inputs of a group of channels of the images [image0, image0 + n), in bands,
  // and calls flush(list, phase, channel of the group) for each list that is not empty.
  template <class Flush>
  void walk(const X* x, std::size_t image0, std::size_t n, std::size_t group, Walk& with,
            Flush&& flush) const {
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t row = 0; row < shape.input.height; row += band) {
        sort_band(x, image0 + i, i, row, group, with);
        if (tile_images > 1 && i + 1 < n) {
          continue;
        }
        for (std::size_t phase = 0; phase < phases.size(); ++phase) {
          for (std::size_t c = 0; c < channels; ++c) {
            const Events<R> events = with.lists[phase * channels + c];
            if (events.number > 0) {
              flush(events,
                    Items{phases[phase].tile.size(), phases[phase].weight.data(),
                          phases[phase].tile.data()},
                    group * channels + c);
            }
          }
        }
        with.lists.clear();
      }
    }
  }

  // Calls move(place in the tile, place in y, number) for each run of outputs.
  template <class Move>
  void runs(std::size_t image0, std::size_t n, std::size_t group, Move&& move) const {
    const bool whole = outputs == pitch && shape.groups == 1;
    const auto [height, width] = shape.output;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t row = 0; row < height; ++row) {
        const std::size_t tile =
            i * tile_image + (rows.lead + row) * tile_row + columns.lead * pitch;
        const std::size_t y =
            ((image0 + i) * height + row) * width * shape.outputs + group * outputs;
        if (whole) {
          move(tile, y, width * pitch);
          continue;
        }
        for (std::size_t column = 0; column < width; ++column) {
          move(tile + column * pitch, y + column * shape.outputs, outputs);
        }
      }
    }
  }

  ConvShape shape;
  std::size_t channels;  // of a group
  std::size_t outputs;
  std::size_t pitch;  // outputs, padded
  std::size_t taps;
  Axis rows;
  Axis columns;
  std::size_t tile_row;
  std::size_t tile_image;
  std::size_t tile_images;  // small images share a tile, large ones are processed in bands of rows
  std::size_t band;

 private:
  void add_phase(const std::vector<Axis::Tap>& row_taps,
                 const std::vector<Axis::Tap>& column_taps) {
    PhaseItems items;
    for (std::size_t at = 0; at < pitch; at += sparse_kernels<R>().lanes) {
      for (const Axis::Tap& y : row_taps) {
        for (const Axis::Tap& x : column_taps) {
          const std::size_t tap = y.index * shape.kernel.width + x.index;
          items.weight.push_back(static_cast<std::ptrdiff_t>(tap * pitch + at));
          items.tile.push_back(static_cast<std::ptrdiff_t>(at) -
                               static_cast<std::ptrdiff_t>(y.back * tile_row + x.back * pitch));
        }
      }
    }
    phases.push_back(std::move(items));
  }

  void sort_band(const X* x, std::size_t image, std::size_t tile, std::size_t row,
                 std::size_t group, Walk& with) const {
    const std::size_t pixels = shape.input.height * shape.input.width;
    const std::size_t first = row * shape.input.width;
    const std::size_t n = std::min(band, shape.input.height - row) * shape.input.width;
    const auto tile_at = static_cast<std::uint32_t>(tile * tile_image);
    const std::uint32_t* key = pixel_key.data() + first;
    const std::uint32_t* at = pixel_at.data() + first;
    if (!shape.channels_last) {
      for (std::size_t c = 0; c < channels; ++c) {
        const X* from = x + (image * shape.channels + group * channels + c) * pixels + first;
        for (const std::uint32_t pixel : with.find(from, n)) {
          with.lists.append(key[pixel] + c, tile_at + at[pixel], static_cast<R>(from[pixel]));
        }
      }
      return;
    }
    // One group of channels is one run for all pixels.
    const std::size_t run = shape.groups == 1 ? n : 1;
    const X* from = x + (image * pixels + first) * shape.channels + group * channels;
    for (std::size_t pixel0 = 0; pixel0 < n; pixel0 += run, from += run * shape.channels) {
      for (const std::uint32_t i : with.find(from, run * channels)) {
        const std::size_t pixel = pixel0 + quotient(i);
        const std::size_t c = i - quotient(i) * channels;
        with.lists.append(key[pixel] + c, tile_at + at[pixel], static_cast<R>(from[i]));
      }
    }
  }

  std::uint32_t quotient(std::uint32_t i) const { return i / static_cast<std::uint32_t>(channels); }

  std::vector<PhaseItems> phases;
  std::vector<std::uint32_t> pixel_key, pixel_at;
};

// Calls body(part, begin, end) for at most `limit` parts of the images, in parallel; a part
// consists of whole tiles.
template <class R, class X, class Part>
void in_parts(const Convolution<R, X>& conv, std::size_t limit, int threads, Part&& body) {
  const std::size_t tiles = parts_of(conv.shape.images, conv.tile_images);
  const std::size_t per_part = parts_of(tiles, limit) * conv.tile_images;
  parallel_for(threads, parts_of(conv.shape.images, per_part), [&](std::size_t part) {
    const std::size_t first = part * per_part;
    body(part, first, std::min(conv.shape.images, first + per_part));
  });
}

}  // namespace

template <class R, class X>
void sparse_conv(const ConvShape& shape, const X* x, const R* weight, const R* bias, R* y,
                 int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  const Convolution<R, X> conv(shape);
  const std::size_t row = conv.channels * conv.taps;           // of weights
  Buffer<R> weights(shape.channels * conv.taps * conv.pitch);  // [channel][tap][pitch]
  std::vector<Buffer<R>> start(shape.groups);                  // a row of the tile
  for (std::size_t g = 0; g < shape.groups; ++g) {
    transpose(weight + g * conv.outputs * row, conv.outputs, row, row,
              weights.data() + g * row * conv.pitch, conv.pitch);
    start[g].resize(conv.tile_row);
    for (std::size_t column = 0; bias != nullptr && column < conv.columns.size; ++column) {
      std::copy_n(bias + g * conv.outputs, conv.outputs, start[g].data() + column * conv.pitch);
    }
  }
  in_parts(conv, 64, threads, [&](std::size_t, std::size_t begin, std::size_t end) {
    auto with = conv.prepare();
    RawBuffer<R> tile(conv.tile_images * conv.tile_image);
    for (std::size_t image = begin; image < end; image += conv.tile_images) {
      const std::size_t n = std::min(conv.tile_images, end - image);
      for (std::size_t g = 0; g < shape.groups; ++g) {
        for (std::size_t r = 0; r < n * conv.rows.size; ++r) {
          std::copy_n(start[g].data(), conv.tile_row, tile.data() + r * conv.tile_row);
        }
        conv.walk(x, image, n, g, with,
                  [&](const Events<R>& events, const Items& items, std::size_t channel) {
                    kernels.scatter(events, items,
                                    weights.data() + channel * conv.taps * conv.pitch, tile.data());
                  });
        conv.runs(image, n, g, [&](std::size_t from, std::size_t to, std::size_t number) {
          std::copy_n(tile.data() + from, number, y + to);
        });
      }
    }
  });
}

template <class R, class X>
void sparse_conv_weight(const ConvShape& shape, const X* x, const R* grad_y, R* grad_weight,
                        int threads) {
  const SparseKernels<R>& kernels = sparse_kernels<R>();
  const Convolution<R, X> conv(shape);
  const std::size_t row = conv.channels * conv.taps;
  const std::size_t size = shape.channels * conv.taps * conv.pitch;
  const std::size_t limit = std::clamp<std::size_t>(gradient_values / size, 4, 32);
  Buffer<R> partial(limit * size);  // [part][channel][tap][pitch]
  in_parts(conv, limit, threads, [&](std::size_t part, std::size_t begin, std::size_t end) {
    auto with = conv.prepare();
    Buffer<R> tile(conv.tile_images * conv.tile_image);  // margins stay 0
    R* sums = partial.data() + part * size;
    for (std::size_t image = begin; image < end; image += conv.tile_images) {
      const std::size_t n = std::min(conv.tile_images, end - image);
      for (std::size_t g = 0; g < shape.groups; ++g) {
        conv.runs(image, n, g, [&](std::size_t to, std::size_t from, std::size_t number) {
          std::copy_n(grad_y + from, number, tile.data() + to);
        });
        conv.walk(x, image, n, g, with,
                  [&](const Events<R>& events, const Items& items, std::size_t channel) {
                    R* to = sums + channel * conv.taps * conv.pitch;
                    kernels.gather(events, {items.number, items.to, items.from}, tile.data(), to,
                                   to);
                  });
      }
    }
  });
  Buffer<R> total(size);
  constexpr std::size_t block = 4096;
  parallel_for(threads, parts_of(size, block), [&](std::size_t b) {
    kernels.sum_rows(partial.data() + b * block, limit, size, std::min(block, size - b * block),
                     total.data() + b * block);
  });
  for (std::size_t g = 0; g < shape.groups; ++g) {
    transpose(total.data() + g * row * conv.pitch, row, conv.outputs, conv.pitch,
              grad_weight + g * conv.outputs * row, row);
  }
}

#define SPIKELET_SPARSE(R, X)                                                         \
  template void sparse_conv(const ConvShape&, const X*, const R*, const R*, R*, int); \
  template void sparse_conv_weight(const ConvShape&, const X*, const R*, R*, int);
SPIKELET_SPARSE(float, float)
SPIKELET_SPARSE(float, std::uint8_t)
SPIKELET_SPARSE(double, double)
SPIKELET_SPARSE(double, std::uint8_t)
#undef SPIKELET_SPARSE

}  // namespace spikelet::train
