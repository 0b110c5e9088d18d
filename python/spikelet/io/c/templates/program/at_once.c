int ${name}_run($many$given, $wanted) {
  unsigned long before;
  int t$error;
$check_arrays$least$check_values  before = flush_begin();
$body$outputs  flush_end(before);
  return $result;
}
