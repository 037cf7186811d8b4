// GDB's JIT interface (GDB manual, "JIT Compilation Interface"): each piece of code is announced as a small ELF file in
// memory with one function symbol, so that backtraces and breakpoints name it. Slow with much code: for debugging.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "backends/emit/code_listener.h"

namespace mimus::emit {

class GdbJit final : public CodeListener {
 public:
  GdbJit();
  ~GdbJit() override;  // takes back what it announced
  GdbJit(const GdbJit&) = delete;
  void code_added(u64 exec, u32 size, std::string_view name) override;

 private:
  struct Entry;
  std::vector<std::unique_ptr<Entry>> entries_;
};

// The ELF file that announces one function: for tests.
std::vector<u8> symbol_file(u64 exec, u32 size, std::string_view name);

}  // namespace mimus::emit
