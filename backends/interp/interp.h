// The interpreter: defines what every IR op means. It needs nothing of the host but C++, and is the judge of the
// other engines in differential tests.
#pragma once

#include <memory>

#include "core/engine/engine.h"

namespace mimus {

// `layout` must live as long as the engine and the code it makes. Slot reads and writes, widening and branches become
// part of the ops beside them.
std::unique_ptr<Engine> make_interp_engine(const RuntimeLayout& layout);
// The same with one record for every instruction: what the former is measured by.
std::unique_ptr<Engine> make_plain_interp_engine(const RuntimeLayout& layout);

}  // namespace mimus
