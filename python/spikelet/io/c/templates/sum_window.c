/* The sums of the window that the output pixel (y, x) sees. */
static void sum_window(const struct kernel *k, const @value@ *values, int y, int x, @sum@ *out) {
  int ky, kx, c;
  for (ky = 0; ky < k->height; ++ky) {
    const int iy = input_row(k, y, ky);
    for (kx = 0; kx < k->width; ++kx) {
      const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
      const int seen = iy >= 0 && ix >= 0 && ix < k->in_width ? k->in_channels : 0;
      for (c = 0; c < seen; ++c) {
        out[c] = (@sum@)(out[c] + values[(iy * k->in_width + ix) * k->in_channels + c]);
      }
    }
  }
}
