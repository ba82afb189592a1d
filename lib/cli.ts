import { readFileSync } from 'node:fs';
import * as util from 'node:util';
import { plain, render } from './doctor/render.js';
import { doctor } from './doctor.js';

const HELP = `Usage: nsnet doctor [--json]

  doctor       says what works on this system, what does not, and the cure
    --json     as data
  --version    the version of nsnet
  --help       this text

Exit code of doctor: 0 if namespaces, links and ping work here, else 1.
`;

const OPTIONS = {
  json: { type: 'boolean' },
  version: { type: 'boolean', short: 'v' },
  help: { type: 'boolean', short: 'h' },
} as const;

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}

async function runDoctor(json: boolean): Promise<number> {
  const diagnosis = await doctor();
  const coloured = process.stdout.isTTY && !process.env.NO_COLOR;
  const paint = coloured ? util.styleText : plain;
  process.stdout.write(json ? `${JSON.stringify(diagnosis, null, 2)}\n` : render(diagnosis, paint));
  return diagnosis.ok ? 0 : 1;
}

async function main(args: string[]): Promise<number> {
  const { values, positionals } = util.parseArgs({ args, options: OPTIONS, allowPositionals: true });
  const [command, ...others] = positionals;
  if (values.version || values.help) {
    process.stdout.write(values.version ? `${version()}\n` : HELP);
    return 0;
  }
  if (command === 'doctor' && others.length === 0) return runDoctor(values.json === true);
  throw new TypeError(
    command === undefined ? 'Expected a command' : `Expected doctor but received '${positionals.join(' ')}'`,
  );
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`nsnet: ${(error as Error).message}\n\n${HELP}`);
  process.exitCode = 2;
}
