/* log(1 + x) for x >= 0: the logarithm of the rounded sum, less what rounding has cost. */
static float log_one_more(float x) {
  const float u = x + 1.0f;
  return u == 1.0f || x - x != 0.0f ? x : log_of(u) - ((u - 1.0f) - x) / u;
}
