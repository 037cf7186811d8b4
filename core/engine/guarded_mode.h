// Guarded code: pages to which indirect branches are checked (AArch64's FEAT_BTI). Whether a page is guarded is a
// property of its mapping, which a translation depends on like on its bytes: it is forgotten when that changes.
#pragma once

#include "core/base/types.h"

namespace mimus {

// Set in the mode key of a block while the frontend translates it, if its first page is guarded; frontends pack no such
// keys.
inline constexpr u64 kGuardedMode = u64{1} << 63;

}  // namespace mimus
