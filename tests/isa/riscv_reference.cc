// Prints docs/reference/riscv.md.
#include <cstdio>

#include "frontends/riscv/table.h"

int main() { std::fputs(mimus::riscv::isa_reference().c_str(), stdout); }
