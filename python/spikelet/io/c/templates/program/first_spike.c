/* $made_by. Integers only: a window of each layer at once, with the same spikes as step by step. */
#include "$name.h"

#include <stddef.h>
#include <string.h>

#include "${name}_weights.h"

typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

$templates
$tables
$arrays
int ${name}_run($given, $wanted) {
$indices  enum { NO_ARRAY = ${upper}_NO_ARRAY };
$check$statements
  return ${upper}_OK;
}
$best
