#include "machines/user/iovecs.h"

#include <cerrno>
#include <climits>

namespace mimus::user {

s64 IoVecs::load(const AddressSpace& memory, GuestVa at, u64 count) {
  if (count > IOV_MAX) return -EINVAL;
  vectors_.resize(count);
  if (s64 error = memory.copy_in(vectors_.data(), at, count * sizeof(iovec))) return error;
  for (iovec& v : vectors_) {
    const u64 address = reinterpret_cast<u64>(v.iov_base);
    if (s64(v.iov_len) < 0) return -EINVAL;
    if (v.iov_len && !memory.in_range(address)) return -EFAULT;
    if (v.iov_len) v.iov_base = memory.host(address);
  }
  return 0;
}

void IoVecs::prepare_write(AddressSpace& memory) const {
  for (const iovec& v : vectors_)
    memory.prepare_write(GuestVa(static_cast<u8*>(v.iov_base) - memory.base()), v.iov_len);
}

}  // namespace mimus::user
