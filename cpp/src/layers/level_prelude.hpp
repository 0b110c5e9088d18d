// Everything that a level file needs from elsewhere; it stays baseline code.
#pragma once

#include <algorithm>

#include "core/level_prelude.hpp"
#include "layers/levels.hpp"
