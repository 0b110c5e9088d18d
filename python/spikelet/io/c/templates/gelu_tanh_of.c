/* The approximation of the same by tanh. */
static float gelu_tanh_of(float x) {
  const float cube = x * x * x * 0.044715f;
  return x * 0.5f * (tanh_of((x + cube) * 0.79788456080286535588f) + 1.0f);
}
