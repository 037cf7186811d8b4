// The rows of helpers.def: numbers for Translator, descriptions for engines.
#pragma once

#include <span>

#include "core/engine/helper.h"

namespace mimus::aarch64 {

enum Helper : unsigned {
#define HELPER(name, ...) kHelper_##name,
#include "frontends/aarch64/helpers.def"
#undef HELPER
};

std::span<const HelperDesc> helper_table();

}  // namespace mimus::aarch64
