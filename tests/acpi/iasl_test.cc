// ACPICA's compiler reads the tables, and what it makes of its own listing of them is the same again.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "machines/virt/aarch64_acpi.h"
#include "tests/acpi/firmware.h"

namespace mimus::acpi {
namespace {

namespace fs = std::filesystem;

struct Scratch {
  fs::path path;
  Scratch() {
    std::string name = testing::TempDir() + "acpi-XXXXXX";
    path = mkdtemp(name.data());
  }
  ~Scratch() { fs::remove_all(path); }
};

std::string read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Its output if it fails, or if it has anything to say against the table.
std::string iasl(const Scratch& scratch, const std::string& arguments) {
  const fs::path log = scratch.path / "log";
  const int status =
      std::system(fmt::format("cd {} && iasl {} >{} 2>&1", scratch.path.string(), arguments, log.string()).c_str());
  const std::string output = read(log);
  const bool clean = output.find("Error ") == std::string::npos && output.find("Warning ") == std::string::npos;
  return status == 0 && clean ? "" : arguments + ":\n" + output;
}

// But for the checksum and the name of the compiler, which are those of its last one.
std::string comparable(std::string table) {
  if (table.size() >= Table::kHeaderBytes) {
    table[Table::kChecksumOffset] = 0;
    table.replace(28, 8, 8, '\0');
  }
  return table;
}

class Iasl : public testing::TestWithParam<GicVersion> {};

TEST_P(Iasl, ReadsEveryTable) {
  if (std::system("iasl -v >/dev/null 2>&1")) GTEST_SKIP() << "iasl is not installed (package acpica-tools)";
  const LoadedTables loaded(make_acpi_tables(virt::aarch64::AcpiInfo{.cpus = 4, .memory = 1 << 30, .gic = GetParam()}));
  for (const auto& [signature, bytes] : loaded.tables()) {
    const Scratch scratch;
    const std::string original(bytes.begin(), bytes.end());
    std::ofstream(scratch.path / "t.dat", std::ios::binary) << original;
    EXPECT_EQ(iasl(scratch, "-d t.dat"), "");
    EXPECT_EQ(iasl(scratch, "-oa -vs -p again t.dsl"), "");
    EXPECT_TRUE(comparable(read(scratch.path / "again.aml")) == comparable(original)) << signature << ":\n"
                                                                                      << read(scratch.path / "t.dsl");
  }
}

INSTANTIATE_TEST_SUITE_P(, Iasl, testing::Values(GicVersion::v2, GicVersion::v3),
                         [](const auto& info) { return info.param == GicVersion::v2 ? "GICv2" : "GICv3"; });

}  // namespace
}  // namespace mimus::acpi
