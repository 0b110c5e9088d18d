/* The same of several sizes: the one is sent that is nearest to what is missing. */
static void max_sizes(struct window rows, int row_step, struct window columns, int column_step, int width, int channels,
                      float size, int levels, const float *gains, int plane, const float *sums, float *sent,
                      uint8_t *spikes) {
  int c, y, x;
  for (c = 0; c < channels; ++c) {
    float greatest = sums[(rows.begin * width + columns.begin) * channels + c];
    for (y = rows.begin; y < rows.end; y += row_step) {
      for (x = columns.begin; x < columns.end; x += column_step) {
        const float sum = sums[(y * width + x) * channels + c];
        greatest = sum > greatest ? sum : greatest;
      }
    }
    send_pair(c, greatest - sent[c], 0.5f * size, size, levels, gains, plane, sent + c, spikes);
  }
}
