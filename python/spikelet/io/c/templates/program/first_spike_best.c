
int ${name}_best(const int32_t *output) {
  int64_t most = INT64_MIN;
  int c, best = 0;
  for (c = 0; c < $channels; ++c) {
    const int64_t score = output[c] * (int64_t)$scales[c] + $biases[c];
    if (score > most) {
      most = score;
      best = c;
    }
  }
  return best;
}
