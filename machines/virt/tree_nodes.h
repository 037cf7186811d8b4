// Device-tree nodes that the "virt" boards have in common.
// Source: Devicetree Specification v0.4; Linux, Documentation/devicetree/bindings (virtio/mmio.yaml,
// mtd/mtd-physmap.yaml, firmware/qemu,fw-cfg-mmio.yaml, pci/host-generic-pci.yaml, pci/pci-msi.txt).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "machines/virt/fdt_builder.h"
#include "machines/virt/layout.h"
#include "machines/virt/tree_info.h"

namespace mimus::virt {

// The interrupt controller that devices are wired to.
struct InterruptParent {
  u32 phandle = 0;
  u32 address_cells = 0;                             // its #address-cells
  std::function<std::vector<u32>(u32 input)> cells;  // what names a level-triggered input
};

std::string unit(std::string_view name, u64 address);  // "name@address"
void interrupt(FdtBuilder& t, const InterruptParent& parent, u32 input);

void chosen_node(FdtBuilder& t, const TreeInfo& info, const std::string& stdout_path);
void memory_node(FdtBuilder& t, const Layout& layout);
void virtio_nodes(FdtBuilder& t, const Layout& layout, const InterruptParent& parent);
void fw_cfg_node(FdtBuilder& t, const Layout& layout);
void flash_node(FdtBuilder& t, const Layout& layout);
// `msi`: phandle of the controller that takes the messages of all functions, by their requester number.
void pci_node(FdtBuilder& t, const Layout& layout, const std::string& name, const InterruptParent& parent,
              std::optional<u32> msi);

}  // namespace mimus::virt
