// GDB's host I/O packets: files of the debugged system, for reading. Source: Debugging with GDB, appendix "Remote
// Protocol", sections Host I/O Packets and File-I/O Remote Protocol Extension (structures and errno values).
#pragma once

#include <set>
#include <string>
#include <string_view>

#include "machines/debug/gdb_target.h"

namespace mimus::gdb {

class Files {
 public:
  explicit Files(Target& target) : target_(target) {}
  ~Files();
  Files(const Files&) = delete;

  // The answer to "vFile:" + `request`; empty: an operation that is not supported.
  std::string execute(std::string_view request);

 private:
  using Operation = std::string (Files::*)(std::string_view arguments);
  std::string setfs(std::string_view arguments);
  std::string open(std::string_view arguments);
  std::string close(std::string_view arguments);
  std::string pread(std::string_view arguments);
  std::string fstat(std::string_view arguments);

  Target& target_;
  std::set<int> open_;
};

}  // namespace mimus::gdb
