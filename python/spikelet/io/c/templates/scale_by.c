static void scale_by(int pixels, int channels, const float *scale, float *values) {
  int p, c;
  for (p = 0; p < pixels; ++p, values += channels) {
    for (c = 0; c < channels; ++c) {
      values[c] *= scale[c];
    }
  }
}
