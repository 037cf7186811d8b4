// struct iovec of the guest, as the host's kernel wants it.
#pragma once

#include <sys/uio.h>

#include <vector>

#include "machines/user/address_space.h"

namespace mimus::user {

class IoVecs {
 public:
  // -EFAULT for what lies outside of the guest's addresses, -EINVAL for too many.
  s64 load(const AddressSpace& memory, GuestVa at, u64 count);

  u64 host() const { return reinterpret_cast<u64>(vectors_.data()); }
  u64 count() const { return vectors_.size(); }
  void prepare_write(AddressSpace& memory) const;

 private:
  std::vector<iovec> vectors_;
};

}  // namespace mimus::user
