// Running a program in the stub, which has memory of its own.
#ifndef NSNET_STUB_PROCESS_H_
#define NSNET_STUB_PROCESS_H_

#include <sys/types.h>

#include <vector>

#include "program.h"

namespace nsnet {

// `kept` are descriptors that the program uses, by the same numbers. Returns 0 when the program was run, whatever came
// of it, or -errno.
int RunInStub(nsnet_program* steps, std::vector<int> kept);
// A descriptor from which the stub can be executed, or -errno.
int OpenStub();
// Starts it, with one end of a socket and descriptors that it is to have by the same numbers: its pid, or -errno. An
// exec that failed is its exit status.
pid_t StartStub(int stub, int socket, std::vector<int>& kept, int flags, int* pidfd = nullptr);
// Reads a program as the stub's answer has it, behind that answer's first byte.
bool ReadProgram(int socket, nsnet_program* program);
bool WriteProgram(int socket, const nsnet_program* program);
// Forces the O_TMPFILE copy of the stub, as where vm.memfd_noexec=2 forbids the memfd.
void ForceTemporaryFile(bool force);

}  // namespace nsnet

#endif  // NSNET_STUB_PROCESS_H_
