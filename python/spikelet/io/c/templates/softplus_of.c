/* log(1 + exp(x)). */
static float softplus_of(float x) {
  const float y = log_one_more(power_of(-magnitude_of(x)));
  return x > 0.0f ? x + y : x != x ? x : y;
}
