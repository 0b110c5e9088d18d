/* The greatest values in a window. */
static void max_values(struct window rows, int row_step, struct window columns, int column_step, int width, int channels,
                       const float *values, float *out) {
  int c, y, x;
  for (c = 0; c < channels; ++c) {
    out[c] = values[(rows.begin * width + columns.begin) * channels + c];
    for (y = rows.begin; y < rows.end; y += row_step) {
      for (x = columns.begin; x < columns.end; x += column_step) {
        const float value = values[(y * width + x) * channels + c];
        out[c] = value > out[c] ? value : out[c];
      }
    }
  }
}
