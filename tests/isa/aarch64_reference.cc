// Prints docs/reference/aarch64.md.
#include <cstdio>

#include "frontends/aarch64/table.h"

int main() { std::fputs(mimus::aarch64::isa_reference().c_str(), stdout); }
