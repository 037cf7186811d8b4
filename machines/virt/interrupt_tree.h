// The interrupt controllers of a RISC-V "virt" board in its device tree.
// Source: Linux, Documentation/devicetree/bindings (timer/sifive,clint.yaml,
// interrupt-controller/sifive,plic-1.0.0.yaml, riscv,aplic.yaml, riscv,imsics.yaml).
#pragma once

#include <optional>
#include <vector>

#include "machines/virt/device_tree.h"
#include "machines/virt/fdt_builder.h"
#include "machines/virt/tree_nodes.h"

namespace mimus::virt {

struct InterruptTree {
  InterruptParent wires;
  std::optional<u32> messages;  // phandle of the controller of messages
};

// `harts`: phandles of the harts' own interrupt controllers.
InterruptTree add_interrupt_controllers(FdtBuilder& tree, const RiscvTreeInfo& info, const std::vector<u32>& harts);

}  // namespace mimus::virt
