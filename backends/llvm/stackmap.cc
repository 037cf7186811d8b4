#include "backends/llvm/stackmap.h"

#include <cstring>

namespace mimus::jit {
namespace {

// Hardware numbers of DWARF registers 0-15 (System V ABI, AMD64 supplement 1.0, figure 3.36).
constexpr u8 kFromDwarf[16] = {0, 2, 1, 3, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15};
constexpr u16 kFirstXmm = 17, kXmmCount = 16;

class Reader {
 public:
  explicit Reader(std::span<const u8> bytes) : bytes_(bytes) {}
  template <class T>
  T take() {
    T value{};
    if (at_ + sizeof(T) > bytes_.size())
      ended_ = true;
    else
      std::memcpy(&value, &bytes_[at_], sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  void skip(size_t bytes) { at_ += bytes; }
  void align() { at_ = align_up(at_, 8); }
  bool ended() const { return ended_; }

 private:
  std::span<const u8> bytes_;
  size_t at_ = 0;
  bool ended_ = false;
};

enum LocationType : u8 { kRegister = 1, kDirect, kIndirect, kConstant, kConstantIndex };

Expected<Location> read_location(Reader& in, const std::vector<u64>& constants) {
  const auto type = in.take<u8>();
  in.skip(1);
  in.skip(2);  // size
  const auto reg = in.take<u16>();
  in.skip(2);
  const auto value = in.take<s32>();
  switch (type) {
    case kRegister:
      if (reg < 16) return Location{Location::Kind::general, kFromDwarf[reg], 0};
      if (reg >= kFirstXmm && reg < kFirstXmm + kXmmCount)
        return Location{Location::Kind::vector, u8(reg - kFirstXmm), 0};
      break;
    case kIndirect:
      if (reg < 16) return Location{Location::Kind::memory, kFromDwarf[reg], value};
      break;
    case kConstant: return Location{Location::Kind::constant, 0, value};
    case kConstantIndex:
      if (u32(value) < constants.size()) return Location{Location::Kind::constant, 0, s64(constants[u32(value)])};
      break;
    default: break;
  }
  return fail("LLVM keeps a value where the engine cannot find it");
}

}  // namespace

Expected<StackMap> read_stack_map(std::span<const u8> section) {
  Reader in(section);
  if (in.take<u8>() != 3) return fail("LLVM's stack map has an unknown version");
  in.skip(3);
  const auto functions = in.take<u32>(), constant_count = in.take<u32>(), record_count = in.take<u32>();
  if (functions != 1) return fail("LLVM's stack map is not of one function");
  StackMap map;
  in.skip(8);   // the function's address
  in.skip(16);  // frame size, number of records
  std::vector<u64> constants;
  for (u32 i = 0; i < constant_count && !in.ended(); ++i) constants.push_back(in.take<u64>());
  for (u32 i = 0; i < record_count && !in.ended(); ++i) {
    StackMap::Record record;
    record.id = in.take<u64>();
    record.offset = in.take<u32>();
    in.skip(2);
    const auto locations = in.take<u16>();
    for (u32 k = 0; k < locations && !in.ended(); ++k) {
      MIMUS_TRY(Location location, read_location(in, constants));
      record.locations.push_back(location);
    }
    in.align();
    in.skip(2);
    in.skip(size_t{4} * in.take<u16>());  // live registers
    in.align();
    map.records.push_back(std::move(record));
  }
  if (in.ended()) return fail("LLVM's stack map is cut short");
  return map;
}

}  // namespace mimus::jit
