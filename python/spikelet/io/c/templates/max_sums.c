/* A pixel of a max pool spikes where that brings what it has sent closer to the greatest sum of its window. */
static void max_sums(struct window rows, int row_step, struct window columns, int column_step, int width, int channels,
                     float size, const float *sums, float *sent, uint8_t *plus, uint8_t *minus) {
  const float sign = size < 0.0f ? -1.0f : 1.0f, half = size * (sign * 0.5f);
  int c, y, x;
  for (c = 0; c < channels; ++c) {
    float greatest = sums[(rows.begin * width + columns.begin) * channels + c], ahead;
    for (y = rows.begin; y < rows.end; y += row_step) {
      for (x = columns.begin; x < columns.end; x += column_step) {
        const float sum = sums[(y * width + x) * channels + c];
        greatest = sum > greatest ? sum : greatest;
      }
    }
    ahead = (greatest - sent[c]) * sign;
    set_spike(plus, c, ahead >= half);
    if (minus != NULL) {
      set_spike(minus, c, -half >= ahead);
    }
    if (ahead >= half) {
      sent[c] += size;
    } else if (minus != NULL && -half >= ahead) {
      sent[c] -= size;
    }
  }
}
