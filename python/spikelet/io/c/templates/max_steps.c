/* A pixel of a max pool spikes if one in its window does. */
static void max_steps(struct window rows, int row_step, struct window columns, int column_step, int width, int bytes,
                      const uint8_t *spikes, uint8_t *pixel) {
  int b, y, x;
  for (b = 0; b < bytes; ++b) {
    pixel[b] = 0;
    for (y = rows.begin; y < rows.end; y += row_step) {
      for (x = columns.begin; x < columns.end; x += column_step) {
        pixel[b] = (uint8_t)(pixel[b] | spikes[(y * width + x) * bytes + b]);
      }
    }
  }
}
