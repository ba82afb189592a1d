// The command line.
import { parseArgs } from 'node:util';

export const usage = `usage: node bench/run.mjs [scenario…] [options]

Measures nsnet beside hand-written C, Go's netlink library, pyroute2, and the ip, mount and cp commands. Every program
runs in network and mount namespaces of its own; the machine's own are never touched.

  --runs N          runs of each program, interleaved; the median counts (5)
  --json FILE       writes every sample and the machine's data
  --markdown FILE   writes the tables for a README
  --no-install      leaves missing peers out instead of installing them (root on Debian)
  --help
scenarios: `;

/** Reads the arguments; throws a TypeError that can be shown as it is. */
export function parseOptions(args, scenarioNames) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '5' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      'no-install': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1)
    throw new TypeError(`--runs takes a number from 1, not '${values.runs}'`);
  const unknown = positionals.find((name) => !scenarioNames.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`no scenario '${unknown}'; there are: ${scenarioNames.join(', ')}`);
  }
  const names = positionals.length
    ? scenarioNames.filter((name) => positionals.includes(name))
    : scenarioNames;
  return {
    names,
    runs,
    json: values.json,
    markdown: values.markdown,
    install: !values['no-install'],
    help: values.help,
  };
}
