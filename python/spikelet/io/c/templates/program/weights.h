/* $made_by: the constant numbers of $name.c. */
#ifndef ${upper } _WEIGHTS_H
#define $ {upper} _WEIGHTS_H

#include <math.h>
#include <stdint.h>

$constants
#endif
