/* Each pixel is a weighted sum of others, the same for all channels. */
static void mix(int pixels, int channels, const int *begin, const int *from, const float *weights, const float *values,
                float *out) {
  int p, j, c;
  for (p = 0; p < pixels; ++p, out += channels) {
    for (c = 0; c < channels; ++c) {
      out[c] = 0.0f;
    }
    for (j = begin[p]; j < begin[p + 1]; ++j) {
      for (c = 0; c < channels; ++c) {
        out[c] += weights[j] * values[from[j] * channels + c];
      }
    }
  }
}
