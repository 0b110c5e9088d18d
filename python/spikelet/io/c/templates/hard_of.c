/* alpha x + beta, clipped to 0 .. 1. */
static float hard_of(float x, float alpha, float beta) {
  const float y = alpha * x + beta;
  const float above = y < 0.0f ? 0.0f : y;
  return above > 1.0f ? 1.0f : above;
}
