/* The mean value of neurons whose spikes have been tallied. */
static void mean_spikes(int pixels, int channels, const float *sums, float window, const float *amplitude, float *means) {
  int p, c;
  for (p = 0; p < pixels; ++p, sums += channels, means += channels) {
    for (c = 0; c < channels; ++c) {
      means[c] = sums[c] / window * amplitude[c];
    }
  }
}
