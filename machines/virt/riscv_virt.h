// The RISC-V "virt" board.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "machines/vm/board.h"

namespace mimus::virt {

// What the board tells software about its CPUs.
struct RiscvCpuInfo {
  std::string isa;                      // "rv64imafdc_zicsr_..."
  std::vector<std::string> extensions;  // one by one
  u32 cache_block = 64;                 // bytes, of the cache-block operations
  bool sv57 = false;
};

std::unique_ptr<Board> make_riscv_virt(RiscvCpuInfo cpu);

}  // namespace mimus::virt
