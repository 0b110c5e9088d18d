// Convolutions over sparse inputs. The active inputs of an image row are listed once, in the order
// of pixels and channels, so that those in the window of an output are a slice of the list; each
// adds its row of weights to the sums of the output.
#include <algorithm>

#include "spikelet/train/sparse.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

constexpr std::size_t band_bytes = std::size_t{1} << 17;  // of outputs that share lists: in L2

// Outputs of a group that are summed in registers together.
struct Chunk {
  std::size_t first;
  std::size_t number;
  std::size_t lines;
  std::size_t at;  // of its weights [kernel row][kernel column][channel][lines] in those of a group
};

// The active inputs of a band of image rows.
template <class R, class X>
struct BandLists {
  RawBuffer<std::uint32_t> at;
  RawBuffer<R> value;
  std::vector<std::uint32_t> ends;  // [row][1 + slot], the slots before end there
  RawBuffer<X> row;                 // scratch: one with channels last
  bool ones = true;                 // all values are 1
};

template <class R, class X>
class Convolution {
 public:
  explicit Convolution(const ConvShape& s)
      : shape(s),
        channels(s.channels / s.groups),
        outputs(s.outputs / s.groups),
        row_length(s.input.width * s.channels),
        slots(s.input.width * s.groups),
        whole_(s.groups == 1 && (s.dilation.width == 1 || s.kernel.width == 1)),
        taps_(whole_ ? 1 : s.kernel.width) {
    const std::size_t lines = parts_of(outputs, line<R>);
    const std::size_t n_chunks = parts_of(lines, kernels_of<SparseKernels<R>>().most_lines);
    const std::size_t rows = s.kernel.height * s.kernel.width * channels;
    for (std::size_t k = 0; k < n_chunks; ++k) {
      const std::size_t first = k * lines / n_chunks;
      const std::size_t next = (k + 1) * lines / n_chunks;
      chunks.push_back({first * line<R>, std::min(next * line<R>, outputs) - first * line<R>,
                        next - first, first * line<R> * rows});
    }
    group_size = rows * lines * line<R>;
    const std::size_t output_row = std::max<std::size_t>(s.output.width * padded<R>(outputs), 1);
    band = std::clamp<std::size_t>(band_bytes / sizeof(R) / output_row, 1,
                                   std::max<std::size_t>(s.output.height, 1));
    for (std::size_t g = 0; g < s.groups; ++g) {
      for (std::size_t tap = 0; tap < taps_; ++tap) {
        for (std::size_t ox = 0; ox < s.output.width; ++ox) {
          windows_.push_back(window(g, tap, ox));
        }
      }
    }
    for (std::size_t i = 0; i < row_length; ++i) {
      const std::size_t pixel = i / s.channels;
      const std::size_t c = i % s.channels;
      slot_of_.push_back(static_cast<std::uint32_t>(pixel * s.groups + c / channels));
      weight_of_.push_back(static_cast<std::uint32_t>(whole_ ? i : c % channels));
    }
  }

  std::size_t row_weights(const Chunk& chunk) const {  // of a row of the kernel
    return shape.kernel.width * channels * chunk.lines * line<R>;
  }

  BandLists<R, X> prepare() const {
    const std::size_t reach = (shape.kernel.height - 1) * shape.dilation.height + 1;
    const std::size_t most = std::min(shape.input.height, (band - 1) * shape.stride.height + reach);
    BandLists<R, X> lists;
    lists.at.resize(most * row_length + 64);
    lists.value.resize(most * row_length);
    lists.ends.resize(most * (slots + 1));
    lists.row.resize(shape.channels_last ? 0 : row_length);
    return lists;
  }

  // Lists the active inputs under output rows [first, first + n).
  void list(const X* x, std::size_t image, std::size_t first, std::size_t n,
            BandLists<R, X>& lists) const {
    const auto [low, high] = input_rows(first, n);
    std::uint32_t total = 0;
    lists.ones = true;
    for (std::size_t y = low; y < high; ++y) {
      const X* from = image_row(shape, x, image, y, lists.row);
      std::uint32_t* const ends = lists.ends.data() + (y - low) * (slots + 1);
      std::fill_n(ends, slots + 1, total);
      std::uint32_t* const at = lists.at.data() + total;
      R* const value = lists.value.data() + total;
      const auto number = static_cast<std::uint32_t>(find_active(from, row_length, at, lists.ones));
      for (std::uint32_t e = 0; e < number; ++e) {
        const std::uint32_t i = at[e];
        ends[slot_of_[i] + 1] = total + e + 1;
        value[e] = static_cast<R>(from[i]);
        at[e] = weight_of_[i];
      }
      for (std::size_t slot = 1; slot <= slots; ++slot) {
        ends[slot] = std::max(ends[slot], ends[slot - 1]);
      }
      total += number;
    }
  }

  // Calls row(windows, ends of the input row, kernel row, output row of the band) for each pair of
  // a kernel row, first, and an output row: a kernel row's weights stay in L1.
  template <class Row>
  void rows(std::size_t group, std::size_t first, std::size_t n, const BandLists<R, X>& lists,
            Row&& row) const {
    const std::size_t low = input_rows(first, n).first;
    for (std::size_t ky = 0; ky < shape.kernel.height; ++ky) {
      for (std::size_t oy = 0; oy < n; ++oy) {
        const std::size_t y = (first + oy) * shape.stride.height + ky * shape.dilation.height;
        if (y < shape.padding.height || y - shape.padding.height >= shape.input.height) {
          continue;
        }
        const std::uint32_t* ends =
            lists.ends.data() + (y - shape.padding.height - low) * (slots + 1);
        for (std::size_t tap = 0; tap < taps_; ++tap) {
          row(windows_.data() + (group * taps_ + tap) * shape.output.width, ends, ky, oy);
        }
      }
    }
  }

  ConvShape shape;
  std::size_t channels;  // of a group
  std::size_t outputs;
  std::size_t row_length;
  std::size_t slots;  // of a row: pixels and groups
  std::vector<Chunk> chunks;
  std::size_t group_size;  // weights of a group, padded
  std::size_t band;        // output rows

 private:
  // The input rows [low, high) under output rows.
  std::pair<std::size_t, std::size_t> input_rows(std::size_t first, std::size_t n) const {
    const std::size_t top = shape.padding.height;
    const std::size_t from = first * shape.stride.height;
    const std::size_t to = (first + n - 1) * shape.stride.height +
                           (shape.kernel.height - 1) * shape.dilation.height + 1;
    const std::size_t low = std::min(from - std::min(from, top), shape.input.height);
    return {low, std::clamp(to - std::min(to, top), low, shape.input.height)};
  }

  // The inputs of a row that an output sees.
  Slice window(std::size_t group, std::size_t tap, std::size_t ox) const {
    const auto width = static_cast<std::ptrdiff_t>(shape.input.width);
    const auto left = static_cast<std::ptrdiff_t>(ox * shape.stride.width) -
                      static_cast<std::ptrdiff_t>(shape.padding.width);
    if (whole_) {
      const std::ptrdiff_t first = std::clamp<std::ptrdiff_t>(left, 0, width);
      const std::ptrdiff_t last = std::clamp<std::ptrdiff_t>(
          left + static_cast<std::ptrdiff_t>(shape.kernel.width), first, width);
      return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(last),
              -left * static_cast<std::ptrdiff_t>(channels)};
    }
    const std::ptrdiff_t pixel = left + static_cast<std::ptrdiff_t>(tap * shape.dilation.width);
    if (pixel < 0 || pixel >= width) {
      return {0, 0, 0};
    }
    const auto slot =
        static_cast<std::uint32_t>(static_cast<std::size_t>(pixel) * shape.groups + group);
    return {slot, slot + 1, static_cast<std::ptrdiff_t>(tap * channels)};
  }

  bool whole_;                  // a window is one slice: else one for each column of the kernel
  std::size_t taps_;            // slices of a window
  std::vector<Slice> windows_;  // [group][tap][column]
  std::vector<std::uint32_t> slot_of_, weight_of_;  // of an input of a row
};

// The weights as [group][chunk][kernel row][kernel column][channel][line].
template <class R, class X>
Buffer<R> by_chunk(const Convolution<R, X>& conv, const R* weight) {
  const auto [height, width] = conv.shape.kernel;
  Buffer<R> weights(conv.shape.groups * conv.group_size);
  for (std::size_t g = 0; g < conv.shape.groups; ++g) {
    for (const Chunk& chunk : conv.chunks) {
      for (std::size_t o = 0; o < chunk.number; ++o) {
        for (std::size_t c = 0; c < conv.channels; ++c) {
          for (std::size_t tap = 0; tap < height * width; ++tap) {
            const std::size_t row = tap * conv.channels + c;
            weights[g * conv.group_size + chunk.at + row * chunk.lines * line<R> + o] = *weight++;
          }
        }
      }
    }
  }
  return weights;
}

}  // namespace

template <class R, class X>
void sparse_conv(const ConvShape& shape, const X* x, const R* weight, const R* bias, R* y,
                 int threads) {
  const auto gather = kernels_of<SparseKernels<R>>().gather_windows;
  const Convolution<R, X> conv(shape);
  const Buffer<R> weights = by_chunk(conv, weight);
  const auto [height, width] = shape.output;
  in_parts(shape.images, 64, threads, [&](std::size_t, std::size_t begin, std::size_t end) {
    auto lists = conv.prepare();
    RawBuffer<R> sums;
    for (std::size_t image = begin; image < end; ++image) {
      for (std::size_t first = 0; first < height; first += conv.band) {
        const std::size_t n = std::min(conv.band, height - first);
        conv.list(x, image, first, n, lists);
        for (std::size_t g = 0; g < shape.groups; ++g) {
          for (const Chunk& chunk : conv.chunks) {
            const std::size_t output = g * conv.outputs + chunk.first;
            R* const to = y + (image * height + first) * width * shape.outputs + output;
            // Sums of whole lines are kept in place.
            const std::size_t pitch = chunk.lines * line<R>;
            const bool direct = chunk.number == pitch;
            sums.resize(direct ? 0 : n * width * pitch);
            R* const sum = direct ? to : sums.data();
            const std::size_t step = direct ? shape.outputs : pitch;
            for (std::size_t place = 0; place < n * width; ++place) {
              if (bias == nullptr) {
                std::fill_n(sum + place * step, pitch, R(0));
              } else {
                std::copy_n(bias + output, chunk.number, sum + place * step);
              }
            }
            const R* const rows = weights.data() + g * conv.group_size + chunk.at;
            conv.rows(g, first, n, lists,
                      [&](const Slice* windows, const std::uint32_t* ends, std::size_t ky,
                          std::size_t oy) {
                        gather({windows, width, ends, lists.at.data(),
                                lists.ones ? nullptr : lists.value.data()},
                               rows + ky * conv.row_weights(chunk), chunk.lines,
                               sum + oy * width * step, step);
                      });
            for (std::size_t place = 0; !direct && place < n * width; ++place) {
              std::copy_n(sum + place * pitch, chunk.number, to + place * shape.outputs);
            }
          }
        }
      }
    }
  });
}

#define SPIKELET_SPARSE(R, X) \
  template void sparse_conv(const ConvShape&, const X*, const R*, const R*, R*, int);
SPIKELET_SPARSE(float, float)
SPIKELET_SPARSE(float, std::uint8_t)
SPIKELET_SPARSE(double, double)
SPIKELET_SPARSE(double, std::uint8_t)
#undef SPIKELET_SPARSE

}  // namespace spikelet::train
