#include "core/softfloat/softfloat.h"

namespace mimus::softfloat {

MIMUS_SOFTFLOAT_FORMAT(template, F16, RiscV)

}  // namespace mimus::softfloat
