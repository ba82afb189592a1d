// Running a program in the stub, which has memory of its own.
#ifndef NSNET_STUB_PROCESS_H_
#define NSNET_STUB_PROCESS_H_

#include <vector>

#include "program.h"

namespace nsnet {

// `kept` are descriptors that the program uses, by the same numbers. Returns 0 when the program was run, whatever came
// of it, or -errno.
int RunInStub(nsnet_program* steps, std::vector<int> kept);
// Forces the O_TMPFILE copy of the stub, as where vm.memfd_noexec=2 forbids the memfd.
void ForceTemporaryFile(bool force);

}  // namespace nsnet

#endif  // NSNET_STUB_PROCESS_H_
