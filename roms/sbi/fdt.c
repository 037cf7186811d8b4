// Which harts the device tree names. Format: Devicetree Specification v0.4, chapter 5.
#include "sbi.h"

enum { FDT_MAGIC = 0xd00dfeed, FDT_BEGIN_NODE = 1, FDT_END_NODE = 2, FDT_PROP = 3, FDT_NOP = 4, FDT_END = 9 };

static u32 be32(const u8* p) { return (u32)p[0] << 24 | (u32)p[1] << 16 | (u32)p[2] << 8 | p[3]; }

static bool equal(const u8* a, const char* b) {
  while (*b && *a == (u8)*b) ++a, ++b;
  return *a == 0 && *b == 0;
}

static const u8* aligned(const u8* base, u64 offset) { return base + ((offset + 3) & ~3ull); }

struct Node {
  bool is_cpu;
  u32 reg;
};

static void read_property(struct Node* node, const u8* name, const u8* value, u32 size) {
  if (equal(name, "device_type") && size == 4) node->is_cpu = equal(value, "cpu");
  if (equal(name, "reg") && size >= 4) node->reg = be32(value + size - 4);
}

// A node's properties come before its children, so a node is complete at the next BEGIN_NODE or END_NODE.
static void finish_node(struct Node* node, u32* mask) {
  if (node->is_cpu && node->reg < MAX_HARTS) *mask |= 1u << node->reg;
  *node = (struct Node){0};
}

u32 fdt_cpu_mask(const void* fdt) {
  const u8* base = fdt;
  if (!base || ((u64)base & 3) != 0 || be32(base) != FDT_MAGIC) return 0;
  const u8 *structure = base + be32(base + 8), *strings = base + be32(base + 12);
  const u64 end = be32(base + 36);  // size_dt_struct
  struct Node node = {0};
  u32 mask = 0;
  u64 at = 0;
  while (at + 4 <= end) {
    u32 token = be32(structure + at);
    at += 4;
    if (token == FDT_END) break;
    if (token == FDT_BEGIN_NODE || token == FDT_END_NODE) finish_node(&node, &mask);
    if (token == FDT_BEGIN_NODE) {
      while (at < end && structure[at] != 0) ++at;
      at = (u64)(aligned(structure, at + 1) - structure);
    } else if (token == FDT_PROP) {
      u32 size = be32(structure + at);
      if (size > end - at) break;
      read_property(&node, strings + be32(structure + at + 4), structure + at + 8, size);
      at = (u64)(aligned(structure, at + 8 + size) - structure);
    }
  }
  return mask;
}
