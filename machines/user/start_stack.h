// The first page of a process's stack as the kernel leaves it: argument count and vector, environment, auxiliary
// vector. Source: System V Application Binary Interface, "Process Initialization"; getauxval(3).
#pragma once

#include <string>
#include <vector>

#include "core/base/error.h"
#include "machines/user/address_space.h"

namespace mimus::user {

struct StartStack {
  std::vector<std::string> arguments, environment;
  std::string path;                       // AT_EXECFN
  std::string platform;                   // AT_PLATFORM; empty: none
  std::vector<std::pair<u64, u64>> auxv;  // besides what points into the stack itself, and AT_NULL
};

struct StackLayout {
  GuestVa sp = 0;
  GuestVa auxv = 0;
  u64 auxv_bytes = 0;
  GuestVa arguments = 0;  // the strings, one behind the other: /proc/PID/cmdline
  u64 arguments_bytes = 0;
};

// Writes it below `top`.
Expected<StackLayout> build_stack(const StartStack& start, AddressSpace& memory, GuestVa top);

}  // namespace mimus::user
