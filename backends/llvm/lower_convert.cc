#include "backends/llvm/lower.h"

namespace mimus::jit {

std::span<const LowerRow> convert_rows() { return {}; }

}  // namespace mimus::jit
