#include "machines/acpi/firmware_tables.h"

namespace mimus::acpi {
namespace {

constexpr std::string_view kTables = "etc/acpi/tables", kRsdp = "etc/acpi/rsdp", kLoader = "etc/table-loader";
constexpr u32 kAllocate = 1, kAddPointer = 2, kAddChecksum = 3;
constexpr size_t kEntryBytes = 128, kNameBytes = 56;
constexpr u32 kPointerBytes = 8;

void put(std::vector<u8>& out, u64 value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; i++) out.push_back(u8(value >> (8 * i)));
}

void put(std::vector<u8>& out, std::string_view text) { out.insert(out.end(), text.begin(), text.end()); }

void put_name(std::vector<u8>& out, std::string_view name) {
  const size_t start = out.size();
  put(out, name);
  out.resize(start + kNameBytes);
}

}  // namespace

void FirmwareTables::entry(u32 command, const std::vector<u8>& fields) {
  const size_t start = script_.size();
  put(script_, command, 4);
  script_.insert(script_.end(), fields.begin(), fields.end());
  script_.resize(start + kEntryBytes);
}

void FirmwareTables::allocate(std::string_view file, u32 alignment, bool low) {
  std::vector<u8> fields;
  put_name(fields, file);
  put(fields, alignment, 4);
  put(fields, low ? 2 : 1, 1);
  entry(kAllocate, fields);
}

// The pointer's own bytes hold the offset of what it points to in the blob of tables.
void FirmwareTables::point(std::string_view from, u32 offset, u32 target) {
  if (from == kTables)
    for (u32 i = 0; i < kPointerBytes; i++) tables_[offset + i] = u8(u64{target} >> (8 * i));
  std::vector<u8> fields;
  put_name(fields, from);
  put_name(fields, kTables);
  put(fields, offset, 4);
  put(fields, kPointerBytes, 1);
  entry(kAddPointer, fields);
}

void FirmwareTables::checksum(std::string_view file, u32 at, u32 start, u32 length) {
  std::vector<u8> fields;
  put_name(fields, file);
  for (u32 value : {at, start, length}) put(fields, value, 4);
  entry(kAddChecksum, fields);
}

u32 FirmwareTables::place(Table& table) {
  if (script_.empty()) {
    allocate(kRsdp, 16, true);
    allocate(kTables, 64, false);
  }
  tables_.resize(align_up(tables_.size(), 8));
  const u32 offset = u32(tables_.size());
  const auto& bytes = table.finish();
  tables_.insert(tables_.end(), bytes.begin(), bytes.end());
  return offset;
}

void FirmwareTables::add_namespace(const std::vector<u8>& code) {
  Table table("DSDT", 2);
  table.put_bytes(code);
  dsdt_ = place(table);
  checksum(kTables, dsdt_ + Table::kChecksumOffset, dsdt_, u32(table.size()));
}

void FirmwareTables::add_fadt(Table fadt) {
  roots_.push_back(place(fadt));
  point(kTables, roots_.back() + kFadtDsdtOffset, dsdt_);
  checksum(kTables, roots_.back() + Table::kChecksumOffset, roots_.back(), u32(fadt.size()));
}

void FirmwareTables::add(Table table) {
  roots_.push_back(place(table));
  checksum(kTables, roots_.back() + Table::kChecksumOffset, roots_.back(), u32(table.size()));
}

// 5.2.5.3: RSDP, revision 2; 5.2.8: XSDT.
std::vector<FirmwareFile> FirmwareTables::finish() {
  Table table("XSDT", 1);
  table.zeros(roots_.size() * kPointerBytes);
  const u32 xsdt = place(table);
  for (u32 i = 0; i < roots_.size(); i++)
    point(kTables, xsdt + u32(Table::kHeaderBytes) + i * kPointerBytes, roots_[i]);
  checksum(kTables, xsdt + Table::kChecksumOffset, xsdt, u32(table.size()));

  constexpr u32 kOldBytes = 20, kBytes = 36, kOldChecksum = 8, kXsdt = 24, kChecksum = 32;
  std::vector<u8> rsdp;
  put(rsdp, "RSD PTR ");
  put(rsdp, 0, 1);
  put(rsdp, "MIMUS ");
  put(rsdp, 2, 1);
  put(rsdp, 0, 4);
  put(rsdp, kBytes, 4);
  put(rsdp, xsdt, 8);
  put(rsdp, 0, 4);
  point(kRsdp, kXsdt, xsdt);
  checksum(kRsdp, kOldChecksum, 0, kOldBytes);
  checksum(kRsdp, kChecksum, 0, kBytes);
  return {{std::string(kTables), std::move(tables_)},
          {std::string(kRsdp), std::move(rsdp)},
          {std::string(kLoader), std::move(script_)}};
}

}  // namespace mimus::acpi
