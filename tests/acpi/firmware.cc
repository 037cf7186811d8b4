#include "tests/acpi/firmware.h"

#include <gtest/gtest.h>

#include <numeric>

namespace mimus::acpi {

u64 number(std::span<const u8> bytes, size_t offset, unsigned width) {
  u64 value = 0;
  for (unsigned i = 0; i < width; i++) value |= u64{bytes[offset + i]} << (8 * i);
  return value;
}

u8 sum(std::span<const u8> bytes) { return std::accumulate(bytes.begin(), bytes.end(), u8{0}); }

LoadedTables::LoadedTables(const std::vector<FirmwareFile>& files) {
  std::vector<u8> script;
  for (const FirmwareFile& file : files) {
    if (file.name == "etc/table-loader")
      script = file.contents;
    else
      files_[file.name].bytes = file.contents;
  }
  EXPECT_EQ(script.size() % 128, 0u);
  for (size_t i = 0; i < script.size(); i += 128) run(std::span(script).subspan(i, 128));
  const auto pointer = rsdp();
  EXPECT_EQ(std::string(pointer.begin(), pointer.begin() + 8), "RSD PTR ");
  EXPECT_EQ(sum(pointer.first(20)), 0);
  EXPECT_EQ(sum(pointer), 0);
  const auto xsdt = at(number(pointer, 24, 8));
  EXPECT_EQ(std::string(xsdt.begin(), xsdt.begin() + 4), "XSDT");
  EXPECT_EQ(sum(xsdt), 0);
  for (size_t i = Table::kHeaderBytes; i < xsdt.size(); i += 8) find(number(xsdt, i, 8));
  find(number(table("FACP"), kFadtDsdtOffset, 8));
}

void LoadedTables::run(std::span<const u8> entry) {
  auto name = [&](size_t offset) { return std::string(reinterpret_cast<const char*>(&entry[offset])); };
  File& file = files_.at(name(4));
  switch (number(entry, 0, 4)) {
    case 1:
      EXPECT_EQ(file.base, 0u) << "allocated twice";
      file.base = entry[64] == 2 ? 0xf0000 : 0x40000000;
      break;
    case 2: {
      const File& target = files_.at(name(60));
      const u64 offset = number(entry, 116, 4), width = entry[120];
      const u64 value = number(file.bytes, offset, unsigned(width));
      EXPECT_LT(value, target.bytes.size());
      for (unsigned i = 0; i < width; i++) file.bytes[offset + i] = u8((value + target.base) >> (8 * i));
      break;
    }
    case 3: {
      const u64 offset = number(entry, 60, 4), start = number(entry, 64, 4), length = number(entry, 68, 4);
      file.bytes[offset] = 0;
      file.bytes[offset] = u8(-sum(std::span(file.bytes).subspan(start, length)));
      break;
    }
    default: ADD_FAILURE() << "unknown command";
  }
}

std::span<const u8> LoadedTables::at(u64 address) const {
  const File& file = files_.at("etc/acpi/tables");
  const auto rest = std::span(file.bytes).subspan(address - file.base);
  return rest.first(number(rest, Table::kLengthOffset, 4));
}

void LoadedTables::find(u64 address) {
  const auto bytes = at(address);
  const std::string signature(bytes.begin(), bytes.begin() + 4);
  EXPECT_EQ(sum(bytes), 0) << signature;
  EXPECT_TRUE(tables_.emplace(signature, bytes).second) << signature << " twice";
}

}  // namespace mimus::acpi
