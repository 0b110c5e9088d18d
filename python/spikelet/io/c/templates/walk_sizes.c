/* The same as `walk` for spikes of several sizes: those of each plane, `plane` bytes apart, count as much as its gain. A
   channel spikes in one plane at most. */
static void walk_sizes(const struct kernel *k, const float *weights, const uint8_t *spikes, int planes, int plane,
                       const float *gains, int y, int x, float *sum) {
  const int bytes = (k->in_channels + 7) / 8;
  int kx, ky, b, o, p;
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
        unsigned bits = 0;
        for (p = 0; p < planes; ++p) {
          bits |= pixel[p * plane + b];
        }
        while (bits != 0) {
          const int channel = lowest_bit(bits);
          const float *row = weights + (first + 8 * b + channel) * k->outputs;
          bits &= bits - 1u;
          for (p = 0; (pixel[p * plane + b] >> channel & 1) == 0; ++p) {
          }
          for (o = 0; o < k->outputs; ++o) {
            sum[o] += gains[p] * row[o];
          }
        }
      }
    }
  }
}
