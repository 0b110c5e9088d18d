// Everything that a level file needs from elsewhere; it stays baseline code.
#pragma once

#include <algorithm>
#include <bit>

#include "core/level_prelude.hpp"
#include "layers/levels.hpp"
