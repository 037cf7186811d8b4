// Prints docs/reference/ir.md.
#include <cstdio>

#include "tests/ir/op_reference.h"

int main() { std::fputs(mimus::test::op_reference().c_str(), stdout); }
