/* The largest values, or earliest spikes, of the window that the output pixel (y, x) sees; 0 outside. */
static void max_window(const struct kernel *k, const @value@ *values, int y, int x, @value@ *out) {
  int ky, kx, c;
  for (ky = 0; ky < k->height; ++ky) {
    const int iy = input_row(k, y, ky);
    for (kx = 0; kx < k->width; ++kx) {
      const int ix = x * k->stride_x + kx * k->dilation_x - k->left;
      const int inside = iy >= 0 && ix >= 0 && ix < k->in_width;
      for (c = 0; c < k->in_channels; ++c) {
        const @value@ value = inside ? values[(iy * k->in_width + ix) * k->in_channels + c] : 0;
        out[c] = ky + kx == 0 || value > out[c] ? value : out[c];
      }
    }
  }
}
