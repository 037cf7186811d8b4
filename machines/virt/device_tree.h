// The device tree of the "virt" board.
// Source: Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings (riscv/cpus.yaml,
// riscv/extensions.yaml, timer/sifive,clint.yaml, interrupt-controller/sifive,plic-1.0.0.yaml, serial/8250.yaml,
// rtc/google,goldfish-rtc.yaml, virtio/mmio.yaml, power/reset/syscon-*.yaml).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/types.h"

namespace mimus::virt {

struct TreeInfo {
  u32 cpus = 1;
  u64 memory = 0;
  std::string isa;                      // riscv,isa
  std::vector<std::string> extensions;  // riscv,isa-extensions
  u32 cache_block = 64;
  std::string append;
  struct Range {
    GuestPa start, end;
  };
  std::optional<Range> initrd;
  bool own_firmware = true;  // reserve its memory
  bool flash = false;
  std::vector<u8> rng_seed;
};

Expected<std::vector<u8>> make_device_tree(const TreeInfo& info);

}  // namespace mimus::virt
