/* sum += the weights of all spikes that the output pixel (y, x) sees: input column by column, kernel row by row, channel by
   channel. The order matters: sums of floats depend on it. */
static void walk(const struct events *e, const float *weights, const uint8_t *spikes, int y, int x, float *sum) {
  const int bytes = (e->in_channels + 7) / 8;
  int kx, ky, b, o;
  for (kx = 0; kx < e->kernel_width; ++kx) {
    const int ix = x * e->stride_x + kx * e->dilation_x - e->left;
    for (ky = 0; ky < e->kernel_height; ++ky) {
      const int iy = y * e->stride_y + ky * e->dilation_y - e->top;
      const float *from = weights + (size_t)((kx * e->kernel_height + ky) * e->in_channels) * (size_t)e->outputs;
      const uint8_t *pixel;
      if (ix < 0 || ix >= e->in_width || iy < 0 || iy >= e->in_height) {
        continue;
      }
      pixel = spikes + (size_t)(iy * e->in_width + ix) * (size_t)bytes;
      for (b = 0; b < bytes; ++b, from += 8 * e->outputs) {
        unsigned bits = pixel[b];
        while (bits != 0) {
          const float *row = from + lowest_bit(bits) * e->outputs;
          bits &= bits - 1;
          for (o = 0; o < e->outputs; ++o) {
            sum[o] += row[o];
          }
        }
      }
    }
  }
}
