/* The values of spikes: amplitude times the gain of their plane. */
static void spikes_to_values(int pixels, int channels, const uint8_t *spikes, const float *amplitude, float gain, int add,
                             float *values) {
  const int bytes = (channels + 7) / 8;
  int p;
  for (p = 0; p < pixels; ++p, spikes += bytes, values += channels) {
    copy(channels, amplitude, spikes, gain, add, values);
  }
}
