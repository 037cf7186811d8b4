// AML byte by byte; and that the tables which firmware puts together are those of the board.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "machines/acpi/resources.h"
#include "machines/virt/aarch64_acpi.h"
#include "tests/acpi/firmware.h"

namespace mimus::acpi {
namespace {

using namespace aml;

std::string hex(const Code& code) {
  std::string text;
  for (u8 byte : code) text += fmt::format("{:02x}", byte);
  return text;
}

struct Encoding {
  const char* what;
  Code code;
  const char* bytes;
};

TEST(Aml, Encodings) {
  const Encoding cases[] = {
      {"zero", integer(0), "00"},
      {"one", integer(1), "01"},
      {"byte", integer(0xff), "0aff"},
      {"word", integer(0x100), "0b0001"},
      {"double word", integer(0x10000), "0c00000100"},
      {"quad word", integer(0x100000000), "0e0000000001000000"},
      {"string", string("ab"), "0d616200"},
      {"buffer", buffer({1, 2, 3}), "11060a03010203"},
      {"package", package({integer(1), integer(2)}), "120502010a02"},
      {"EISA identifier", eisa_id("PNP0A08"), "0c41d00a08"},
      {"segment", name_string("_HID"), "5f484944"},
      {"short segment", name_string("PS"), "50535f5f"},
      {"root", name_string("\\"), "5c00"},
      {"two segments", name_string("\\_SB.PCI0"), "5c2e5f53425f50434930"},
      {"three segments", name_string("A.B.C"), "2f03415f5f5f425f5f5f435f5f5f"},
      {"name", name("_UID", integer(2)), "085f5549440a02"},
      {"device", device("DEV0", {}), "5b820544455630"},
      {"scope", scope("\\_SB", {}), "10065c5f53425f"},
      {"method", method("_E03", 0, notify("PWRB", 0x80)), "140d5f4530330086505752420a80"},
      {"return", give_back(arg(3)), "a46b"},
      {"store", store(local(0), arg(1)), "706069"},
      {"if, else", if_else(equal(arg(0), integer(1)), give_back(integer(0)), give_back(integer(1))),
       "a006936801a400a103a401"},
      {"not equal", not_equal(arg(0), local(1)), "92936861"},
      {"and", bit_and(arg(0), integer(0x1d), local(0)), "7b680a1d60"},
      {"field", dword_field(arg(3), 8, "CDW3"), "8a6b0a0843445733"},
      {"memory", fixed_memory(0x9000000, 0x1000),
       "86090001000000090010"
       "0000"},
      {"interrupt", level_interrupt(33),
       "8906000101"
       "21000000"},
      {"buses", bus_numbers(0, 255),
       "880d00020c00"
       "00000000ff0000000001"},
  };
  for (const Encoding& c : cases) EXPECT_EQ(hex(c.code), c.bytes) << c.what;
}

TEST(Aml, PackageLengthsGrow) {
  struct Case {
    size_t body;
    const char* start;
  };
  for (const Case& c : {Case{62 - 5, "103f"}, Case{63 - 5, "104104"}, Case{0xfff - 2 - 5, "104fff"},
                        Case{0x1000 - 2 - 5, "10810001"}}) {
    const Code code = scope("\\_SB", Code(c.body));
    EXPECT_EQ(hex(code).substr(0, std::string(c.start).size()), c.start) << c.body;
  }
}

virt::aarch64::AcpiInfo board(u32 cpus, GicVersion gic) { return {.cpus = cpus, .memory = 1 << 30, .gic = gic}; }

TEST(FirmwareTables, TheScriptPutsThemTogether) {
  for (GicVersion gic : {GicVersion::v2, GicVersion::v3}) {
    const LoadedTables loaded(make_acpi_tables(board(3, gic)));
    for (const char* signature : {"FACP", "APIC", "PPTT", "GTDT", "MCFG", "SPCR", "DBG2", "DSDT"})
      EXPECT_TRUE(loaded.tables().contains(signature)) << signature;
    EXPECT_EQ(loaded.tables().contains("IORT"), gic == GicVersion::v3);
    EXPECT_EQ(number(loaded.table("FACP"), 129, 2), 3u) << "PSCI by HVC";
  }
}

// The types of a MADT's structures, in order.
std::vector<u8> structures(std::span<const u8> madt) {
  std::vector<u8> types;
  for (size_t at = Table::kHeaderBytes + 8; at < madt.size(); at += madt[at + 1]) types.push_back(madt[at]);
  return types;
}

TEST(FirmwareTables, InterruptControllers) {
  const LoadedTables v2(make_acpi_tables(board(2, GicVersion::v2))), v3(make_acpi_tables(board(2, GicVersion::v3)));
  EXPECT_EQ(structures(v2.table("APIC")), (std::vector<u8>{0xb, 0xb, 0xc, 0xd}));
  EXPECT_EQ(structures(v3.table("APIC")), (std::vector<u8>{0xb, 0xb, 0xc, 0xe, 0xf}));
  const size_t second = Table::kHeaderBytes + 8 + 80;
  EXPECT_EQ(number(v3.table("APIC"), second + 68, 8), 1u) << "MPIDR";
  EXPECT_EQ(number(v2.table("APIC"), second + 32, 8), 0x8010000u) << "CPU interface";
}

}  // namespace
}  // namespace mimus::acpi
