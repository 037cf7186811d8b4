#include "machines/virt/fdt_builder.h"

#include <libfdt.h>

namespace mimus {
namespace {

constexpr size_t kMostBytes = 1 << 20;

// Left free inside the tree. U-Boot adds its own nodes in place and sets no memory aside for them: without this room it
// overwrites what lies behind the tree.
constexpr size_t kRoomToGrow = 16 << 10;

void append_be32(std::vector<u8>& out, u32 value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(u8(value >> shift));
}

}  // namespace

FdtBuilder::FdtBuilder() : buffer_(kMostBytes) {
  check(fdt_create(buffer_.data(), int(buffer_.size())));
  check(fdt_finish_reservemap(buffer_.data()));
}

void FdtBuilder::begin(const std::string& name) { check(fdt_begin_node(buffer_.data(), name.c_str())); }
void FdtBuilder::end() { check(fdt_end_node(buffer_.data())); }

void FdtBuilder::property(const char* name, std::span<const u8> data) {
  check(fdt_property(buffer_.data(), name, data.data(), int(data.size())));
}

void FdtBuilder::cells(const char* name, const std::vector<u32>& values) {
  std::vector<u8> data;
  for (u32 value : values) append_be32(data, value);
  property(name, data);
}

void FdtBuilder::cells(const char* name, std::initializer_list<u32> values) { cells(name, std::vector<u32>(values)); }

void FdtBuilder::pairs(const char* name, std::initializer_list<u64> values) {
  std::vector<u32> halves;
  for (u64 value : values) halves.insert(halves.end(), {u32(value >> 32), u32(value)});
  cells(name, halves);
}

void FdtBuilder::strings(const char* name, const std::vector<std::string>& values) {
  std::vector<u8> data;
  for (const std::string& value : values) data.insert(data.end(), value.c_str(), value.c_str() + value.size() + 1);
  property(name, data);
}

u32 FdtBuilder::phandle() {
  cells("phandle", {next_phandle_});
  return next_phandle_++;
}

Expected<std::vector<u8>> FdtBuilder::finish() {
  check(fdt_finish(buffer_.data()));
  if (error_) return fail(std::string("device tree: ") + fdt_strerror(error_));
  buffer_.resize(fdt_totalsize(buffer_.data()) + kRoomToGrow);
  fdt_set_totalsize(buffer_.data(), u32(buffer_.size()));
  return std::move(buffer_);
}

}  // namespace mimus
