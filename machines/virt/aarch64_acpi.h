// The ACPI tables of the AArch64 "virt" board: what UEFI firmware hands to operating systems in place of the device
// tree.
//
// Specification: Advanced Configuration and Power Interface 6.4; Arm Base Boot Requirements (DEN 0044), ACPI recipe;
// Arm, I/O Remapping Table (DEN 0049D); Arm, ACPI for CoreSight and PrimeCell identifiers (DEN 0067).
#pragma once

#include <vector>

#include "machines/acpi/aml.h"
#include "machines/acpi/firmware_tables.h"
#include "machines/vm/config.h"

namespace mimus::virt::aarch64 {

struct AcpiInfo {
  u32 cpus = 1;
  u64 memory = 0;
  GicVersion gic = GicVersion::v3;
  bool pmu = true;
  bool psci_by_hvc = true;
};

std::vector<acpi::FirmwareFile> make_acpi_tables(const AcpiInfo& info);

// The namespace, as AML.
acpi::aml::Code make_dsdt(const AcpiInfo& info);

}  // namespace mimus::virt::aarch64
