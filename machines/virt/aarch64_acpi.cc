#include "machines/virt/aarch64_acpi.h"

#include "hw/char/pl011.h"
#include "hw/intc/gicv3.h"
#include "hw/pci/host_bridge.h"
#include "machines/virt/aarch64_memory_map.h"

namespace mimus::virt::aarch64 {
namespace {

using acpi::Table;

constexpr u32 kFirstPpi = 16, kFirstSpi = 32;
constexpr u32 gsi_of_ppi(u32 number) { return kFirstPpi + number; }

// 5.2.12.14 to 5.2.12.18: the GIC's structures.
void cpu_interfaces(Table& madt, const AcpiInfo& info) {
  constexpr u8 kType = 0x0b, kBytes = 80;
  constexpr u32 kEnabled = 1;
  const bool v2 = info.gic == GicVersion::v2;
  for (u32 i = 0; i < info.cpus; i++) {
    madt.put<u8>(kType).put<u8>(kBytes).put<u16>(0).put<u32>(i).put<u32>(i).put<u32>(kEnabled).put<u32>(0);
    madt.put<u32>(info.pmu ? gsi_of_ppi(kPmuPpi) : 0).put<u64>(0).put<u64>(v2 ? kGicCpuInterfaceBase : 0);
    madt.zeros(28);    // virtualization registers and interrupt; GICR of its own: all are in one region
    madt.put<u64>(i);  // MPIDR: Aff0
    madt.zeros(4);     // efficiency class, statistical profiling
  }
}

Table madt(const AcpiInfo& info) {
  Table table("APIC", 5);
  table.zeros(8);
  cpu_interfaces(table, info);
  const u8 version = info.gic == GicVersion::v2 ? 2 : 3;
  table.put<u8>(0x0c)
      .put<u8>(24)
      .put<u16>(0)
      .put<u32>(0)
      .put<u64>(kGicDistributorBase)
      .put<u32>(0)
      .put<u8>(version)
      .zeros(3);
  if (info.gic == GicVersion::v2) {
    constexpr u32 kSpisAsHere = 1;
    table.put<u8>(0x0d).put<u8>(24).put<u16>(0).put<u32>(0).put<u64>(kGicMessageBase).put<u32>(kSpisAsHere);
    table.put<u16>(u16(kMessageIrqs)).put<u16>(u16(kFirstSpi + kMessageIrq));
  } else {
    table.put<u8>(0x0e).put<u8>(16).put<u16>(0).put<u64>(kRedistributorBase);
    table.put<u32>(u32(Gicv3::kRedistributorSize * info.cpus));
    table.put<u8>(0x0f).put<u8>(20).put<u16>(0).put<u32>(0).put<u64>(kItsBase).put<u32>(0);
  }
  return table;
}

// 5.2.24: the timers inside the CPUs.
Table gtdt() {
  constexpr u64 kNoFrame = ~u64{0};
  constexpr u32 kAlwaysOn = 1 << 2;  // and level-triggered, active high
  Table table("GTDT", 2);
  table.put<u64>(kNoFrame).zeros(4);
  for (u32 ppi : {kSecureTimerPpi, kTimerPpi, kVirtualTimerPpi, kHypervisorTimerPpi})
    table.put<u32>(gsi_of_ppi(ppi)).put<u32>(kAlwaysOn);
  table.put<u64>(kNoFrame).zeros(8);
  return table;
}

// 5.2.29: one package of equal CPUs.
Table pptt(const AcpiInfo& info) {
  constexpr u32 kPackage = 1 << 0, kIdValid = 1 << 1, kLeaf = 1 << 3;
  Table table("PPTT", 2);
  const u32 package = u32(table.size());
  const auto node = [&](u32 flags, u32 parent, u32 id) {
    table.put<u8>(0).put<u8>(20).put<u16>(0).put<u32>(flags).put<u32>(parent).put<u32>(id).put<u32>(0);
  };
  node(kPackage, 0, 0);
  for (u32 i = 0; i < info.cpus; i++) node(kIdValid | kLeaf, package, i);
  return table;
}

// DEN 0049D: messages of all PCI functions go to the one ITS, with the requester number as DeviceID.
Table iort() {
  constexpr u32 kNodes = 48, kItsNode = kNodes, kMappingOffset = 36;
  constexpr u8 kItsGroup = 0, kRootComplex = 2;
  constexpr u32 kCoherent = 1;
  constexpr u8 kCoherentAttributes = 3;  // of memory accesses: as the CPUs see it, whatever the device says
  Table table("IORT", 0);
  table.put<u32>(2).put<u32>(kNodes).put<u32>(0);
  table.put<u8>(kItsGroup).put<u16>(24).put<u8>(0).zeros(12).put<u32>(1).put<u32>(0);
  table.put<u8>(kRootComplex).put<u16>(kMappingOffset + 20).put<u8>(1).put<u32>(0).put<u32>(1).put<u32>(kMappingOffset);
  table.put<u32>(kCoherent).zeros(3).put<u8>(kCoherentAttributes);
  table.zeros(8).put<u8>(64).zeros(3);  // no ATS; segment 0; bits of addresses
  table.put<u32>(0).put<u32>(0xffff).put<u32>(0).put<u32>(kItsNode).put<u32>(0);  // 65536 of them, as they are
  return table;
}

}  // namespace

std::vector<acpi::FirmwareFile> make_acpi_tables(const AcpiInfo& info) {
  constexpr u8 kPl011Type = 3, kGicInterrupt = 8;
  const acpi::SerialPort uart{kPl011Type, kUartBase, Pl011::kSize, kGicInterrupt, kFirstSpi + kUartIrq, "\\_SB.COM0"};
  acpi::FirmwareTables tables;
  tables.add_namespace(make_dsdt(info));
  tables.add_fadt(acpi::hardware_reduced_fadt(info.psci_by_hvc ? acpi::BootArchitecture::arm_psci_hvc
                                                               : acpi::BootArchitecture::arm_psci));
  tables.add(madt(info));
  tables.add(pptt(info));
  tables.add(gtdt());
  tables.add(acpi::mcfg({kPciEcamBase, 0, 0, u8(kPciEcamSize / pci::HostBridge::kEcamBytesPerBus - 1)}));
  tables.add(acpi::spcr(uart));
  tables.add(acpi::dbg2(uart));
  if (info.gic == GicVersion::v3) tables.add(iort());
  return tables.finish();
}

}  // namespace mimus::virt::aarch64
