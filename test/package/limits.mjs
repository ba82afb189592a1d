// What the prebuilt binaries may need and show. Older systems than these do not run Node.js 20 either.
export const limits = {
  /** Highest symbol versions: Debian 10, RHEL 8, Ubuntu 20.04. */
  versions: { GLIBC: '2.28', GLIBCXX: '3.4.22', CXXABI: '1.3.11', GCC: '4.2.0' },
  /** Node.js itself links all of them. */
  needed: [
    'libstdc++.so.6',
    'libm.so.6',
    'libgcc_s.so.1',
    'libpthread.so.0',
    'libc.so.6',
    /^ld-linux-[\w-]+\.so\.\d$/,
  ],
  exports: ['napi_register_module_v1', 'node_api_module_get_api_version_v1'],
  bytes: 400_000,
};
