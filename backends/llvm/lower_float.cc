#include "backends/llvm/lower.h"

namespace mimus::jit {

std::span<const LowerRow> float_rows() { return {}; }

}  // namespace mimus::jit
