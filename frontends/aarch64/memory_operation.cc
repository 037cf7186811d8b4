#include "frontends/aarch64/memory_operation.h"

#include <algorithm>

#include "core/engine/runtime.h"

namespace mimus::aarch64 {
namespace {

constexpr u64 kPart = 4096;  // bytes in one call

struct Fields {
  unsigned to, size, from;  // registers; `from` is the data's for sets
  bool is_set;
  u16 write_attr, read_attr;
};

// LDTR's privilege for the sides that the options name.
u16 attribute(const Aarch64State& s, bool unprivileged) {
  return ir::MemAttr{.privilege = u8(unprivileged && s.current_el == 1 ? 1 + kRegimeEl0 : 0)}.pack();
}
Fields fields_of(const Aarch64State& s, u32 raw) {
  const bool is_set = (raw >> 22 & 3) == 3;
  return {raw & 31,
          raw >> 5 & 31,
          raw >> 16 & 31,
          is_set,
          attribute(s, raw >> 12 & 1),
          attribute(s, raw >> (is_set ? 12 : 13) & 1)};
}

// The next piece: 8 bytes where that many are left, else one.
unsigned piece(u64 left) { return left >= 8 ? 3 : 0; }

u64 set(Aarch64State& s, const Fields& f) {
  u64& count = s.x[f.size];
  const u64 data = (f.from == 31 ? 0 : s.x[f.from] & 0xff) * 0x0101'0101'0101'0101;
  for (u64 done = 0; done < kPart && s64(count) < 0;) {
    const unsigned log2 = piece(0 - count);
    s.runtime->store(&s, s.x[f.to] + count, data, access_desc(log2, f.write_attr), 0);
    if (s.leave) return 0;
    count += 1u << log2;
    done += 1u << log2;
  }
  return s64(count) < 0;
}

u64 copy(Aarch64State& s, const Fields& f) {
  u64& count = s.x[f.size];
  for (u64 done = 0; done < kPart && count;) {
    const bool forward = s64(count) < 0;
    const unsigned log2 = piece(forward ? 0 - count : count), bytes = 1u << log2;
    const u64 at = forward ? count : count - bytes;
    const u64 value = s.runtime->load(&s, s.x[f.from] + at, access_desc(log2, f.read_attr), 0);
    if (s.leave) return 0;
    s.runtime->store(&s, s.x[f.to] + at, value, access_desc(log2, f.write_attr), 0);
    if (s.leave) return 0;
    count = forward ? count + bytes : at;
    done += bytes;
  }
  return count != 0;
}

}  // namespace

u64 memory_operation(Aarch64State& s, u32 raw) {
  const Fields f = fields_of(s, raw);
  return f.is_set ? set(s, f) : copy(s, f);
}

}  // namespace mimus::aarch64
