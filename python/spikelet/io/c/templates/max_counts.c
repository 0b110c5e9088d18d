/* A pixel of a max pool spikes where the greatest count of its window has changed; minus (if not NULL) gets falls. */
static void max_counts(struct window rows, int row_step, struct window columns, int column_step, int width, int channels,
                       const @count@ *counts, @count@ *before, uint8_t *plus, uint8_t *minus) {
  int c, y, x;
  for (c = 0; c < channels; ++c) {
    @count@ greatest = counts[(rows.begin * width + columns.begin) * channels + c];
    for (y = rows.begin; y < rows.end; y += row_step) {
      for (x = columns.begin; x < columns.end; x += column_step) {
        const @count@ count = counts[(y * width + x) * channels + c];
        greatest = count > greatest ? count : greatest;
      }
    }
    set_spike(plus, c, greatest > before[c]);
    if (minus != NULL) {
      set_spike(minus, c, greatest < before[c]);
    }
    before[c] = greatest;
  }
}
