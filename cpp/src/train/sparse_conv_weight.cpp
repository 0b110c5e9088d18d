// The gradient of a convolution's weights over sparse inputs. A weight's gradient is the sum of the
// output gradients that its channel's active inputs reach through its tap. The active inputs of a
// block of images are listed for each channel, and all taps of a channel are summed in registers
// while its list is read once.
#include <algorithm>
#include <numeric>

#include "spikelet/train/sparse.hpp"
#include "train/sparse_lists.hpp"

namespace spikelet::train {

namespace {

constexpr std::size_t block_bytes = std::size_t{40} << 10;     // of a line of gradients: near L1
constexpr std::size_t most_images = 16;                        // of a block
constexpr std::size_t gradient_values = std::size_t{1} << 20;  // of partial sums

// One dimension of a convolution. Inputs at p with the same (p + padding) % stride, a class, see
// the same taps: first, first + step ..., and the outputs of these are `apart`.
struct Axis {
  Axis(std::size_t input_, std::size_t output_, std::size_t kernel_, std::size_t stride_,
       std::size_t padding_, std::size_t dilation_)
      : input(input_),
        output(output_),
        kernel(kernel_),
        stride(stride_),
        padding(padding_),
        dilation(dilation_),
        step(stride / std::gcd(stride, dilation)),
        apart(dilation / std::gcd(stride, dilation)),
        margin(parts_of((kernel - 1) * dilation, stride)) {
    for (std::size_t k = 0; k < stride; ++k) {
      std::size_t tap = 0;
      while (tap < kernel && tap * dilation % stride != k) {
        ++tap;
      }
      first.push_back(tap < kernel ? tap : 0);
      number.push_back(tap < kernel ? (kernel - 1 - tap) / step + 1 : 0);
    }
  }

  std::size_t class_of(std::size_t p) const { return (p + padding) % stride; }
  // The output that an input reaches through the first tap of its class, plus the margin.
  std::size_t place_of(std::size_t p) const {
    return (p + padding + margin * stride - first[class_of(p)] * dilation) / stride;
  }
  // The first place that inputs from p on reach, and the end of those that inputs before p reach.
  std::size_t low(std::size_t p) const {
    return (p + padding + margin * stride - (kernel - 1) * dilation) / stride;
  }
  std::size_t end(std::size_t p) const { return (p - 1 + padding) / stride + margin + 1; }

  std::size_t input, output, kernel, stride, padding, dilation;
  std::size_t step;
  std::size_t apart;
  std::size_t margin;                      // places before the first output
  std::vector<std::size_t> first, number;  // taps of a class
};

template <class R, class X>
class WeightGradient {
 public:
  explicit WeightGradient(const ConvShape& s)
      : shape_(s),
        rows_(s.input.height, s.output.height, s.kernel.height, s.stride.height, s.padding.height,
              s.dilation.height),
        columns_(s.input.width, s.output.width, s.kernel.width, s.stride.width, s.padding.width,
                 s.dilation.width),
        channels_(s.channels / s.groups),
        outputs_(s.outputs / s.groups),
        lines_(parts_of(outputs_, line<R>)),
        pitch_((columns_.end(s.input.width) - columns_.low(0)) * line<R>),
        least_rows_(rows_.end(s.input.height) - rows_.low(0)) {
    // A block is several images, or rows of one.
    const std::size_t fit = std::max<std::size_t>(block_bytes / sizeof(R) / pitch_, 1);
    images_ = std::clamp<std::size_t>(fit / least_rows_, 1, most_images);
    const std::size_t extra = rows_.margin + 1;
    const std::size_t most = (std::max(fit, extra + 1) - extra) * rows_.stride;
    band_ = fit >= least_rows_ ? s.input.height
                               : parts_of(s.input.height, parts_of(s.input.height, most));
    for (std::size_t x = 0; x < s.input.width; ++x) {
      const std::size_t place = (columns_.place_of(x) - columns_.low(0)) * line<R>;
      for (std::size_t c = 0; c < s.channels; ++c) {
        at_.push_back(static_cast<std::uint32_t>(place));
        list_.push_back(static_cast<std::uint32_t>(columns_.class_of(x) * s.channels + c));
      }
    }
  }

  std::size_t size() const {  // of all sums: [group][line][channel][kernel row][column][output]
    return shape_.groups * lines_ * channels_ * taps() * line<R>;
  }
  // The place of a weight's sum.
  std::size_t place(std::size_t g, std::size_t o, std::size_t c, std::size_t tap) const {
    return (((g * lines_ + o / line<R>)*channels_ + c) * taps() + tap) * line<R> + o % line<R>;
  }

  // Adds those of images [begin, end).
  void add(const X* x, const R* grad_y, std::size_t begin, std::size_t end, R* sums) const {
    const auto [height, width] = shape_.input;
    Scratch scratch(*this);
    for (std::size_t image = begin; image < end; image += images_) {
      const std::size_t n = std::min(images_, end - image);
      for (std::size_t y = 0; y < height; y += band_) {
        const Block block{image, n, y, std::min(y + band_, height)};
        list(x, block, scratch);
        copy(grad_y, block, scratch.gradients);
        const std::size_t places = block.images * rows_of(block) * pitch_;
        for (std::size_t k = 0; k < shape_.groups * lines_; ++k) {
          add_line(k / lines_, scratch, scratch.gradients.data() + k * places,
                   sums + k * channels_ * taps() * line<R>);
        }
      }
    }
  }

 private:
  struct Block {
    std::size_t image, images;
    std::size_t first, last;  // rows of the input
  };
  struct Scratch {
    explicit Scratch(const WeightGradient& of)
        : lists(of.rows_.stride * of.columns_.stride * of.shape_.channels,
                of.images_ * parts_of(of.band_, of.rows_.stride) *
                    parts_of(of.shape_.input.width, of.columns_.stride)),
          active(of.list_.size() + 64),
          row(of.shape_.channels_last ? 0 : of.list_.size()) {}
    Lists<R> lists;  // [row class][column class][channel]
    bool ones = true;
    RawBuffer<std::uint32_t> active;
    RawBuffer<X> row;
    Buffer<R> gradients;
  };

  std::size_t taps() const { return rows_.kernel * columns_.kernel; }
  std::size_t rows_of(const Block& b) const { return rows_.end(b.last) - rows_.low(b.first); }

  void list(const X* x, const Block& b, Scratch& scratch) const {
    scratch.lists.clear();
    scratch.ones = true;
    for (std::size_t i = 0; i < b.images; ++i) {
      for (std::size_t y = b.first; y < b.last; ++y) {
        const X* const from = image_row(shape_, x, b.image + i, y, scratch.row);
        const std::size_t place =
            (i * rows_of(b) + rows_.place_of(y) - rows_.low(b.first)) * pitch_;
        const std::size_t lists = rows_.class_of(y) * columns_.stride * shape_.channels;
        const std::size_t n = find_active(from, list_.size(), scratch.active.data(), scratch.ones);
        for (std::size_t e = 0; e < n; ++e) {
          const std::uint32_t at = scratch.active[e];
          scratch.lists.append(lists + list_[at], static_cast<std::uint32_t>(place + at_[at]),
                               static_cast<R>(from[at]));
        }
      }
    }
  }

  // The gradients that the block reaches, [group][line][image][row][column][output]; 0 beyond the
  // image.
  void copy(const R* grad_y, const Block& b, Buffer<R>& to) const {
    const std::size_t rows = rows_of(b);
    const std::size_t places = b.images * rows * pitch_;
    to.assign(shape_.groups * lines_ * places, R(0));
    // The outputs [left, right) are reached, from a place on.
    const std::size_t low = columns_.low(0);
    const std::size_t left = low - std::min(low, columns_.margin);
    const std::size_t first = left + columns_.margin - low;
    const std::size_t right = std::min(columns_.output, left + pitch_ / line<R> - first);
    for (std::size_t i = 0; i < b.images; ++i) {
      for (std::size_t r = 0; r < rows; ++r) {
        const std::size_t oy = rows_.low(b.first) + r - rows_.margin;  // wraps if above
        if (oy >= rows_.output) {
          continue;
        }
        const R* from = grad_y + (((b.image + i) * rows_.output + oy) * columns_.output + left) *
                                     shape_.outputs;
        R* row = to.data() + (i * rows + r) * pitch_ + first * line<R>;
        for (std::size_t ox = left; ox < right; ++ox, row += line<R>) {
          R* place = row;
          for (std::size_t g = 0; g < shape_.groups; ++g) {
            std::size_t o = 0;
            for (; o + line<R> <= outputs_; o += line<R>, place += places, from += line<R>) {
              std::copy_n(from, line<R>, place);
            }
            if (o < outputs_) {
              std::copy_n(from, outputs_ - o, place);
              place += places;
              from += outputs_ - o;
            }
          }
        }
      }
    }
  }

  void add_line(std::size_t group, const Scratch& scratch, const R* gradients, R* sums) const {
    const auto correlate = kernels_of<SparseKernels<R>>().correlate;
    for (std::size_t c = 0; c < channels_; ++c, sums += taps() * line<R>) {
      for (std::size_t cy = 0; cy < rows_.stride; ++cy) {
        for (std::size_t cx = 0; cx < columns_.stride; ++cx) {
          ActiveInputs<R> events =
              scratch.lists[(cy * columns_.stride + cx) * shape_.channels + group * channels_ + c];
          if (events.number == 0) {
            continue;
          }
          if (scratch.ones) {
            events.value = nullptr;
          }
          const KernelTaps taps{
              .rows = rows_.number[cy],
              .columns = columns_.number[cx],
              .from_row = static_cast<std::ptrdiff_t>(rows_.apart * pitch_),
              .from_column = static_cast<std::ptrdiff_t>(columns_.apart * line<R>),
              .to_row = rows_.step * columns_.kernel * line<R>,
              .to_column = columns_.step * line<R>};
          correlate(events, taps, gradients,
                    sums + (rows_.first[cy] * columns_.kernel + columns_.first[cx]) * line<R>);
        }
      }
    }
  }

  const ConvShape& shape_;
  Axis rows_, columns_;
  std::size_t channels_, outputs_;        // of a group
  std::size_t lines_;                     // of its outputs
  std::size_t pitch_;                     // values of a row of places
  std::size_t least_rows_;                // of places of an image
  std::size_t images_, band_;             // of a block: images, or rows of one
  std::vector<std::uint32_t> at_, list_;  // of an input of a row
};

}  // namespace

template <class R, class X>
void sparse_conv_weight(const ConvShape& shape, const X* x, const R* grad_y, R* grad_weight,
                        int threads) {
  const WeightGradient<R, X> gradient(shape);
  const std::size_t size = gradient.size();
  const std::size_t limit = std::clamp<std::size_t>(gradient_values / size, 4, 32);
  Buffer<R> partial(limit * size);
  in_parts(shape.images, limit, threads, [&](std::size_t part, std::size_t begin, std::size_t end) {
    gradient.add(x, grad_y, begin, end, partial.data() + part * size);
  });
  Buffer<R> total(size);
  constexpr std::size_t block = 4096;
  parallel_for(threads, parts_of(size, block), [&](std::size_t b) {
    kernels_of<SparseKernels<R>>().sum_rows(partial.data() + b * block, limit, size,
                                            std::min(block, size - b * block),
                                            total.data() + b * block);
  });
  const std::size_t taps = shape.kernel.height * shape.kernel.width;
  for (std::size_t o = 0; o < shape.outputs; ++o) {
    const std::size_t outputs = shape.outputs / shape.groups;
    for (std::size_t c = 0; c < shape.channels / shape.groups; ++c) {
      for (std::size_t tap = 0; tap < taps; ++tap) {
        *grad_weight++ = total[gradient.place(o / outputs, o % outputs, c, tap)];
      }
    }
  }
}

#define SPIKELET_SPARSE(R, X) \
  template void sparse_conv_weight(const ConvShape&, const X*, const R*, R*, int);
SPIKELET_SPARSE(float, float)
SPIKELET_SPARSE(float, std::uint8_t)
SPIKELET_SPARSE(double, double)
SPIKELET_SPARSE(double, std::uint8_t)
#undef SPIKELET_SPARSE

}  // namespace spikelet::train
