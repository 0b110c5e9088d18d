/* sum += the weights of all spikes that the output pixel (y, x) sees; weights [kernel column][kernel row][channel][output].
   Sums depend on the order: column by column, row by row, channel by channel. */
static void walk(const struct kernel *k, const @value@ *weights, const uint8_t *spikes, int y, int x, @value@ *sum) {
  const int bytes = (k->in_channels + 7) / 8;
  int kx, ky, b, o;
  for (kx = 0; kx < k->width; ++kx) {
    const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
    if (ix < 0 || ix >= k->in_width) {
      continue;
    }
    for (ky = 0; ky < k->height; ++ky) {
      const int iy = input_row(k, y, ky);
      const int first = (kx * k->height + ky) * k->in_channels;
      const uint8_t *pixel = spikes + (iy * k->in_width + ix) * bytes;
      if (iy < 0) {
        continue;
      }
      for (b = 0; b < bytes; ++b) {
        unsigned bits = pixel[b];
        while (bits != 0) {
          const @value@ *row = weights + (first + 8 * b + lowest_bit(bits)) * k->outputs;
          bits &= bits - 1u;
          for (o = 0; o < k->outputs; ++o) {
            sum[o] = @sum[o] + row[o]@;
          }
        }
      }
    }
  }
}
