/* 1 / (1 + exp(-x)). */
static float sigmoid_of(float x) { return 1.0f / (power_of(-x) + 1.0f); }
