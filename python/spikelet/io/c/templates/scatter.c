/* sum += gain times the same; weights [kernel row][kernel column][channel][output of the group]. The order is row by row,
   column by column, channel by channel. */
static void scatter(const struct kernel *k, const float *weights, const uint8_t *spikes, float gain, int y, int x,
                    float *sum) {
  const int bytes = (k->in_channels + 7) / 8;
  const int in_group = k->in_channels / k->groups, out_group = k->outputs / k->groups;
  int kx, ky, b, o;
  for (ky = 0; ky < k->height; ++ky) {
    const int iy = input_row(k, y, ky);
    if (iy < 0) {
      continue;
    }
    for (kx = 0; kx < k->width; ++kx) {
      const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
      const int first = (ky * k->width + kx) * k->in_channels;
      const uint8_t *pixel = spikes + (iy * k->in_width + ix) * bytes;
      if (ix < 0 || ix >= k->in_width) {
        continue;
      }
      for (b = 0; b < bytes; ++b) {
        unsigned bits = pixel[b];
        while (bits != 0) {
          const int channel = 8 * b + lowest_bit(bits);
          const float *row = weights + (first + channel) * out_group;
          float *to = sum + channel / in_group * out_group;
          bits &= bits - 1u;
          for (o = 0; o < out_group; ++o) {
            to[o] += gain * row[o];
          }
        }
      }
    }
  }
}
