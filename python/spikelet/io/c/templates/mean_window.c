/* The mean values in a window. */
static void mean_window(struct window rows, int row_step, struct window columns, int column_step, int width, int channels,
                        float divisor, const float *values, float *out) {
  int c, y, x;
  for (c = 0; c < channels; ++c) {
    int first = 1;
    for (y = rows.begin; y < rows.end; y += row_step) {
      for (x = columns.begin; x < columns.end; x += column_step) {
        const float value = values[(y * width + x) * channels + c];
        out[c] = first ? value : out[c] + value;
        first = 0;
      }
    }
    out[c] /= divisor;
  }
}
