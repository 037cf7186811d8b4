// What firmware does with the tables: runs the script and finds them in memory, from the RSDP on.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "machines/acpi/firmware_tables.h"

namespace mimus::acpi {

class LoadedTables {
 public:
  explicit LoadedTables(const std::vector<FirmwareFile>& files);

  // By signature; what the XSDT names, and the DSDT.
  const std::map<std::string, std::span<const u8>>& tables() const { return tables_; }
  std::span<const u8> table(const std::string& signature) const { return tables_.at(signature); }
  std::span<const u8> rsdp() const { return files_.at("etc/acpi/rsdp").bytes; }

 private:
  struct File {
    u64 base = 0;
    std::vector<u8> bytes;
  };
  void run(std::span<const u8> entry);
  void find(u64 address);
  std::span<const u8> at(u64 address) const;

  std::map<std::string, File> files_;
  std::map<std::string, std::span<const u8>> tables_;
};

u64 number(std::span<const u8> bytes, size_t offset, unsigned width);
u8 sum(std::span<const u8> bytes);

}  // namespace mimus::acpi
