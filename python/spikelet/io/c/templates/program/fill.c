  for (k = 0; k < sizeof $array / sizeof $array[0]; ++k) {
    seed = (seed * 1103515245u + 12345u) & 0xffffffffu;
    $array[k] = $value;
  }
