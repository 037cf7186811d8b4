// Prints docs/reference/syscalls.md.
#include <cstdio>

#include "machines/user/syscalls.h"

int main() { std::fputs(mimus::user::call_reference().c_str(), stdout); }
