/* The same where each output sees one channel; weights are [kernel row][kernel column][channel]. */
static void add_depthwise(const struct kernel *k, const @weight@ *weights, const @value@ *values, int y, int x,
                          int32_t *sum) {
  const int channels = k->in_channels;
  int ky, kx, c;
  for (ky = 0; ky < k->height; ++ky) {
    const int iy = input_row(k, y, ky);
    for (kx = 0; kx < k->width; ++kx, weights += channels) {
      const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
      const @value@ *from = values + (iy * k->in_width + ix) * channels;
      const int seen = iy >= 0 && ix >= 0 && ix < k->in_width ? channels : 0;
      for (c = 0; c < seen; ++c) {
        sum[c] += weights[c] * from[c];
      }
    }
  }
}
