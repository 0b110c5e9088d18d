/* sum (+)= gain times the weight of each channel of one pixel that has a spike. */
static void copy(int channels, const @value@ *weights, const uint8_t *pixel, @value@ gain, int add, @value@ *sum) {
  int c;
  for (c = 0; c < channels; ++c) {
    const @value@ value = (pixel[c / 8] >> c % 8 & 1) != 0 ? @weights[c] * gain@ : 0;
    sum[c] = add ? @sum[c] + value@ : value;
  }
}
