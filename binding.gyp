{
  'targets': [
    {
      'target_name': 'nsnet',
      'sources': ["<!@(node -p \"require('./native/sources.json').sources.join(' ')\")", 'native/link/glibc.cc'],
      'include_dirs': ["<!@(node -p \"require('node-addon-api').include_dir\")", '<(SHARED_INTERMEDIATE_DIR)'],
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_CPP_EXCEPTIONS',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
        'NODE_ADDON_API_DISABLE_DEPRECATED',
        '_GNU_SOURCE',
      ],
      'cflags!': ['-fno-exceptions', '-O3'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti'],
      'cflags': ['-Os', '-Wall', '-Wextra', '-fvisibility=hidden', '-include ../native/link/glibc.h'],
      'cflags_cc': ['-std=c++17', '-fexceptions', '-fvisibility-inlines-hidden'],
      # Threads of ours may outlive the environment that loaded us, so the code must never be unloaded (nodelete).
      'ldflags': [
        '-Wl,--exclude-libs,ALL',
        '-Wl,--version-script=../native/link/exports.map',
        '-Wl,-z,nodelete',
        '-Wl,-z,relro',
        '-Wl,-z,now',
        '-Wl,--as-needed',
      ],
      'actions': [
        {
          'action_name': 'stub',
          'inputs': ['native/stub/stub.c', 'native/stub/start.h', 'native/stub/embed.mjs', 'native/program.h'],
          'outputs': ['<(SHARED_INTERMEDIATE_DIR)/stub.h'],
          'action': ['node', 'native/stub/embed.mjs', '<(SHARED_INTERMEDIATE_DIR)/stub.h'],
        },
      ],
    },
  ],
}
