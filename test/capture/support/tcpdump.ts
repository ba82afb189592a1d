// What tcpdump says.
import { execFile } from 'node:child_process';
import { numbersIn } from './packets.js';

const { LD_PRELOAD: _, ...env } = process.env;

function tcpdump(args: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { env, encoding: 'buffer', maxBuffer: 2 ** 26 } as const;
    execFile('tcpdump', args, options, (error, out, said) => {
      if (error) reject(new Error(said.toString()));
      else resolve(out);
    });
  });
}

/** The numbers of the packets of a file that it accepts; rejects where it cannot read the filter. */
export async function accepted(file: string, filter: string): Promise<number[]> {
  const args = ['-r', file, '-w', '-', '-U', '--', filter];
  return tcpdump(args).then(numbersIn, (error: Error) => {
    if (error.message.includes('expression rejects all packets')) return [];
    throw error;
  });
}

/** Its lines about the packets of a file, without their time. */
export async function lines(file: string): Promise<string[]> {
  const text = (await tcpdump(['-n', '-t', '-S', '-r', file])).toString();
  return text.trimEnd().split('\n');
}
