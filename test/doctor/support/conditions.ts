// Conditions that are really there: each in namespaces of its own, made by other programs around the one command.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Check, Diagnosis } from '../../../lib/doctor.js';
import { privileged } from '../../support/privileges.js';

export const cli = fileURLToPath(new URL('../../../bin/nsnet.js', import.meta.url));
const filter = fileURLToPath(new URL('./seccomp.py', import.meta.url));

export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end, whatever that is. */
export function end(file: string, ...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(file, args, { encoding: 'utf8', maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr });
    });
  });
}

/** A shell script as arguments, `"$@"` in it being what follows. */
export const shell = (script: string) => ['sh', '-c', script, 'sh'];

/** As a user who may do nothing special, with only this capability left, which mapping root takes. */
export const powerless = ['setpriv', '--inh-caps=-all', '--bounding-set=-all,+setfcap'];

/** Under a seccomp filter; see seccomp.py. */
export const filtered = (mode: 'errno' | 'kill', ...rules: string[]) => [
  '/usr/bin/python3',
  filter,
  mode,
  ...rules,
  '--',
];

/** Namespaces by unshare(1); without privileges in a user namespace, where this user is root and may do the rest. */
export const unshare = (...options: string[]) => [
  'unshare',
  ...(privileged ? [] : ['--map-root-user']),
  ...options,
];

export interface Report extends Diagnosis {
  code: number;
  of(name: string): Check;
}

/** What a command prints as JSON, in a report that names checks that are not there. */
export async function diagnosisOf(file: string, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await end(file, ...args);
  let diagnosis: Diagnosis;
  try {
    diagnosis = JSON.parse(stdout);
  } catch {
    throw new Error(`${[file, ...args].join(' ')}: ${stderr || `exit code ${code}`}`);
  }
  const of = (name: string) => {
    const check = diagnosis.checks.find((each) => each.name === name);
    if (check) return check;
    throw new Error(`no check '${name}' among ${diagnosis.checks.map((each) => each.name).join(', ')}`);
  };
  return { ...diagnosis, code, of };
}

/** What doctor says, started by this command line. */
export function doctorIn(...command: string[]): Promise<Report> {
  const [file = '', ...args] = [...command, process.execPath, cli, 'doctor', '--json'];
  return diagnosisOf(file, ...args);
}
