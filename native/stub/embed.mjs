// Builds the stub and writes it as a C array: node native/stub/embed.mjs OUTPUT [compiler]
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const output = process.argv[2];
const compiler = (process.argv[3] ?? process.env.CC ?? 'cc').split(' ').filter(Boolean);
const flags =
  '-std=gnu11 -Os -Wall -Wextra -Werror -static -nostdlib -ffreestanding -fno-stack-protector -fno-pic -no-pie' +
  ' -fno-asynchronous-unwind-tables -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-s';

mkdirSync(dirname(output), { recursive: true });
const binary = join(dirname(output), `stub-${process.pid}`);
execFileSync(compiler[0], [...compiler.slice(1), ...flags.split(' '), '-o', binary, join(here, 'stub.c')], {
  stdio: 'inherit',
});
const bytes = readFileSync(binary);
rmSync(binary);
const rows = [];
for (let at = 0; at < bytes.length; at += 20) rows.push(`    ${[...bytes.subarray(at, at + 20)].join(',')},`);
writeFileSync(output, `static const unsigned char kStub[${bytes.length}] = {\n${rows.join('\n')}\n};\n`);
