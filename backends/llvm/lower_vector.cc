#include "backends/llvm/lower.h"

namespace mimus::jit {

std::span<const LowerRow> vector_rows() { return {}; }

}  // namespace mimus::jit
