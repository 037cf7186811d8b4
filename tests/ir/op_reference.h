// docs/reference/ir.md, made from ops.def.
#pragma once

#include <string>

namespace mimus::test {

std::string op_reference();

}  // namespace mimus::test
