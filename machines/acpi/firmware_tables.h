// Hands ACPI tables to firmware: two blobs and the script by which firmware puts them into memory, fills in their
// addresses and computes their checksums.
//
// Specification: QEMU's linker and loader interface, as EDK2 (OvmfPkg/Include/IndustryStandard/QemuLoader.h) and
// SeaBIOS follow it: the files etc/acpi/tables, etc/acpi/rsdp and etc/table-loader of the firmware configuration
// device. Entries of the script have 128 bytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "machines/acpi/table.h"

namespace mimus::acpi {

struct FirmwareFile {
  std::string name;
  std::vector<u8> contents;
};

class FirmwareTables {
 public:
  // The DSDT, by its AML; FADT points to it.
  void add_namespace(const std::vector<u8>& code);
  void add_fadt(Table fadt);
  void add(Table table);
  // With XSDT and RSDP, which point to all tables but the DSDT.
  std::vector<FirmwareFile> finish();

 private:
  u32 place(Table& table);
  void allocate(std::string_view file, u32 alignment, bool low);
  void point(std::string_view from, u32 offset, u32 target);
  void checksum(std::string_view file, u32 at, u32 start, u32 length);
  void entry(u32 command, const std::vector<u8>& fields);

  std::vector<u8> tables_, script_;
  std::vector<u32> roots_;  // offsets of what XSDT lists
  u32 dsdt_ = 0;
};

}  // namespace mimus::acpi
