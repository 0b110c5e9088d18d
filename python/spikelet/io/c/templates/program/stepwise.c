static int done = -1; /* steps; -1: not begun */

int ${name}_init($once) {
  unsigned long before;
$check_once  before = flush_begin();
$begin$reset  flush_end(before);
  done = 0;
  return OK;
}

int ${name}_step($each) {
  unsigned long before;
$error  if (done < 0$most) {
    return ORDER;
  }
$check_each  before = flush_begin();
$step  flush_end(before);
  ++done;
  return $result;
}

int ${name}_output($wanted) {
  unsigned long before;
$check_outputs  if (done <= DELAY || WINDOW(done) <= 0.0f) {
    return ORDER;
  }
  before = flush_begin();
$end$outputs  flush_end(before);
  return OK;
}

int ${name}_run($many$given, $wanted) {
  int t, error;
$check_arrays  error = ${name}_init($to_init);
  for (t = 0; error == OK && t < $steps; ++t) {
    error = ${name}_step($to_step);
  }
  return error == OK ? ${name}_output($to_output) : error;
}
