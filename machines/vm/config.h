// What a machine is to be built from, as the command line or a configuration file says. Endpoints belong to the Vm.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/endpoint/block_endpoint.h"
#include "core/endpoint/char_endpoint.h"
#include "core/endpoint/entropy_endpoint.h"
#include "core/endpoint/net_endpoint.h"

namespace mimus {

enum class VirtioBus { mmio, pci };
enum class GicVersion { v2, v3 };                             // of Arm boards
enum class InterruptController { plic, aplic, aplic_imsic };  // of RISC-V boards
enum class DiskInterface { virtio, nvme };

struct Disk {
  BlockEndpoint* endpoint;
  DiskInterface interface = DiskInterface::virtio;
};

struct Network {
  NetEndpoint* endpoint;
  std::optional<MacAddress> mac;  // absent: the board chooses one
};

// A bank of flash memory: the file that it is read from, and where changes go (null: nowhere).
struct FlashBank {
  std::string file;
  BlockEndpoint* store = nullptr;
};

struct MachineConfig {
  u64 memory = u64{512} << 20;  // bytes, a multiple of the page size
  u32 cpus = 1;
  std::string firmware;     // file; empty: the board's own; "none": start at the payload
  std::string kernel;       // file; empty: none
  std::string initrd;       // file; empty: none
  std::string append;       // kernel command line
  std::string device_tree;  // file; empty: the board's own

  VirtioBus virtio = VirtioBus::mmio;  // where virtio devices sit
  std::optional<GicVersion> gic;       // of Arm boards; none: v3
  InterruptController interrupts = InterruptController::plic;
  bool pci_ports = false;          // every PCI device behind a root port of its own
  bool acpi = true;                // ACPI tables for firmware, on boards that have them
  CharEndpoint* serial = nullptr;  // null: output is dropped
  std::vector<FlashBank> flash;    // firmware to execute, then variables; empty: no flash
  std::vector<Disk> disks;
  std::vector<Network> networks;
  std::vector<CharEndpoint*> consoles;
  EntropyEndpoint* entropy = nullptr;
};

}  // namespace mimus
