// A row of a dense convolution, 16 outputs at a time. Included only by layers/kernels.cpp. Order of
// additions: kernel row, kernel column, channel.
namespace spikelet::layers::SPIKELET_LEVEL {

template <class R, int Pixels>
SPIKELET_INLINE void dense_pixels(const DenseRow<R>& conv, std::size_t x, R* out,
                                  std::size_t out_pixel) {
  constexpr int vectors = 16 / lanes<R>;
  Vec<R> sum[Pixels][vectors];
  for (auto& pixel : sum) {
    for (auto& v : pixel) {
      v = Vec<R>{};
    }
  }
  const R* weights = conv.weights;
  for (std::size_t ky = 0; ky < conv.kernel_height; ++ky) {
    for (std::size_t kx = 0; kx < conv.kernel_width; ++kx) {
      const R* from = conv.rows + ky * conv.dilation_y * conv.row_stride +
                      (x * conv.stride + kx * conv.dilation_x) * conv.pixel;
      const std::size_t next = conv.stride * conv.pixel;
      for (std::size_t c = 0; c < conv.channels; ++c, weights += 16) {
        Vec<R> w[vectors];
        for (int k = 0; k < vectors; ++k) {
          w[k] = load(weights + k * lanes<R>);
        }
#pragma GCC unroll 8
        for (int p = 0; p < Pixels; ++p) {
          const Vec<R> value = broadcast(from[static_cast<std::size_t>(p) * next + c]);
          for (int k = 0; k < vectors; ++k) {
            sum[p][k] += w[k] * value;
          }
        }
      }
    }
  }
  for (int p = 0; p < Pixels; ++p) {
    for (int k = 0; k < vectors; ++k) {
      store(out + (x + static_cast<std::size_t>(p)) * out_pixel + k * lanes<R>, sum[p][k]);
    }
  }
}

template <class R>
void dense_row(const DenseRow<R>& conv, R* out, std::size_t out_pixel) {
  constexpr int pixels = vector_bytes == 64 ? 8 : 4;
  std::size_t x = 0;
  for (; x + pixels <= conv.width; x += pixels) {
    dense_pixels<R, pixels>(conv, x, out, out_pixel);
  }
  if (pixels > 4 && x + 4 <= conv.width) {
    dense_pixels<R, 4>(conv, x, out, out_pixel);
    x += 4;
  }
  if (x + 2 <= conv.width) {
    dense_pixels<R, 2>(conv, x, out, out_pixel);
    x += 2;
  }
  for (; x < conv.width; ++x) {
    dense_pixels<R, 1>(conv, x, out, out_pixel);
  }
}

}  // namespace spikelet::layers::SPIKELET_LEVEL
